"""A lattice moved as little as its uncertainty allows until twofold axes are exact, and what that says.

In projection a still pattern gives a lattice's vectors to a thousandth, but their heights to a few per cent.
Symmetry ties heights to the plane: it is found from the agreement, and then gives the heights.
"""

import math

import numpy as np
from numba import njit

from edsym.lattice.linear import combined, dual, root, solve, write_root, write_solution

LARGEST_CHI = 30.0
"""What exact right angles may cost at most, χ²."""
_HOPELESS = 20 * LARGEST_CHI  # what a step may cost at most: the next ones are corrections
_EXACT = 1e-5  # how nearly right angles are made, in radians
_ROUNDS = 8
_STILL = 1e-12  # 1/Å: nothing moves any more
_UNKNOWNS = 11


@njit(error_model="numpy", cache=True)
def constrained(basis, plane, heights, distortion, conditions):
    """Return a basis with right angles between reciprocal vectors, and the evidence for them.

    Unknown are the nine components of the basis and the two of a distortion of the detector, an ellipse.

    Parameters
    ----------
    basis : (3, 3) float64
        Rows are reciprocal vectors in 1/Å, in the frame of the beam.
    plane, heights : (3, 3) float64
        Inverse covariance of the three vectors' x (and y) components, and of their heights.
    distortion : float
        Standard deviation of a component of the ellipse.
    conditions : (k, 3, 3) float64
        Of each, the first vector of indices is at right angles to the other two.

    Returns
    -------
    basis : (3, 3) float64
        Moved.
    across, along : float
        What the move costs: χ² of the plane's components and the distortion, and of the heights.
    gain : float
        Logarithm of the density of such angles where the symmetry is exact, over that without it, where a
        cosine is anything between -1/2 and 1/2; the cost is not in it.
    looseness : float
        Standard deviation of the logarithm of the volume that is left.
    """
    roots = root(plane), root(heights)
    here, across, along, gain, slopes = _exact(basis, *roots, distortion, conditions)
    return here, across, along, gain, _looseness(here, slopes, plane, heights, distortion)


@njit(error_model="numpy", cache=True)
def costs(basis, plane, heights, distortion, conditions):
    """Return for each condition alone (k,) what it costs, χ², and its gain, as `constrained` tells them."""
    of_plane, of_heights = root(plane), root(heights)
    cost, gain = np.empty(len(conditions)), np.empty(len(conditions))
    for k in range(len(conditions)):
        alone = conditions[k : k + 1]
        _, across, along, gain[k], _ = _exact(basis, of_plane, of_heights, distortion, alone)
        cost[k] = across + along
    return cost, gain


@njit(error_model="numpy", cache=True)
def _exact(basis, of_plane, of_heights, distortion, conditions):
    """Return what `constrained` does but for the looseness, and the derivatives of the cosines.

    `of_plane` and `of_heights` are roots of the inverse covariances. With them the unknowns become
    independent ones of the variance 1, and a step is solved for as many numbers as there are cosines.
    """
    n = 2 * len(conditions)
    cosines, slopes, by = np.zeros(n), np.zeros((n, _UNKNOWNS)), np.zeros((n, _UNKNOWNS))
    unit, move, last = np.zeros(_UNKNOWNS), np.zeros(_UNKNOWNS), np.empty(_UNKNOWNS)
    covariance, lower, pull = np.zeros((n, n)), np.zeros((n, n)), np.empty((n, 1))
    here = basis.copy()
    for _ in range(_ROUNDS if n else 0):
        _angles(here, basis, conditions, cosines, slopes)
        _independent(slopes, of_plane, of_heights, distortion, by, covariance)
        for c in range(n):
            covariance[c, c] += _EXACT**2
            pull[c, 0] = -cosines[c]
            for a in range(_UNKNOWNS):
                pull[c, 0] += by[c, a] * unit[a]
        write_root(covariance, lower)
        write_solution(lower, pull)
        for a in range(_UNKNOWNS):
            last[a] = move[a]
        cost = 0.0
        for a in range(_UNKNOWNS):
            unit[a] = 0.0
            for c in range(n):
                unit[a] += by[c, a] * pull[c, 0]
            cost += unit[a] ** 2
        if cost > _HOPELESS:
            return here, np.inf, np.inf, -np.inf, slopes
        for axis in range(3):
            known = of_heights if axis == 2 else of_plane
            for i in (2, 1, 0):
                left = unit[3 * axis + i]
                for j in range(i + 1, 3):
                    left -= known[j, i] * move[3 * axis + j]
                move[3 * axis + i] = left / known[i, i]
        move[9], move[10] = distortion * unit[9], distortion * unit[10]
        _moved(basis, move, here)
        step = 0.0
        for a in range(_UNKNOWNS):
            step = max(step, abs(move[a] - last[a]))
        if step < _STILL:
            break
    _angles(here, basis, conditions, cosines, slopes)
    for cosine in cosines:
        if not abs(cosine) < 10 * _EXACT:
            return here, np.inf, np.inf, -np.inf, slopes
    across, along = 0.0, 0.0
    for a in range(_UNKNOWNS):
        if 6 <= a < 9:
            along += unit[a] ** 2
        else:
            across += unit[a] ** 2
    _independent(slopes, of_plane, of_heights, distortion, by, covariance)
    return here, across, along, -_log_density(covariance), slopes


@njit(error_model="numpy", cache=True)
def _independent(slopes, of_plane, of_heights, distortion, by, covariance):
    """Write the derivatives of the cosines by the independent unknowns (n, 11), and their covariance."""
    for c in range(len(slopes)):
        for axis in range(3):
            known = of_heights if axis == 2 else of_plane
            for i in range(3):
                left = slopes[c, 3 * axis + i]
                for j in range(i):
                    left -= known[i, j] * by[c, 3 * axis + j]
                by[c, 3 * axis + i] = left / known[i, i]
        by[c, 9], by[c, 10] = distortion * slopes[c, 9], distortion * slopes[c, 10]
        for d in range(c + 1):
            total = 0.0
            for a in range(_UNKNOWNS):
                total += by[d, a] * by[c, a]
            covariance[c, d] = covariance[d, c] = total


@njit(error_model="numpy", cache=True)
def _looseness(here, slopes, plane, heights, distortion):
    """Return the standard deviation of the logarithm of the volume that exact cosines leave."""
    matrix, volume, direct = np.zeros((_UNKNOWNS, _UNKNOWNS)), np.zeros((_UNKNOWNS, 1)), dual(here)
    for i in range(3):
        for j in range(3):  # element by element: numba compiles three seconds at an array put into another
            matrix[i, j], matrix[3 + i, 3 + j], matrix[6 + i, 6 + j] = plane[i, j], plane[i, j], heights[i, j]
            volume[3 * j + i, 0] = direct[i, j]
    matrix[9, 9] = matrix[10, 10] = 1 / distortion**2
    for a in range(_UNKNOWNS):
        for b in range(_UNKNOWNS):
            for c in range(len(slopes)):
                matrix[a, b] += slopes[c, a] * slopes[c, b] / _EXACT**2
    spread, variance = solve(matrix, volume), 0.0
    for a in range(_UNKNOWNS):
        variance += volume[a, 0] * spread[a, 0]
    return math.sqrt(max(0.0, variance))


@njit(error_model="numpy", cache=True)
def _moved(basis, move, here):
    """Write the basis after a move: distorted, then shifted."""
    e, f = move[9], move[10]
    for i in range(3):
        x, y, z = basis[i]
        here[i, 0] = x + e * x + f * y + move[i]
        here[i, 1] = y + f * x - e * y + move[3 + i]
        here[i, 2] = z + move[6 + i]


@njit(error_model="numpy", cache=True)
def _angles(here, basis, conditions, cosines, slopes):
    """Write the cosines that should vanish, and their derivatives by the unknowns."""
    for k in range(len(conditions)):
        axis = conditions[k, 0]
        u = combined(axis, here)
        for m in range(2):
            across, row = conditions[k, 1 + m], 2 * k + m
            v = combined(across, here)
            norm = math.sqrt((u[0] ** 2 + u[1] ** 2 + u[2] ** 2) * (v[0] ** 2 + v[1] ** 2 + v[2] ** 2))
            cosines[row] = (u[0] * v[0] + u[1] * v[1] + u[2] * v[2]) / norm
            slopes[row, 9] = slopes[row, 10] = 0
            for i in range(3):
                for c in range(3):
                    slopes[row, 3 * c + i] = (axis[i] * v[c] + across[i] * u[c]) / norm
                by_x, by_y = slopes[row, i], slopes[row, 3 + i]
                slopes[row, 9] += by_x * basis[i, 0] - by_y * basis[i, 1]
                slopes[row, 10] += by_x * basis[i, 1] + by_y * basis[i, 0]


@njit(error_model="numpy", cache=True)
def _log_density(covariance):
    """Return ½ ln det 2π S of independent cosines: minus the logarithm of their density at 0.

    S is their covariance. Independent ones are picked by size, as in a Cholesky decomposition with pivots.
    """
    n = len(covariance)
    total, largest = 0.0, 0.0
    for _ in range(min(5, n)):
        pivot = 0
        for i in range(n):
            if covariance[i, i] > covariance[pivot, pivot]:
                pivot = i
        size = covariance[pivot, pivot]
        largest = max(largest, size)
        if size < 1e-7 * largest or size < 1e-14:
            break
        total += 0.5 * math.log(2 * math.pi * size)
        column = covariance[:, pivot].copy()
        for i in range(n):
            for j in range(n):
                covariance[i, j] -= column[i] * column[j] / size
    return total
