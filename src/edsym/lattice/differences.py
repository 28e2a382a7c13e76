"""Differences of spots that recur: projected lattice vectors, and how well positions are known.

In a still pattern of any orientation the differences of spots are projections of lattice vectors, and short
ones occur many times. How far repeats of one difference scatter tells the error of a position.
"""

import math

import numpy as np
from numba import njit

LONGEST = 1.1
"""Longest difference that is looked at, in 1/Å: longer ones recur less."""
SHORTEST = 0.03
"""Shortest one: no cell has edges beyond 30 Å here, and spots do not split."""
# Repeats of a difference are sought up to this distance, in 1/Å, in bins of its square.
_FARTHEST = 0.05
_BINS = 500


@njit(error_model="numpy", cache=True)
def differences(x, y):
    """Return the differences of spots, and the spots themselves, on a half plane, sorted by x.

    Parameters
    ----------
    x, y : (n,) float64
        Positions from the direct beam, in 1/Å.

    Returns
    -------
    dx, dy : (m,) float64
        Differences between `SHORTEST` and `LONGEST`.
    """
    n = len(x)
    found = np.empty((n * (n + 1) // 2, 2))
    m = 0
    for i in range(n):
        for j in range(i + 1):
            # The direct beam is a spot as well: what would be the difference with itself is that with it.
            a, b = (x[i], y[i]) if j == i else (x[i] - x[j], y[i] - y[j])
            length = a * a + b * b
            if SHORTEST**2 < length < LONGEST**2:
                if b < 0 or (b == 0 and a < 0):
                    a, b = -a, -b
                found[m, 0], found[m, 1] = a, b
                m += 1
    order = np.argsort(found[:m, 0])
    return found[:m, 0][order], found[:m, 1][order]


@njit(error_model="numpy", cache=True)
def position_error(dx, dy, least, most):
    """Return the standard deviation of a coordinate of a spot, from how repeats of differences scatter.

    Two measurements of one difference are apart by r, and r² is distributed exponentially with the mean 8 σ²
    (four spots, two coordinates). Differences that have nothing in common are spread evenly over r²; their
    number is read off at large r. σ follows from the median of the rest.

    Parameters
    ----------
    dx, dy : (m,) float64
        As `differences` returns them.
    least, most : float
        Bounds of the answer, in 1/Å.
    """
    counts = np.zeros(_BINS)
    m = len(dx)
    for i in range(m):
        j = i + 1
        while j < m and dx[j] - dx[i] < _FARTHEST:
            square = (dx[j] - dx[i]) ** 2 + (dy[j] - dy[i]) ** 2
            if square < _FARTHEST**2:
                counts[int(square / _FARTHEST**2 * _BINS)] += 1
            j += 1
    half = _BINS // 2
    background = counts[half:].mean()
    excess = counts[:half].sum() - half * background
    if excess <= 0:
        return most
    total = 0.0
    for b in range(half):
        step = counts[b] - background
        if total + step >= excess / 2:
            square = (b + (excess / 2 - total) / step) * _FARTHEST**2 / _BINS
            return min(most, max(least, math.sqrt(square / (8 * math.log(2)))))
        total += step
    return most


@njit(error_model="numpy", cache=True)
def recurrent(dx, dy, tolerance, most):
    """Return the differences that recur most, the most frequent first.

    Parameters
    ----------
    dx, dy : (m,) float64
        As `differences` returns them.
    tolerance : float
        Differences closer than this in both coordinates are one, in 1/Å.
    most : int
        How many to return at most.

    Returns
    -------
    vectors : (k, 2) float64
        Means of those that are one.
    counts : (k,) float64
        How many they are.
    """
    m = len(dx)
    counts, mean = np.zeros(m), np.zeros((m, 2))
    for i in range(m):
        j = i
        while j < m and dx[j] - dx[i] < tolerance:
            if abs(dy[j] - dy[i]) < tolerance:
                counts[i] += 1
                mean[i, 0] += dx[j]
                mean[i, 1] += dy[j]
                if j > i:
                    counts[j] += 1
                    mean[j, 0] += dx[i]
                    mean[j, 1] += dy[i]
            j += 1
    taken = np.zeros(m, np.bool_)
    vectors, numbers = np.empty((most, 2)), np.empty(most)
    k = 0
    for i in np.argsort(-counts, kind="mergesort"):
        if k == most:
            break
        if taken[i]:
            continue
        x, y = mean[i, 0] / counts[i], mean[i, 1] / counts[i]
        vectors[k, 0], vectors[k, 1], numbers[k] = x, y, counts[i]
        k += 1
        first = np.searchsorted(dx, x - 2 * tolerance)
        for j in range(first, m):
            if dx[j] > x + 2 * tolerance:
                break
            if abs(dy[j] - y) < 2 * tolerance:
                taken[j] = True
    return vectors[:k], numbers[:k]
