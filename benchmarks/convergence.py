"""How intensities move with each cut of the basis, and how far the bases are from convergence.

Of each crystal some patterns are computed with a basis far beyond any that is used, and then with smaller
ones: each cut alone (length, excitation error and two-beam amplitude of the beams, length of the couplings),
the others wide; and the bases of the configuration as they are. Prints a table and draws a figure.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import inputs
import matplotlib
import numpy as np
from tqdm import tqdm

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from edsym.errors import MaterialError
from edsym.simulation.engines.choice import make_engine
from edsym.simulation.engines.interface import Pattern
from edsym.simulation.engines.krylov import engine as krylov_engine
from edsym.simulation.settings import SimulationSettings

REFERENCE = {"basis": "adaptive", "g_max": 4.0, "max_excitation_error": 0.5, "min_beam_amplitude": 1e-4}
"""Within 2e-4 of bases of twice the beams in the crystals where that was tried."""
WIDE = REFERENCE | {"min_beam_amplitude": 3e-4}
"""What one cut at a time is made smaller of: a third of the reference's beams."""
CUTS = {
    "g_max": ("Longest beam [1/Å]", [1.5, 1.75, 2.0, 2.5, 3.0, 4.0]),
    "max_excitation_error": ("Largest excitation error [1/Å]", [0.02, 0.04, 0.06, 0.1, 0.2, 0.5]),
    "min_beam_amplitude": ("Least two-beam amplitude", [0.01, 0.005, 0.002, 0.001, 0.0005, 0.0003]),
    "couplings": ("Longest coupling [1/Å]", [1.0, 1.5, 2.0, 3.0, 4.0, 8.0]),
}
BASES = {
    "published": {"basis": "published"},
    "box": {"basis": "box"},
    "adaptive (0.001, |s| ≤ 0.07)": {"basis": "adaptive"},
    "adaptive, 0.001, |s| ≤ 0.5": {"basis": "adaptive", "max_excitation_error": 0.5},
    "adaptive, 0.0005, |s| ≤ 0.5": {
        "basis": "adaptive",
        "max_excitation_error": 0.5,
        "min_beam_amplitude": 0.0005,
    },
    "adaptive, 0.002, |s| ≤ 0.5": {
        "basis": "adaptive",
        "max_excitation_error": 0.5,
        "min_beam_amplitude": 0.002,
    },
}
SPOT = 1e-4
"""Least intensity of a spot."""
Q_MAX = 2.0
"""Largest length of a spot in 1/Å."""


@dataclass(frozen=True)
class Errors:
    """How one pattern differs from the converged one.

    Attributes
    ----------
    largest : float
        Largest |ΔI| of a spot; the incident beam is 1.
    relative : float
        Σ|ΔI| / ΣI of the diffracted spots.
    missed : int
        Spots of the converged pattern that are below the threshold here.
    density : float
        Beams over the volume of the cell in Å³.
    """

    largest: float
    relative: float
    missed: int
    density: float


def errors(pattern: Pattern, reference: Pattern, volume: float) -> Errors:
    """Compare the spots of a pattern with the converged ones, beam by beam; beams left out are dark."""
    here, there = _intensities(pattern), _intensities(reference)
    spots = {hkl for hkl, value in there.items() if value > SPOT} | {
        hkl for hkl, value in here.items() if value > SPOT
    }
    difference = np.array([abs(here.get(hkl, 0) - there.get(hkl, 0)) for hkl in spots])
    diffracted = [hkl for hkl in spots if any(hkl)]
    total = sum(there.get(hkl, 0) for hkl in diffracted)
    moved = sum(abs(here.get(hkl, 0) - there.get(hkl, 0)) for hkl in diffracted)
    missed = sum(there.get(hkl, 0) > SPOT >= here.get(hkl, 0) for hkl in spots)
    return Errors(difference.max(), moved / total if total else 0, missed, len(pattern.hkl) / volume)


def _intensities(pattern: Pattern) -> dict[tuple, float]:
    inside = np.hypot(*pattern.q.T) <= Q_MAX
    return dict(
        zip(map(tuple, pattern.hkl[inside].tolist()), pattern.intensity[inside].tolist(), strict=True)
    )


@contextmanager
def couplings_up_to(limit: float | None) -> Iterator[None]:
    """Set the potential's coefficients beyond a length to zero, while the block runs."""
    table_of = krylov_engine.potential_table

    def cut(cell, *arguments, **options):
        table = table_of(cell, *arguments, **options)
        axes = [np.arange(-width, width + 1) for width in table.half_widths]
        hkl = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        table.values[:, np.linalg.norm(hkl @ cell.reciprocal, axis=1) > limit] = 0
        return table

    if limit is not None:
        krylov_engine.potential_table = cut
    try:
        yield
    finally:
        krylov_engine.potential_table = table_of


def simulate(crystal: inputs.Crystal, config: dict, cuts: dict) -> list[Pattern]:
    """Return the patterns of a crystal with some cuts; `couplings` among them is not a setting."""
    own = {"g_max": None, "max_excitation_error": None, "min_beam_amplitude": None, "max_memory": 1e5}
    changes = {key: value for key, value in cuts.items() if key != "couplings"}
    settings: SimulationSettings = inputs.simulation_settings(config, **own | changes)
    with couplings_up_to(cuts.get("couplings")):
        return list(make_engine(settings).patterns(crystal.structure, crystal.orientations))


def cases() -> dict[tuple[str, float | str], dict]:
    """Return the cuts of everything that is compared, by panel of the figure and place in it."""
    result = {(name, value): WIDE | {name: value} for name, (_, values) in CUTS.items() for value in values}
    return result | {("basis", name): cuts for name, cuts in BASES.items()}


def measure(crystals: list[inputs.Crystal], config: dict) -> dict[tuple[str, float | str], list[Errors]]:
    """Return the errors of all patterns in all cases."""
    found = {case: [] for case in cases()}
    for crystal in tqdm(crystals, unit="crystal"):
        volume = abs(np.linalg.det(crystal.structure.lattice))
        converged = simulate(crystal, config, REFERENCE)
        for case, cuts in cases().items():
            for pattern, reference in zip(simulate(crystal, config, cuts), converged, strict=True):
                found[case].append(errors(pattern, reference, volume))
    return found


def table(found: dict[tuple[str, float | str], list[Errors]]) -> str:
    """Return the errors as a Markdown table."""
    rows = []
    for (name, value), values in found.items():
        largest = [error.largest for error in values]
        relative = [100 * error.relative for error in values]
        rows.append(
            {
                "cut": name,
                "at": value,
                "beams / Å³": f"{np.median([error.density for error in values]):.2f}",
                "largest |ΔI|: median": f"{np.median(largest):.1e}",
                "95 %": f"{np.quantile(largest, 0.95):.1e}",
                "worst": f"{max(largest):.1e}",
                "R [%]: median": f"{np.median(relative):.2f}",
                "95 % ": f"{np.quantile(relative, 0.95):.2f}",
                "spots missed, mean": f"{np.mean([error.missed for error in values]):.2f}",
            }
        )
    return inputs.markdown(rows)


def draw(found: dict[tuple[str, float | str], list[Errors]], path: Path) -> None:
    """Draw the largest |ΔI| of a pattern over each cut, and over the number of beams for the bases."""
    figure, axes = plt.subplots(2, 3, figsize=(10, 6), sharey=True, layout="constrained")
    for axis, (name, (label, values)) in zip(axes.flat, CUTS.items(), strict=False):
        median, low, high = np.transpose([_quantiles(found[name, value]) for value in values])
        axis.fill_between(values, low, high, alpha=0.2, linewidth=0, label="5 to 95 % of the patterns")
        axis.plot(values, median, marker="o", markersize=4, label="median")
        axis.set(xlabel=label, xscale="log", yscale="log")
        axis.set_xticks(values, [f"{value:g}" for value in values], fontsize=8)
        axis.set_xticks([], minor=True)
    axes[0, 2].invert_xaxis()
    axes[0, 0].legend(frameon=False, fontsize=8)
    bases = axes[1, 1]
    axes[1, 2].axis("off")
    for name in BASES:
        values = found["basis", name]
        median, low, high = _quantiles(values)
        density = np.median([error.density for error in values])
        bars = [[median - low], [high - median]]
        bases.errorbar(density, median, bars, marker="o", markersize=5, capsize=2, label=name)
    bases.set_xlabel("Beams per Å³ of the cell")
    bases.set_xlim(0, None)
    axes[1, 2].legend(*bases.get_legend_handles_labels(), title="Bases", frameon=False, loc="center left")
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
    figure.supylabel("Largest |ΔI| of a pattern (the incident beam is 1)", fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    for suffix in (".svg", ".png"):
        figure.savefig(path.with_suffix(suffix), dpi=150)


def _quantiles(values: list[Errors]) -> np.ndarray:
    return np.quantile([error.largest for error in values], [0.5, 0.05, 0.95])


def choose(arguments, config: dict, folder: Path) -> list[inputs.Crystal]:
    """Return the first crystals of the table that can be simulated."""
    settings, found = inputs.simulation_settings(config), []
    for row in inputs.read_table(arguments, config, folder).itertuples(index=False):
        try:
            crystal = inputs.crystal(row, settings, arguments.views)
            simulate(crystal, config, {"basis": "box", "g_max": 0.5, "max_excitation_error": 0.01})
        except MaterialError:
            continue
        found.append(crystal)
        if len(found) == arguments.count:
            break
    return found


def main() -> None:
    """Run the benchmark."""
    inputs.use_one_core()
    parser = inputs.parser(__doc__)
    parser.add_argument("--count", type=int, default=50, help="materials")
    parser.add_argument("--views", type=int, default=2, help="orientations of each")
    parser.add_argument(
        "--figure", type=Path, default=inputs.REPOSITORY / "docs" / "figures" / "convergence.svg"
    )
    arguments = parser.parse_args()
    config = inputs.configuration(arguments)
    with tempfile.TemporaryDirectory() as folder:
        crystals = choose(arguments, config, Path(folder))
    found = measure(crystals, config)
    draw(found, arguments.figure)
    inputs.report(f"{len(crystals)} crystals, {arguments.views} patterns each\n\n" + table(found), arguments)


if __name__ == "__main__":
    main()
