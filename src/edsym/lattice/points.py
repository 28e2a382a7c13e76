"""The lattice points near the Ewald sphere, and which spot is which."""

import math

import numpy as np
from numba import njit

from edsym.lattice.linear import combined, dual

FARTHEST = 0.06
"""Largest excitation error of a point that may show, in 1/Å."""
REACH = 3.5
"""Largest distance of a spot from its point, in standard deviations of a coordinate."""


@njit(error_model="numpy", cache=True)
def points_near_sphere(basis, wavelength, longest, most):
    """Return the indices (m, 3) of the points with |s| <= `FARTHEST` and a projection up to `longest`.

    Parameters
    ----------
    basis : (3, 3) float64
        Rows are reciprocal vectors in the frame of the beam, in 1/Å.
    wavelength : float
        In Å.
    longest : float
        In 1/Å.
    most : int
        If there are more points, none is returned.
    """
    found = np.empty((most, 3))
    m = 0
    half = 0.5 * wavelength
    low = -half * longest**2 - FARTHEST - 0.005
    sizes = np.sqrt((dual(basis) ** 2).sum(axis=1)) * math.hypot(longest, low)
    c = np.argmax(np.abs(basis[:, 2]))
    a, b = (c + 1) % 3, (c + 2) % 3
    for i in range(-int(sizes[a]), int(sizes[a]) + 1):
        for j in range(-int(sizes[b]), int(sizes[b]) + 1):
            z = i * basis[a, 2] + j * basis[b, 2]
            ends = (low - z) / basis[c, 2], (FARTHEST - z) / basis[c, 2]
            for k in range(math.ceil(min(ends)), math.floor(max(ends)) + 1):
                x = i * basis[a, 0] + j * basis[b, 0] + k * basis[c, 0]
                y = i * basis[a, 1] + j * basis[b, 1] + k * basis[c, 1]
                depth = z + k * basis[c, 2]
                plane = x * x + y * y
                if plane > longest**2 or abs(-depth - half * (plane + depth**2)) > FARTHEST:
                    continue
                if i == 0 and j == 0 and k == 0:
                    continue
                if m == most:
                    return found[:0]
                found[m, a], found[m, b], found[m, c] = i, j, k
                m += 1
    return found[:m]


@njit(error_model="numpy", cache=True)
def assign(points, basis, origin, wavelength, x, y, error, spread):
    """Return for each point its spot or -1: the spots are sorted by x, and none has two points.

    A spot takes the point that is least unlikely, by distance in the plane and by excitation error.

    Parameters
    ----------
    points : (m, 3) float64
        Indices.
    basis : (3, 3) float64
        Rows are reciprocal vectors in 1/Å.
    origin : (2,) float64
        Where the direct beam is, in 1/Å.
    x, y, spread : (n,) float64
        Spots and the standard deviations of their excitation errors, in 1/Å.
    error : float
        Standard deviation of a coordinate in 1/Å.
    """
    n = len(x)
    cost, taken = np.full(n, np.inf), np.full(n, -1)
    reach = REACH * error
    for p in range(len(points)):
        g = combined(points[p], basis)
        px, py = g[0] + origin[0], g[1] + origin[1]
        s = -g[2] - 0.5 * wavelength * (g[0] ** 2 + g[1] ** 2 + g[2] ** 2)
        i = np.searchsorted(x, px - reach)
        while i < n and x[i] <= px + reach:
            square = (x[i] - px) ** 2 + (y[i] - py) ** 2
            if square < reach**2:
                # Excitation errors have long tails.
                value = square / (2 * error**2) + 2 * math.log(1 + (s / (2 * spread[i])) ** 2)
                if value < cost[i]:
                    cost[i], taken[i] = value, p
            i += 1
    spot = np.full(len(points), -1)
    for i in range(n):
        if taken[i] >= 0:
            other = spot[taken[i]]
            if other < 0 or cost[i] < cost[other]:
                spot[taken[i]] = i
    return spot
