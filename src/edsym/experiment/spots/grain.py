"""How grainy a background is: what it varies by from place to place beyond counting, as speckle does."""

import numpy as np
from numba import njit

from edsym.experiment.spots.peaks import LEAST, significance

_SHARES = np.array([0.2, 0.4, 0.55, 0.7, 0.8, 0.9])  # of the places, from the darkest on: where zones end
_LOW, _HIGH, _BETWEEN = 0.1, 0.3, 0.757  # quantiles, and how far they are apart in a normal distribution
_FREE = 0.7  # share of a place that must be free
_FEWEST = 40  # places of a zone: their scatter is known to a tenth
_TRIES = 8
_GOLDEN = 0.6180339887498949  # steps of it are spread evenly


@njit(cache=True, nogil=True)
def measured_grain(image, ground, free, area, share):
    """Return the relative variance of the background on the area of a spot, by its brightness.

    In each of a few zones of like brightness it is what makes the lower significances scatter as those of a
    normal distribution: spots that nobody has seen yet are above.

    Parameters
    ----------
    image, ground : (H, W) arrays
        Counts, and those expected of the background.
    free : (H, W) array of bool
        Pixels that are under no bright spot and no mask.
    area : float
        Pixels that a spot covers.
    share : float
        As `edsym.experiment.spots.peaks.significance` takes it.

    Returns
    -------
    levels, grains : (K,) arrays
        Counts of the background on the area of a spot in each zone, ascending, and relative variances.
    """
    on, off, pixels = _places(image, ground, free, max(int(np.rint(np.sqrt(area))), 1))
    level = off / pixels * area
    order, n = np.argsort(level), len(on)
    ends = np.append((_SHARES * n).astype(np.int64), n)
    levels, grains, start, zones = np.zeros(len(ends)), np.zeros(len(ends)), 0, 0
    for end in ends:
        if end < n and (end - start < _FEWEST or n - end < _FEWEST):  # they count with the next
            continue
        part, start = order[start:end], end
        if len(part):
            levels[zones] = np.median(level[part])
            grains[zones] = _grain(on[part], off[part], share)
            zones += 1
    zones = max(zones, 1)
    return levels[:zones], grains[:zones]


@njit(cache=True, nogil=True)
def _places(image, ground, free, side):
    """Return counts, expected counts and free pixels of squares beside each other."""
    height, width = image.shape[0] // side, image.shape[1] // side
    on, off, pixels = np.zeros(height * width), np.zeros(height * width), np.zeros(height * width)
    for i in range(height * side):
        for j in range(width * side):
            if free[i, j]:
                k = i // side * width + j // side
                on[k] += image[i, j]
                off[k] += ground[i, j]
                pixels[k] += 1
    enough = pixels >= _FREE * side**2
    for k in range(len(on)):  # quantiles of whole numbers jump
        on[k] += (k * _GOLDEN) % 1 - 0.5
    return on[enough], off[enough], pixels[enough]


@njit(cache=True, nogil=True)
def _grain(on, off, share):
    chance = 1 + 0.5 / np.sqrt(max(len(on), 1))
    if len(on) < _FEWEST or _scatter(on, off, share, 0.0) <= chance:
        return 0.0
    low, high = -9.0, 2.0  # powers of e
    for _ in range(_TRIES):
        middle = (low + high) / 2
        if _scatter(on, off, share, np.exp(middle)) > chance:
            low = middle
        else:
            high = middle
    return np.exp((low + high) / 2)


@njit(cache=True, nogil=True)
def _scatter(on, off, share, grain):
    z = np.empty(len(on))
    for k in range(len(on)):
        z[k] = significance(max(on[k], 0.0), max(off[k], LEAST), share, grain)
    z = np.sort(z)
    return (z[int(_HIGH * len(z))] - z[int(_LOW * len(z))]) / _BETWEEN
