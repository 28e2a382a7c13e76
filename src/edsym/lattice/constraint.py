"""A lattice moved as little as its uncertainty allows until twofold axes are exact, and what that says.

In projection a still pattern gives a lattice's vectors to a thousandth, but their heights to a few per cent.
Symmetry ties heights to the plane: it is found from the agreement, and then gives the heights.
"""

import math

import numpy as np
from numba import njit

from edsym.lattice.linear import combined, dual, solve

LARGEST_CHI = 30.0
"""What exact right angles may cost at most, χ²."""
_EXACT = 1e-5  # how nearly right angles are made, in radians
_ROUNDS = 8
_STILL = 1e-12  # 1/Å: nothing moves any more
# χ² of the first step, which takes angles for linear, beyond which they are never exact at an allowed cost.
_HOPELESS = 100 * LARGEST_CHI
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
    weight = np.zeros((_UNKNOWNS, _UNKNOWNS))
    for i in range(3):  # element by element: numba compiles three seconds at an array put into another
        for j in range(3):
            weight[i, j], weight[3 + i, 3 + j], weight[6 + i, 6 + j] = plane[i, j], plane[i, j], heights[i, j]
    weight[9, 9] = weight[10, 10] = 1 / distortion**2
    move = np.zeros((_UNKNOWNS, 1))
    cosines, slopes = np.zeros(2 * len(conditions)), np.zeros((2 * len(conditions), _UNKNOWNS))
    here = basis.copy()
    for r in range(_ROUNDS):
        _angles(here, basis, conditions, cosines, slopes)
        matrix, right = weight.copy(), np.zeros((_UNKNOWNS, 1))
        for a in range(_UNKNOWNS):
            for b in range(_UNKNOWNS):
                right[a, 0] -= weight[a, b] * move[b, 0]
                for c in range(len(cosines)):
                    matrix[a, b] += slopes[c, a] * slopes[c, b] / _EXACT**2
            for c in range(len(cosines)):
                right[a, 0] -= slopes[c, a] * cosines[c] / _EXACT**2
        step = solve(matrix, right)
        move += step
        _moved(basis, move, here)
        across, along = _cost(weight, move)
        if r == 0 and not across + along < _HOPELESS:
            return here, np.inf, np.inf, -np.inf, np.inf
        if np.abs(step).max() < _STILL:
            break
    _angles(here, basis, conditions, cosines, slopes)
    volume = np.zeros((_UNKNOWNS, 1))
    direct = dual(here)
    for i in range(3):
        for c in range(3):
            volume[3 * c + i, 0] = direct[i, c]
    spread, variance = solve(matrix, volume), 0.0
    for a in range(_UNKNOWNS):
        variance += volume[a, 0] * spread[a, 0]
    looseness = math.sqrt(max(0.0, variance))
    for cosine in cosines:
        if not abs(cosine) < 10 * _EXACT:
            return here, np.inf, np.inf, -np.inf, looseness
    return here, across, along, -_log_density(slopes, weight), looseness


@njit(error_model="numpy", cache=True)
def costs(basis, plane, heights, distortion, conditions):
    """Return for each condition alone (k,) what it costs, χ², and its gain, as `constrained` tells them."""
    cost, gain = np.empty(len(conditions)), np.empty(len(conditions))
    for k in range(len(conditions)):
        alone = conditions[k : k + 1]
        _, across, along, gain[k], _ = constrained(basis, plane, heights, distortion, alone)
        cost[k] = across + along
    return cost, gain


@njit(error_model="numpy", cache=True)
def _cost(weight, move):
    """Return the χ² of a move: of the plane's components and the distortion, and of the heights."""
    across = along = 0.0
    for a in range(_UNKNOWNS):
        for b in range(_UNKNOWNS):
            part = move[a, 0] * weight[a, b] * move[b, 0]
            if 6 <= a < 9:
                along += part
            else:
                across += part
    return across, along


@njit(error_model="numpy", cache=True)
def _moved(basis, move, here):
    """Write the basis after a move: distorted, then shifted."""
    e, f = move[9, 0], move[10, 0]
    for i in range(3):
        x, y, z = basis[i]
        here[i, 0] = x + e * x + f * y + move[i, 0]
        here[i, 1] = y + f * x - e * y + move[3 + i, 0]
        here[i, 2] = z + move[6 + i, 0]


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
def _log_density(slopes, weight):
    """Return ½ ln det 2π S of independent cosines: minus the logarithm of their density at 0.

    S is their covariance. Independent ones are picked by size, as in a Cholesky decomposition with pivots.
    """
    n = len(slopes)
    spread = solve(weight, slopes.T.copy())
    covariance = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            for a in range(_UNKNOWNS):
                covariance[i, j] += slopes[i, a] * spread[a, j]
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
