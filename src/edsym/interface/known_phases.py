"""Known phases at every position of a scan: what template matching says beside a model."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from edsym.experiment.spots.scan_spots import ScanSpots
from edsym.files import kept_arrays
from edsym.interface.orientation import match_orientations
from edsym.interface.orientation_result import Orientations
from edsym.mapping.known_phases import KnownPhases
from edsym.provenance.digest import digest, files_digest

LEAST_SCORE = 0.4
"""Score of a match: in the simulated scan 97 % inside particles have it, and 39 % of the film alone."""
_BLOCK = 512  # positions that are kept together
_OF_PHASES = {"names", "laue_classes"}


def match_scan(
    spots: ScanSpots,
    cif_files: Sequence[str | Path],
    energy_kev: float = 300.0,
    thickness: float = 200.0,
    *,
    min_score: float = LEAST_SCORE,
    grain: np.ndarray | None = None,
    jobs: int = 1,
    progress: bool = False,
    parts: str | Path | None = None,
) -> KnownPhases:
    """Find which of several known phases each position of a scan is of, and how it is oriented.

    Parameters
    ----------
    spots : ScanSpots
        Spots of all patterns, with the 1/Å of a pixel. Faint ones are not left out: the likelihood of a match
        counts them less.
    cif_files : sequence of paths
        The candidate phases.
    energy_kev : float
        Energy of the electrons in keV.
    thickness : float
        Of the crystals in Å, about.
    min_score : float
        Score that a match must have, 0 to 1.
    grain : (n,) array of int, optional
        Number of each position's grain, -1 where there is none: positions of a grain are oriented together,
        see `edsym.acom.pooling`.
    jobs : int
        Threads. The result is the same.
    progress : bool
        Whether to show a progress bar.
    parts : str or Path, optional
        A folder in which answers are kept: a run that was ended goes on from it.

    Returns
    -------
    KnownPhases
        The best match of each position.

    Raises
    ------
    InputError
        See `edsym.match_orientations`.
    """
    columns = np.stack([spots.qx, spots.qy, spots.intensity], axis=1).astype(float)
    patterns = [part / [1, 1, part[:, 2].sum() or 1] for part in np.split(columns, spots.offset[1:-1])]
    grain = np.full(len(spots), -1) if grain is None else grain
    asked = np.flatnonzero(spots.valid | (grain >= 0))
    options = {"energy_kev": energy_kev, "thickness": thickness, "min_score": min_score}
    found = _nothing(len(spots), cif_files)
    with tqdm(total=len(asked), desc="known phases", unit="pattern", disable=not progress) as bar:
        for block in _blocks(asked, grain):
            several = [patterns[p] for p in block]
            options["grain"] = grain[block].tolist()

            def ask(several: list = several) -> dict[str, np.ndarray]:
                return _answer(match_orientations(several, cif_files, jobs=jobs, **options))

            path = parts and Path(parts) / f"{_key(block, several, cif_files, options)}.npz"
            answer = kept_arrays(path, ask)
            found |= {name: answer[name] for name in _OF_PHASES}
            for name in found.keys() - _OF_PHASES:
                found[name][block] = answer[name]
            bar.update(len(block))
    return KnownPhases(**found)


def _blocks(asked: np.ndarray, grain: np.ndarray) -> Iterator[np.ndarray]:
    """Yield positions that are asked together: those of a grain always are."""
    order = asked[np.argsort(grain[asked], kind="stable")]
    ends = np.flatnonzero(np.diff(grain[order], append=-2) | (grain[order] < 0)) + 1
    start = 0
    while start < len(order):
        far = ends[ends >= min(start + _BLOCK, len(order))][0]
        yield order[start:far]
        start = far


def _nothing(n: int, cif_files: Sequence[str | Path]) -> dict[str, np.ndarray]:
    """Return the arrays of `KnownPhases` without a match."""
    names = np.array([Path(path).stem for path in cif_files])
    values = {"names": names, "laue_classes": np.full(len(names), ""), "phase": np.full(n, -1)}
    values |= {"orientation": np.full((n, 3, 3), np.nan), "euler": np.full((n, 3), np.nan)}
    return values | {name: np.zeros(n) for name in ("score", "reliability", "phase_reliability")}


def _answer(found: Orientations) -> dict[str, np.ndarray]:
    """Return the first match of each pattern as arrays of `KnownPhases`."""
    names = ("phase", "orientation", "euler", "score", "reliability", "phase_reliability")
    values = {name: getattr(found, name)[:, 0] for name in names}
    return values | {"names": np.array(found.phases), "laue_classes": np.array(found.laue_classes)}


def _key(
    block: np.ndarray, patterns: list[np.ndarray], cif_files: Sequence[str | Path], options: dict
) -> str:
    """Return what stands for positions, their spots, the phases and what is asked of them."""
    about = [files_digest(cif_files).encode(), json.dumps(options, sort_keys=True).encode()]
    return digest([*about, block.tobytes(), *(pattern.tobytes() for pattern in patterns)])
