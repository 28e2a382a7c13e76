"""A map out of the spots of a scan: what a model says of every position alone, of every grain and phase."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from edsym.errors import InputError
from edsym.experiment.spots.scan_spots import ScanSpots
from edsym.files import kept_arrays
from edsym.interface.crystals import FEWEST, answers, as_spots, said_of, said_of_phases
from edsym.interface.model import MAX_SPOTS, TrainedModel, load_model, model_folder
from edsym.interface.noise import noisier
from edsym.interface.ranges import outside
from edsym.mapping.grains import common_pattern, grains
from edsym.mapping.parts import Crystals, Positions
from edsym.mapping.phases import phases
from edsym.mapping.scan_map import ScanMap
from edsym.provenance.digest import digest, files_digest
from edsym.simulation.electrons import wavelength

_FEWEST_OF_GRAIN = 3  # spots of a pattern that tell its neighbours from others
_BLOCK = 64  # crystals that are kept together
_POSITIONS = 512  # and positions: processes are begun once for so many
_TOLERANCE = 1.5  # pixels within which spots of neighbours are the same


def classify_scan(
    spots: ScanSpots,
    model: str | Path = "lattice",
    energy_kev: float = 300.0,
    *,
    min_intensity: float = 0.0,
    threads: int = 1,
    progress: bool = False,
    parts: str | Path | None = None,
) -> ScanMap:
    """Tell crystal system and space group at every position of a scan, of every grain, and of every phase.

    Parameters
    ----------
    spots : ScanSpots
        Spots of all patterns, with the 1/Å of a pixel.
    model : str or Path
        What `load_model` takes.
    energy_kev : float
        Energy of the electrons in keV.
    min_intensity : float
        Spots that are weaker are left out where a position is asked alone: a share of the beam, which is the
        direct beam and all spots. What lies under the crystals, such as a film, has spots, too.
    threads : int
        Processes that look for lattices at once; answers do not depend on it.
    progress : bool
        Whether to show progress bars: of positions, of cells of grains, and of phases.
    parts : str or Path, optional
        A folder in which answers are kept: a run that was ended goes on from it. Nothing removes it.

    Returns
    -------
    ScanMap
        ``positions()``, ``grains()`` and ``phases()`` are tables of what is said of each; ``of_positions``,
        ``of_grains`` and ``of_phases`` have it as arrays.

    Raises
    ------
    InputError
        If the pixels are not calibrated, or there is no such model.

    Notes
    -----
    Grains are neighbours whose patterns have the same spots (`edsym.mapping.grains`). All of a grain show one
    orientation, so they are no independent views of a crystal: their mean pattern is asked, with the spots,
    however faint, that most of them have. Grains that surely have one lattice are a phase
    (`edsym.mapping.phases`), and asked together, as views of one crystal at several orientations.

    Examples
    --------
    >>> y, x = np.mgrid[:64, :64]
    >>> disks = sum(np.hypot(y - 32 - b, x - 32 - a) < 4 for a in (-20, 0, 20) for b in (-20, 0, 20))
    >>> np.save("scan.npy", np.random.default_rng(0).poisson(0.1 + 5 * disks, (1, 2, 64, 64)))
    >>> found = edsym.classify_scan(edsym.find_spots(edsym.read_scan("scan.npy", pixel=0.02)))
    >>> found.positions().spots.tolist(), found.of_positions.p_system.shape
    ([8, 8], (2, 7))
    """
    trained = load_model(model)
    if not 0 <= min_intensity < 1:
        raise InputError(f"min_intensity is {min_intensity!r}, expected 0 or more and less than 1")
    patterns = bright_spots(spots, min_intensity)
    reason = _reasons(spots, patterns, trained)
    asking = _Asking(trained, _Kept(parts, model, energy_kev), energy_kev, threads, progress)
    positions = asking.positions(patterns)
    tolerance = _TOLERANCE * float(spots.pixel.max())
    with_faint = bright_spots(spots, 0.0)
    several = np.array([len(pattern) >= _FEWEST_OF_GRAIN for pattern in with_faint])
    grain = grains(with_faint, several & (spots.reason == ""), spots.shape, tolerance)
    common = [
        common_pattern([with_faint[p] for p in np.flatnonzero(grain == g)], tolerance)
        for g in range(grain.max() + 1)
    ]
    of_grains = asking.crystals([[pattern] for pattern in common], "grain")
    phase = asking.phases(common)
    return ScanMap(
        str(spots.facts.get("name", "")),
        Path(model).name,
        np.array(spots.shape),
        np.array([energy_kev]),
        Positions(
            *positions,
            np.array([pattern[:, 2].sum() for pattern in patterns]),
            np.array([len(pattern) for pattern in patterns]),
            reason,
        ),
        grain,
        of_grains,
        phase,
        said_of_phases(phase, common, of_grains, asking.crystals),
    )


def bright_spots(spots: ScanSpots, min_intensity: float) -> list[np.ndarray]:
    """Return qx, qy and intensity (n, 3) of the spots of each pattern that are bright enough.

    Parameters are those of `classify_scan`.
    """
    columns = np.stack([spots.qx, spots.qy, spots.intensity], axis=1).astype(float)
    parts = np.split(columns, spots.offset[1:-1])
    incident = np.nan_to_num(spots.beam) + [part[:, 2].sum() for part in parts]
    return [part[part[:, 2] > min_intensity * all_of] for part, all_of in zip(parts, incident, strict=True)]


def _reasons(spots: ScanSpots, patterns: list[np.ndarray], trained: TrainedModel) -> np.ndarray:
    """Return why the answer on each pattern is none, or cannot be relied on; empty texts for the others."""
    reason = np.array(spots.reason, dtype=object)
    for p, pattern in enumerate(patterns):
        if reason[p]:
            continue
        if len(pattern) < FEWEST:
            reason[p] = f"fewer than {FEWEST} spots"
        elif len(pattern) > MAX_SPOTS:
            reason[p] = f"more than {MAX_SPOTS} spots"
    left = [p for p in range(len(patterns)) if not reason[p]]
    if left:
        several = as_spots([[patterns[p]] for p in left])
        unlike = outside(several, trained.ranges) if trained.ranges else [""] * len(left)
        worse = noisier(several, trained.model.detector)
        reason[left] = [a or b for a, b in zip(unlike, worse, strict=True)]
    return reason.astype(str)


def _blocks(asked: Sequence, size: int) -> list:
    """Return what is asked, in parts that are kept together."""
    return [asked[start : start + size] for start in range(0, len(asked), size)]


class _Kept:
    """Answers of a model at an energy in the files of a folder, from which an ended run goes on."""

    def __init__(self, parts: str | Path | None, model: str | Path, energy_kev: float):
        self.parts = parts and Path(parts)
        self.about = [files_digest(sorted(model_folder(model).glob("*"))), energy_kev]

    def arrays(self, kind: str, crystals: list[list[np.ndarray]], make: Callable) -> Mapping[str, np.ndarray]:
        """Return the arrays that are kept of crystals, each with its patterns, or else made and kept."""
        if self.parts is None:
            return make()
        about = json.dumps([*self.about, kind, [[len(view) for view in views] for views in crystals]])
        name = digest([about.encode(), *(view.tobytes() for views in crystals for view in views)])
        return kept_arrays(self.parts / f"{name}.npz", make)


@dataclass(frozen=True)
class _Asking:
    """A model and the lattice finder, asked of the patterns of a scan part by part; answers are kept."""

    trained: TrainedModel
    kept: _Kept
    energy_kev: float
    threads: int
    progress: bool

    def positions(self, patterns: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return the probabilities (n, 7), (n, 230) of each pattern by itself; NaN where it is not asked."""
        asked = np.flatnonzero([FEWEST <= len(pattern) <= MAX_SPOTS for pattern in patterns])
        found = tuple(np.full((len(patterns), n), np.nan, np.float32) for n in (7, 230))
        with self._bar(asked, "positions", "pattern") as bar:
            for block in _blocks(asked, _POSITIONS):
                crystals = [[patterns[p]] for p in block]

                def ask(crystals: list = crystals) -> dict[str, np.ndarray]:
                    told = answers(self.trained, crystals, self.energy_kev, self.threads)
                    return {"p_system": told[0], "p_spacegroup": told[1]}

                answer = self.kept.arrays("positions", crystals, ask)
                found[0][block], found[1][block] = answer["p_system"], answer["p_spacegroup"]
                bar.update(len(block))
        return found

    def crystals(self, crystals: list[list[np.ndarray]], kind: str = "phase") -> Crystals:
        """Return what is said of crystals, each with its patterns."""
        found = []
        with self._bar(crystals, f"cells of {kind}s", kind) as bar:
            for block in _blocks(crystals, _BLOCK) or [[]]:

                def ask(block: list = block) -> dict[str, np.ndarray]:
                    return vars(said_of(block, self.trained, self.energy_kev, self.threads, done=bar.update))

                found.append(Crystals(**self.kept.arrays("crystals", block, ask)))
                bar.update(sum(map(len, found)) - bar.n)
        return Crystals.joined(found)

    def phases(self, common: list[np.ndarray]) -> np.ndarray:
        """Return which phase each grain is of, by their common patterns; one of few spots is its own."""
        large = [pattern if len(pattern) >= FEWEST else pattern[:0] for pattern in common]

        def ask() -> dict[str, np.ndarray]:
            return {"phase": phases(large, wavelength(self.energy_kev), progress=self.progress)}

        return self.kept.arrays("phases", [large], ask)["phase"]

    def _bar(self, asked: Sequence, what: str, unit: str) -> tqdm:
        return tqdm(total=len(asked), desc=what, unit=unit, disable=not self.progress)
