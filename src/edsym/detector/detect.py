"""The spots that a detector shows of patterns."""

from dataclasses import astuple

import numpy as np

from edsym.detector.kernel import show
from edsym.detector.levels import LEVELS, Detector
from edsym.errors import InputError
from edsym.seeds import stable_hash
from edsym.spots.store import SpotLists, offsets


def detect(spots: SpotLists, detector: str | Detector, seed: int = 0, draw: int = 0) -> SpotLists:
    """Return the spots that a detector shows of patterns.

    What a pattern draws depends on seed, draw, its material and view, and on nothing else: the same whatever
    patterns stand beside it. Detectors of different quantities draw the same numbers.

    Parameters
    ----------
    spots : SpotLists
        The spots as they are, intensities as shares of the incident beam.
    detector : {"ideal", "good", "typical", "poor"} or Detector
        A level, or quantities as `edsym.detector.settings.DetectorSettings.at` gives them.
    seed : int
        Seed of all draws.
    draw : int
        Which of the draws.

    Returns
    -------
    SpotLists
        The same patterns. Their spots come by decreasing intensity; the ideal detector returns those it gets.

    Raises
    ------
    InputError
        If there is no such level.
    """
    detector = as_detector(detector)
    if detector.ideal:
        return spots
    counts, shown, _ = shown_spots(spots, detector, seed, draw)
    columns = np.ascontiguousarray(shown.T)
    return SpotLists(spots.material_id, spots.material, spots.view, offsets(counts), *columns)


def shown_spots(
    spots: SpotLists, detector: Detector, seed: int, draw: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return number of spots (P,), spots (S, 3) and their sources (S,), see `edsym.detector.kernel.show`."""
    used, place = np.unique(spots.material, return_inverse=True)
    names = spots.material_id[used]
    keys = np.array([stable_hash("detector", seed, draw, name) for name in names], dtype=np.uint64)
    columns = (
        np.ascontiguousarray(column, dtype=np.float32) for column in (spots.qx, spots.qy, spots.intensity)
    )
    return show(
        *columns,
        np.ascontiguousarray(spots.offset, dtype=np.int64),
        keys[place],
        np.ascontiguousarray(spots.view, dtype=np.int64),
        tuple(map(float, astuple(detector))),
    )


def as_detector(detector: str | Detector) -> Detector:
    """Return the detector of a level's name; a detector is returned as it is.

    Raises
    ------
    InputError
        If there is no such level.
    """
    if isinstance(detector, Detector):
        return detector
    if detector not in LEVELS:
        raise InputError(f"there is no detector {detector!r}: expected one of {', '.join(LEVELS)}")
    return LEVELS[detector]
