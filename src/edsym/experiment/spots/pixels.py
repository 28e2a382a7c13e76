"""What the pixels of a pattern hold: whether it can be searched, and how many electrons they counted."""

import numpy as np
from numba import njit

_SATURATED = 0.01  # share of the pixels at the largest value
_FEW = 10.0  # electrons: fewer in a pixel are no spike
_SHARP = 5.0  # times the brightest neighbour, and standard deviations of the counts besides


def problem_of(values: np.ndarray, good: np.ndarray) -> str:
    """Return why a pattern (H, W) cannot be searched, or nothing."""
    all_good, measured, low, top = _range(values, good)
    if measured < 0.5 * all_good:
        return f"{all_good - measured} of {all_good} pixels are not numbers"
    if low == top:
        return f"all pixels are {top:g}"
    at_top, below = _near(values, good, top)
    if top >= 100 and at_top > max(_SATURATED * measured, below):
        return f"saturated: {at_top} pixels have the largest value, {top:g}"
    return ""


@njit(cache=True, nogil=True)
def _range(values, good):
    """Return how many pixels are good, how many of these are numbers, the least and the largest."""
    n, measured, low, top = 0, 0, np.inf, -np.inf
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            if good[i, j]:
                n += 1
                if np.isfinite(values[i, j]):
                    measured += 1
                    low, top = min(low, values[i, j]), max(top, values[i, j])
    return n, measured, low, top


@njit(cache=True, nogil=True)
def _near(values, good, top):
    """Return how many good pixels are at a value, and how many below it by a tenth or less."""
    at, below = 0, 0
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            if good[i, j] and values[i, j] >= 0.9 * top:
                if values[i, j] == top:
                    at += 1
                elif values[i, j] < top:
                    below += 1
    return at, below


@njit(cache=True, nogil=True)
def electrons(values, good, gain, pedestal):
    """Return counted electrons (H, W), 0 where nothing was measured, and which pixels measured.

    Single bright pixels are as their brightest neighbour. Of a probe as sharp as
    `edsym.experiment.spots.probe.SHARPEST` blurred by a pixel, a neighbour of the middle has a fifth of its
    counts at least; five standard deviations of the counts are left besides.

    Parameters
    ----------
    values : (H, W) array
        The pattern.
    good : (H, W) array of bool
        Pixels of the detector that measure.
    gain, pedestal : float
        A value is ``gain * electrons + pedestal``.
    """
    height, width = values.shape
    counts, known = np.zeros((height, width)), np.zeros((height, width), np.bool_)
    for i in range(height):
        for j in range(width):
            if good[i, j] and np.isfinite(values[i, j]):
                known[i, j] = True
                counts[i, j] = max((values[i, j] - pedestal) / gain, 0.0)
    out = counts.copy()
    for i in range(height):
        for j in range(width):
            if counts[i, j] >= _FEW:
                out[i, j] = _unless_spike(counts, known, i, j)
    return out, known


@njit(cache=True, nogil=True)
def _unless_spike(counts, known, i, j):
    """Return the counts of a pixel, or those of its brightest neighbour if they are far fewer."""
    high = 0.0
    for a in range(max(i - 1, 0), min(i + 2, counts.shape[0])):
        for b in range(max(j - 1, 0), min(j + 2, counts.shape[1])):
            if (a != i or b != j) and known[a, b] and counts[a, b] > high:
                high = counts[a, b]
                like = _SHARP * (high + 1)
                if counts[i, j] <= like + _SHARP * np.sqrt(like):
                    return counts[i, j]
    like = _SHARP * (high + 1)
    return high if counts[i, j] > like + _SHARP * np.sqrt(like) else counts[i, j]
