"""Time the simulation beside abTEM and py4DSTEM: the same crystals, orientations and beams, in one run.

abTEM (`StructureFactor` and `BlochWaves`, double precision) is compared without absorption, py4DSTEM
(structure factors "WK-CP") with Weickenmeier and Kohl's. Every repeat runs all of them, one after the other.
"""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import inputs
import numpy as np
from tqdm import tqdm

from edsym.simulation.engines.abtem_engine import AbtemEngine
from edsym.simulation.engines.choice import make_engine
from edsym.simulation.engines.interface import Pattern
from edsym.simulation.settings import SimulationSettings

# Patterns that edsym makes in one timing: one alone is too short for the clock's noise.
_BATCH = 100


@dataclass
class Timing:
    """Seconds for the structure factors and for a pattern, one value a repeat, and the intensities."""

    setup: list[float]
    pattern: list[float]
    intensities: list[np.ndarray]


class Edsym:
    """The engine of the configuration."""

    def __init__(self, settings: SimulationSettings):
        self.settings, self._engine = settings, make_engine(settings)

    def patterns(self, crystal: inputs.Crystal) -> list[Pattern]:
        """Return the patterns of a crystal."""
        return list(self._engine.patterns(crystal.structure, crystal.orientations))

    def time(self, crystal: inputs.Crystal, beams: list[np.ndarray]) -> tuple[float, float, list]:
        """Return seconds for the structure factors, for a pattern, and the intensities of `beams`."""
        many = np.resize(crystal.orientations, (_BATCH, 3, 3))
        setup = _seconds(lambda: list(self._engine.patterns(crystal.structure, many[:0])))
        total = _seconds(lambda: sum(1 for _ in self._engine.patterns(crystal.structure, many)))
        intensities = [pattern.intensity for pattern in self.patterns(crystal)]
        return setup, (total - setup) / _BATCH, intensities


class Abtem:
    """abTEM through edsym's wrapper, which yields one pattern at a time."""

    name = "abTEM"

    def __init__(self, settings: SimulationSettings):
        self._engine = AbtemEngine(settings)

    def time(self, crystal: inputs.Crystal, beams: list[np.ndarray]) -> tuple[float, float, list]:
        """Return seconds for the structure factors, for a pattern, and the intensities of `beams`."""
        clock = [time.perf_counter()]
        patterns = []
        for pattern in self._engine.patterns(crystal.structure, crystal.orientations):
            clock.append(time.perf_counter())
            patterns.append(pattern)
        first, *rest = np.diff(clock)
        seconds = float(np.mean(rest))
        return (
            first - seconds,
            seconds,
            [_in_order_of(hkl, p) for hkl, p in zip(beams, patterns, strict=True)],
        )


class Py4dstem:
    """py4DSTEM in a process of its own environment, which stays for the whole run."""

    name = "py4DSTEM"

    def __init__(self, process: subprocess.Popen, folder: Path, settings: SimulationSettings):
        self._process, self._folder, self._settings = process, folder, settings

    def time(self, crystal: inputs.Crystal, beams: list[np.ndarray]) -> tuple[float, float, list]:
        """Return seconds for the structure factors, for a pattern, and the intensities of `beams`."""
        settings, structure = self._settings, crystal.structure
        offset = np.cumsum([0, *map(len, beams)])
        np.savez(
            self._folder / "job.npz",
            lattice=structure.lattice,
            numbers=structure.numbers,
            frac_coords=structure.frac_coords,
            orientations=crystal.orientations,
            hkl=np.concatenate(beams),
            offset=offset,
            voltage=1e3 * settings.energy_kev,
            thickness=settings.thickness_angstrom,
            thermal_sigma=settings.thermal_sigma_angstrom,
            g_max=settings.g_max,
            max_error=settings.max_excitation_error,
            method="WK-CP",
        )
        print(self._folder / "job.npz", self._folder / "answer.npz", file=self._process.stdin, flush=True)
        if self._process.stdout.readline().strip() != "done":
            raise SystemExit("py4DSTEM failed: see above")
        with np.load(self._folder / "answer.npz") as answer:
            intensities = np.split(answer["intensity"], offset[1:-1])
            return float(answer["setup"]), float(np.mean(answer["seconds"])), intensities


@contextmanager
def py4dstem_process(python: Path | None) -> Iterator[subprocess.Popen | None]:
    """Start the worker with the Python of py4DSTEM's environment, if there is one."""
    if python is None:
        yield None
        return
    command = [str(python), str(Path(__file__).with_name("py4dstem_worker.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.stdin.close()


def compare(edsym: Edsym, peer, crystal: inputs.Crystal, repeats: int) -> tuple[list, Timing, Timing]:
    """Time both, in turns; return the beams of each pattern and the timings of both."""
    beams = [pattern.hkl for pattern in edsym.patterns(crystal)]
    timings = Timing([], [], []), Timing([], [], [])
    for _ in range(repeats):
        for engine, timing in zip((edsym, peer), timings, strict=True):
            setup, pattern, timing.intensities = engine.time(crystal, beams)
            timing.setup.append(setup)
            timing.pattern.append(pattern)
    return beams, *timings


def table_row(crystal: inputs.Crystal, peer: str, beams: list, ours: Timing, theirs: Timing) -> dict:
    """Return what a comparison found, as a row of the table."""
    largest = max(np.abs(a - b).max() for a, b in zip(ours.intensities, theirs.intensities, strict=True))
    volume = abs(np.linalg.det(crystal.structure.lattice))
    return {
        "crystal": crystal.material_id,
        "volume [Å³]": f"{volume:.0f}",
        "matrix": "real" if crystal.centrosymmetric else "complex",
        "beams": f"{np.mean([len(hkl) for hkl in beams]):.0f}",
        "peer": peer,
        "factors, edsym [ms]": _spread(ours.setup),
        "factors, peer [ms]": _spread(theirs.setup),
        "ratio of factors": f"{np.median(theirs.setup) / np.median(ours.setup):.0f}",
        "pattern, edsym [ms]": _spread(ours.pattern),
        "pattern, peer [ms]": _spread(theirs.pattern),
        "ratio": f"{np.median(theirs.pattern) / np.median(ours.pattern):.0f}",
        "largest |ΔI|": f"{largest:.1e}",
    }


def projection(rows: list[dict], volumes: np.ndarray, settings: SimulationSettings) -> list[dict]:
    """Return the core-hours that the paper's set would take if its crystals were those of the table.

    Structure factors and patterns only: not what standardising, peaks and writing cost (`throughput.py`).
    """
    beams = inputs.expected_beams(volumes, settings)
    result = []
    for peer in dict.fromkeys(row["peer"] for row in rows):
        mine = [row for row in rows if row["peer"] == peer]
        n = np.array([float(row["beams"]) for row in mine])
        for who in ("edsym", "peer"):
            setup, pattern = (
                np.array([float(row[f"{what}, {who} [ms]"].split()[0]) for row in mine])
                for what in ("factors", "pattern")
            )
            seconds = setup / 1e3 + inputs.PAPER_VIEWS * pattern / 1e3
            mean = _interpolated(n, seconds, beams).mean()
            result.append(
                {
                    "engine": peer if who == "peer" else f"edsym, as compared with {peer}",
                    "core-hours": f"{mean * inputs.PAPER_MATERIALS / 3600:.1f}",
                }
            )
    return result


def _interpolated(n: np.ndarray, seconds: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return the times at other numbers of beams, on logarithmic scales; outside by the mean power of n."""
    sizes, groups = np.unique(np.round(np.log(n), 1), return_inverse=True)
    times = np.array([np.log(seconds[groups == i]).mean() for i in range(len(sizes))])
    power = (times[-1] - times[0]) / max(sizes[-1] - sizes[0], 1e-9)
    x = np.log(at)
    beyond = x - np.clip(x, sizes[0], sizes[-1])
    return np.exp(np.interp(x, sizes, times) + power * beyond)


def _seconds(run) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _spread(seconds: list[float]) -> str:
    low, middle, high = (1e3 * value for value in (min(seconds), np.median(seconds), max(seconds)))
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


def _in_order_of(hkl: np.ndarray, pattern: Pattern) -> np.ndarray:
    """Return the intensities of a pattern in the order of these beams; both must have the same."""
    ours, theirs = np.lexsort(hkl.T), np.lexsort(pattern.hkl.T)
    if not np.array_equal(hkl[ours], pattern.hkl[theirs]):
        raise SystemExit("the peer takes other beams: intensities cannot be compared")
    intensity = np.empty(len(hkl))
    intensity[ours] = pattern.intensity[theirs]
    return intensity


def main() -> None:
    """Run the benchmark."""
    inputs.use_one_core()
    parser = inputs.parser(__doc__)
    parser.add_argument("--beams", type=int, nargs="+", default=[150, 350, 850])
    parser.add_argument("--views", type=int, default=3, help="orientations of each crystal")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--py4dstem-python", type=Path, help="python of an environment with py4DSTEM 0.14.18")
    parser.add_argument("--no-abtem", action="store_true", help="leave abTEM out")
    arguments = parser.parse_args()
    config = inputs.configuration(arguments)
    if config["simulation"]["basis"] == "adaptive":
        raise SystemExit("the peers have no adaptive basis: add --set basis=published or --set basis=box")
    elastic = inputs.simulation_settings(config, absorption="none", scattering_factors="lobato")
    settings = inputs.simulation_settings(
        config, absorption="weickenmeier_kohl", scattering_factors="py4dstem"
    )
    with (
        tempfile.TemporaryDirectory() as name,
        py4dstem_process(arguments.py4dstem_python) as process,
    ):
        table = inputs.read_table(arguments, config, Path(name))
        crystals = inputs.crystals_of_sizes(table, settings, arguments.beams, arguments.views)
        pairs = [] if arguments.no_abtem else [(Edsym(elastic), Abtem(elastic))]
        if process is not None:
            pairs.append((Edsym(settings), Py4dstem(process, Path(name), settings)))
        for edsym, peer in pairs:
            compare(edsym, peer, crystals[0], 1)  # compiles, imports and fills caches
        rows = []
        for crystal in tqdm(crystals, unit="crystal"):
            for edsym, peer in pairs:
                rows.append(table_row(crystal, peer.name, *compare(edsym, peer, crystal, arguments.repeats)))
    text = inputs.markdown(rows)
    hours = projection(rows, table["volume"].to_numpy(), settings)
    text += f"\n\n{inputs.PAPER_MATERIALS:,} materials × {inputs.PAPER_VIEWS} patterns:\n\n"
    inputs.report(text + inputs.markdown(hours), arguments)


if __name__ == "__main__":
    main()
