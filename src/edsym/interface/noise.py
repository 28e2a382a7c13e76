"""How far spots are off their places, as they tell themselves; a model that knows only better ones warns."""

import warnings

import numpy as np
from scipy.spatial import cKDTree

from edsym.detector.levels import Detector
from edsym.errors import InputWarning
from edsym.interface.spots import Spots

# Within this distance, in 1/Å, a spot is looked for opposite of another; so many spots must have one.
_OPPOSITE = 0.04
_FEWEST = 8
# Of what a model learned from; and what rounded positions may have, in 1/Å.
_FACTOR, _FLOOR = 2.0, 0.0005


def position_error(spots: Spots) -> float:
    """Return the standard deviation of a spot's coordinates, in 1/Å, as the median over patterns.

    The spots of the zero-order Laue zone are lattice points: opposite of one there is another, and the sums
    of their positions are all the same, twice the centre's error, but for errors of places. NaN where no
    pattern has opposite spots enough to tell.
    """
    errors = [_scatter(pattern[:, :2].astype(np.float64)) for pattern in spots]
    return float(np.median([e for e in errors if not np.isnan(e)] or [np.nan]))


def _scatter(q: np.ndarray) -> float:
    distance, mate = cKDTree(-q).query(q)
    paired = distance < _OPPOSITE
    if paired.sum() < _FEWEST:
        return np.nan
    total = (q + q[mate])[paired]
    return float(1.4826 / np.sqrt(2) * np.median(np.abs(total - np.median(total, axis=0))))


def noisier(spots: Spots, detector: Detector) -> list[str]:
    """Return for each pattern in words that its spots are worse than those of a detector; empty if not."""
    limit = _FACTOR * detector.position_error + _FLOOR
    errors = [_scatter(pattern[:, :2].astype(np.float64)) for pattern in spots]
    return [f"positions off by {e:.2g} 1/Å" if e > limit else "" for e in errors]


def warn_noisier(spots: Spots, detector: Detector) -> None:
    """Warn of spots whose places are worse than those that a detector shows, from which a model learned."""
    found = position_error(spots)
    if found > _FACTOR * detector.position_error + _FLOOR:
        warnings.warn(
            f"positions seem to be off by {found:.2g} 1/Å a coordinate, those that the model learned from by "
            f"{detector.position_error:.2g} 1/Å: the answer cannot be relied on",
            InputWarning,
            stacklevel=3,
        )
