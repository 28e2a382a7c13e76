"""Spots that are too close to be told apart, and the order of spots."""

import numpy as np
from numba import njit

# Steps of the square root of an intensity.
AMPLITUDE_STEP = 1e-4


@njit(cache=True)
def by_brightness(spots):
    """Return the order of rows qx, qy, intensity by decreasing intensity; ties by qx, then qy."""
    order = np.argsort(spots[:, 1].copy(), kind="mergesort")  # the same function thrice: compiled once
    order = order[np.argsort(spots[order, 0], kind="mergesort")]
    return order[np.argsort(-amplitude_level(spots[order, 2]), kind="mergesort")]


@njit(cache=True)
def amplitude_level(intensity):
    """Return the number of steps that a detector tells the square root of an intensity from 0."""
    return np.rint(np.sqrt(intensity) / AMPLITUDE_STEP)


@njit(cache=True)
def merge(beams, resolution):
    """Return the spots, rows qx, qy, intensity, of beams that come by brightness, and the first beam of each.

    The brightest beam takes in all beams closer than the resolution, then the brightest of those left does,
    and so on. Intensities add up; the position is the centroid weighted by intensity.
    """
    owner, total = _owners(beams, resolution)
    spots = np.zeros((total, 3))
    first = np.empty(total, dtype=np.int64)
    for i in range(len(beams) - 1, -1, -1):
        first[owner[i]] = i
    for i in range(len(beams)):
        spots[owner[i], 0] += beams[i, 2] * beams[i, 0]
        spots[owner[i], 1] += beams[i, 2] * beams[i, 1]
        spots[owner[i], 2] += beams[i, 2]
    for i in range(total):
        spots[i, 0] /= spots[i, 2]
        spots[i, 1] /= spots[i, 2]
    return spots, first


@njit(cache=True)
def _owners(beams, resolution):
    """Return which spot each beam belongs to, and the number of spots.

    Neighbours are looked for along the beams sorted by qx, only as far as the resolution reaches.
    """
    along_x = np.argsort(beams[:, 0].copy(), kind="mergesort")
    place = np.empty_like(along_x)
    for i in range(len(along_x)):
        place[along_x[i]] = i
    owner = np.full(len(beams), -1)
    total = 0
    for i in range(len(beams)):
        if owner[i] >= 0:
            continue
        owner[i] = total
        for step in (-1, 1):
            j = place[i] + step
            while 0 <= j < len(beams) and abs(beams[along_x[j], 0] - beams[i, 0]) < resolution:
                k = along_x[j]
                square = (beams[k, 0] - beams[i, 0]) ** 2 + (beams[k, 1] - beams[i, 1]) ** 2
                if owner[k] < 0 and square < resolution**2:
                    owner[k] = total
                j += step
        total += 1
    return owner, total
