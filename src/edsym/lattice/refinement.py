"""Refinement of one lattice against one pattern: spots to points, the plane by least squares, the heights."""

import math

import numpy as np
from numba import njit

from edsym.lattice.compare import reduce_rows
from edsym.lattice.likelihood import FALLOFF, WIDTH, fit_heights
from edsym.lattice.linear import combined, determinant, solve
from edsym.lattice.points import assign, points_near_sphere

MOST_POINTS = 8000
"""Lattice points near the Ewald sphere beyond which a lattice is too fine to be told."""
# Share of spots that are of no lattice, for the score.
_STRAY = 0.05
_STEPS = 12
_FEWEST = 5


@njit(error_model="numpy", cache=True)
def fit_plane(points, spot, x, y, basis, origin):
    """Return basis and origin with the plane's components fitted to the spots by least squares.

    The direct beam is known to within some 0.005 1/Å beforehand, and the vectors to 0.1.
    """
    normal, right = np.zeros((4, 4)), np.zeros((4, 2))
    row = np.ones(4)
    for p in range(len(points)):
        i = spot[p]
        if i < 0:
            continue
        row[:3] = points[p]
        plane = combined(points[p], basis)
        for a in range(4):
            right[a, 0] += row[a] * (x[i] - plane[0] - origin[0])
            right[a, 1] += row[a] * (y[i] - plane[1] - origin[1])
            for b in range(4):
                normal[a, b] += row[a] * row[b]
    for a in range(3):
        normal[a, a] += 1e-3
    move = solve(normal, right) if normal[3, 3] > 0 else np.zeros((4, 2))
    basis, origin = basis.copy(), origin.copy()
    basis[:, :2] += move[:3]
    origin += move[3]
    return basis, origin


@njit(error_model="numpy", cache=True)
def misfit(points, spot, basis, origin, x, y):
    """Return the number of indexed spots and the sum of their squared distances in the plane."""
    total, n = 0.0, 0
    for p in range(len(points)):
        if spot[p] >= 0:
            g = combined(points[p], basis)
            total += (x[spot[p]] - g[0] - origin[0]) ** 2 + (y[spot[p]] - g[1] - origin[1]) ** 2
            n += 1
    return n, total


@njit(error_model="numpy", cache=True)
def refine(basis, origin, widths, wavelength, x, y, intensity, spread, error):
    """Refine a lattice, with the rocking curve narrowing from one round to the next.

    Parameters
    ----------
    basis : (3, 3) float64
        Rows are reciprocal vectors in 1/Å, in the frame of the beam.
    origin : (2,) float64
        Where the direct beam is, in 1/Å.
    widths : (k,) float64
        Width of the rocking curve in each round, in units of `WIDTH`.
    wavelength : float
        In Å.
    x, y, intensity, spread : (n,) float64
        Spots sorted by x, as `assign` takes them.
    error : float
        Standard deviation of a coordinate in 1/Å.

    Returns
    -------
    basis, origin
        Refined; the basis is reduced.
    scale : (2,) float64
        c and b of `fit_heights`.
    """
    n = len(x)
    longest, threshold = _reach(x, y), intensity.min()
    level = np.sort(np.log(intensity) + FALLOFF * np.sqrt(x**2 + y**2))
    scale = np.array([level[n - 1 - n // 10] - 0.7, FALLOFF])
    basis = basis.copy()
    for width in widths:
        reduce_rows(basis)
        points = points_near_sphere(basis, wavelength, longest, MOST_POINTS)
        spot = assign(points, basis, origin, wavelength, x, y, error, spread)
        if (spot >= 0).sum() < _FEWEST:
            break
        basis, origin = fit_plane(points, spot, x, y, basis, origin)
        basis, scale, _, _ = fit_heights(
            points, spot, basis, wavelength, intensity, threshold, width * WIDTH, scale, _STEPS, True
        )
        if not abs(determinant(basis)) > 1e-4:
            break
    reduce_rows(basis)
    return basis, origin, scale


@njit(error_model="numpy", cache=True)
def evaluate(basis, origin, scale, free, wavelength, x, y, intensity, spread, error):
    """Fit the plane, the scale and, if these are `free`, the heights once more, and say how good it is.

    Parameters and what is returned are those of `refine`, and

    Returns
    -------
    points, spot
        Points near the sphere and their spots.
    score : float
        Log-likelihood ratio over spots without a lattice, in units of e; minus infinity if there is no fit.
    curvature : (5, 5) float64
        See `fit_heights`.
    """
    n = len(x)
    longest, threshold = _reach(x, y), intensity.min()
    points = points_near_sphere(basis, wavelength, longest, MOST_POINTS)
    spot = assign(points, basis, origin, wavelength, x, y, error, spread)
    if (spot >= 0).sum() < _FEWEST:
        return basis, origin, scale, points, spot, -np.inf, np.zeros((5, 5))
    basis, origin = fit_plane(points, spot, x, y, basis, origin)
    basis, scale, value, curvature = fit_heights(
        points, spot, basis, wavelength, intensity, threshold, WIDTH, scale, _STEPS, free
    )
    indexed, square = misfit(points, spot, basis, origin, x, y)
    # Spots without a lattice: anywhere on the disc, their intensities even on a logarithmic scale.
    anywhere = n / (math.pi * longest**2) / max(1.0, math.log(intensity.max() / threshold))
    value -= indexed * math.log(2 * math.pi * error**2 * anywhere) + square / (2 * error**2)
    return basis, origin, scale, points, spot, value + (n - indexed) * math.log(_STRAY), curvature


@njit(error_model="numpy", cache=True)
def _reach(x, y):
    return math.sqrt((x**2 + y**2).max()) + 0.01


@njit(error_model="numpy", cache=True)
def precision(points, spot, curvature, error):
    """Return the inverse covariances (3, 3) of the plane's components and of the heights.

    Whatever else was fitted is integrated over: the origin, and the scale and fall-off of intensities.
    """
    normal, row = np.zeros((4, 4)), np.ones(4)
    for p in range(len(points)):
        if spot[p] >= 0:
            row[:3] = points[p]
            for a in range(4):
                for b in range(4):
                    normal[a, b] += row[a] * row[b] / error**2
    return _marginal(normal), _marginal(curvature)


@njit(error_model="numpy", cache=True)
def _marginal(matrix):
    """Return the part (3, 3) of an inverse covariance that is left when the other unknowns are let go."""
    others = np.ascontiguousarray(matrix[3:, 3:])
    for i in range(len(others)):
        others[i, i] += 1e-9
    step = solve(others, np.ascontiguousarray(matrix[3:, :3]))
    part = matrix[:3, :3].copy()
    for a in range(3):
        part[a, a] += 1e-3
        for b in range(3):
            for k in range(len(others)):
                part[a, b] -= matrix[a, 3 + k] * step[k, b]
    return part
