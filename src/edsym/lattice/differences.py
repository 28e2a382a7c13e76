"""How well the positions of spots are known, from how often their differences recur."""

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


def differences(x, y) -> tuple[np.ndarray, np.ndarray]:
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
    # The direct beam is a spot as well.
    dx, dy = _on_half_plane(np.append(x, 0.0), np.append(y, 0.0))
    order = np.argsort(dx, kind="stable")
    return dx[order], dy[order]


@njit(error_model="numpy", cache=True)
def _on_half_plane(x, y):
    n, found = len(x), 0
    dx, dy = np.empty(n * (n - 1) // 2), np.empty(n * (n - 1) // 2)
    for one in range(n):
        for other in range(one + 1, n):
            by_x, by_y = x[one] - x[other], y[one] - y[other]
            if not SHORTEST < math.hypot(by_x, by_y) < LONGEST:
                continue
            sign = -1.0 if by_y < 0 or (by_y == 0 and by_x < 0) else 1.0
            dx[found], dy[found] = sign * by_x, sign * by_y
            found += 1
    return dx[:found], dy[:found]


def position_error(dx, dy, least: float, most: float) -> float:
    """Return the standard deviation of a coordinate of a spot, from how repeats of differences scatter.

    Two measurements of one difference are apart by r, and r² is distributed exponentially with the mean 8 σ²
    (four spots, two coordinates). Differences that have nothing in common are spread evenly over r²; their
    number is read off at large r. σ follows from the median of the rest.

    Parameters
    ----------
    dx, dy : (m,) float64
        As `differences` returns them.
    least, most : float
        Bounds of the answer, in 1/Å; the upper one is that of differences that do not recur.
    """
    counts = _count_repeats(dx, dy)
    half = _BINS // 2
    rest = np.cumsum(counts[:half] - counts[half:].mean())
    if rest[-1] <= 0:
        return most
    b = int(np.argmax(rest >= rest[-1] / 2))
    before = rest[b - 1] if b else 0.0
    square = (b + (rest[-1] / 2 - before) / (rest[b] - before)) * _FARTHEST**2 / _BINS
    return min(most, max(least, math.sqrt(square / (8 * math.log(2)))))


@njit(error_model="numpy", cache=True)
def _count_repeats(dx, dy):
    """Return the number of pairs of differences in bins of their squared distance."""
    counts = np.zeros(_BINS)
    for i in range(len(dx)):
        j = i + 1
        while j < len(dx) and dx[j] - dx[i] < _FARTHEST:
            square = (dx[j] - dx[i]) ** 2 + (dy[j] - dy[i]) ** 2
            if square < _FARTHEST**2:
                counts[int(square / _FARTHEST**2 * _BINS)] += 1
            j += 1
    return counts
