"""Refinement of one lattice against one pattern: spots to points, the plane by least squares, the heights."""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from edsym.lattice.compare import reduce_rows
from edsym.lattice.likelihood import WIDTH, first_scale, fit_heights, spreads
from edsym.lattice.linear import combined, determinant, solve
from edsym.lattice.points import assign, points_near_sphere
from edsym.lattice.scale import fit_scale

MOST_POINTS = 8000
"""Lattice points near the Ewald sphere beyond which a lattice is too fine to be told."""
_NARROWING = 6.0, 3.0, 1.0, 1.0  # widths of the rocking curve from round to round, in true ones
_STRAY = 0.05  # share of spots that are of no lattice, for the score
_STEPS = 12
_FEWEST = 5
FLAT = 1e-4
"""Volume of a reciprocal cell in 1/Å³ below which a lattice is none: no primitive cell has 10,000 Å³."""


class Pattern(NamedTuple):
    """Spots of one pattern, sorted by x.

    Attributes
    ----------
    wavelength : float
        In Å.
    x, y, intensity, spread : (n,) float64
        Positions and standard deviations of excitation errors in 1/Å, and intensities.
    error : float
        Standard deviation of a coordinate in 1/Å.
    longest : float
        Length in 1/Å beyond which there is no spot.
    """

    wavelength: float
    x: np.ndarray
    y: np.ndarray
    intensity: np.ndarray
    spread: np.ndarray
    error: float
    longest: float

    @classmethod
    def of(cls, wavelength: float, x, y, intensity, error: float) -> "Pattern":
        """Return a pattern, its excitation errors guessed."""
        q = np.hypot(x, y)
        longest = float(q.max()) + 0.01
        return cls(wavelength, x, y, intensity, spreads(q, intensity), float(error), longest)


class Fit(NamedTuple):
    """A lattice fitted to a pattern.

    Attributes
    ----------
    basis : (3, 3) float64
        Rows are reciprocal vectors in 1/Å, in the frame of the beam.
    origin : (2,) float64
        Where the direct beam is, in 1/Å.
    scale : (2,) float64
        c and b of `fit_heights`.
    points, spot : (m, 3) float64, (m,) int64
        Points near the sphere and the spot of each, or -1.
    score : float
        Log-likelihood ratio over spots without a lattice, in units of e; minus infinity if there is no fit.
    curvature : (5, 5) float64
        See `fit_heights`.
    """

    basis: np.ndarray
    origin: np.ndarray
    scale: np.ndarray
    points: np.ndarray
    spot: np.ndarray
    score: float
    curvature: np.ndarray


def scale_of(pattern: Pattern) -> np.ndarray:
    """Return the scale and the fall-off of a pattern's intensities with which fits begin."""
    return first_scale(np.hypot(pattern.x, pattern.y), pattern.intensity)


@njit(error_model="numpy", cache=True)
def refined(basis, scale, pattern):
    """Fit a lattice to a pattern, with a rocking curve that narrows from one round to the next.

    Parameters
    ----------
    basis : (3, 3) float64
        Start: rows are reciprocal vectors in 1/Å, in the frame of the beam.
    scale : (2,) float64
        As `scale_of` returns it.
    pattern : Pattern
        The spots.
    """
    basis, origin = basis.copy(), np.zeros(2)
    for width in _NARROWING:
        reduce_rows(basis)
        found, fit = _round(basis, origin, scale, width, True, pattern)
        if not found:
            break
        basis, origin, scale = fit.basis, fit.origin, fit.scale
        if abs(determinant(basis)) < FLAT:
            break
    reduce_rows(basis)
    return evaluate(basis, origin, scale, True, pattern)


@njit(error_model="numpy", cache=True)
def evaluate(basis, origin, scale, free, pattern):
    """Return a `Fit`: the plane, the scale and, if these are `free`, the heights, fitted once."""
    found, fit = _round(basis, origin, scale, 1.0, free, pattern)
    if not found:
        return fit
    # Spots without a lattice: anywhere on the disc, their intensities even on a logarithmic scale.
    n, faintest, error = len(pattern.x), pattern.intensity.min(), pattern.error
    decades = max(1.0, math.log(pattern.intensity.max() / faintest))
    anywhere = n / (math.pi * pattern.longest**2) / decades
    off = offsets(fit.points, fit.spot, fit.basis, fit.origin, pattern)
    score = fit.score + (n - len(off)) * math.log(_STRAY)
    score -= len(off) * math.log(2 * math.pi * error**2 * anywhere) + (off**2).sum() / (2 * error**2)
    return Fit(fit.basis, fit.origin, fit.scale, fit.points, fit.spot, score, fit.curvature)


@njit(error_model="numpy", cache=True)
def offsets(points, spot, basis, origin, pattern):
    """Return how far the indexed spots are from their points in the plane (k, 2), in 1/Å."""
    off, k = np.empty((len(pattern.x), 2)), 0
    for p in range(len(points)):
        if spot[p] >= 0:
            x, y, _ = combined(points[p], basis)
            off[k, 0] = pattern.x[spot[p]] - x - origin[0]
            off[k, 1] = pattern.y[spot[p]] - y - origin[1]
            k += 1
    return off[:k]


@njit(error_model="numpy", cache=True)
def precision(fit, error):
    """Return the inverse covariances (3, 3) of the plane's components and of the heights of a `Fit`.

    Whatever else was fitted is integrated over: the origin, and the scale and fall-off of intensities.
    """
    return _marginal(_normal(fit.points, fit.spot) / error**2), _marginal(fit.curvature)


@njit(error_model="numpy", cache=True)
def _round(basis, origin, scale, width, free, pattern):
    """Index the spots, and fit the plane and then the heights; False if hardly a spot is indexed.

    The score of the fit is the logarithm of the likelihood of its intensities.
    """
    points = points_near_sphere(basis, pattern.wavelength, pattern.longest, MOST_POINTS)
    x, y, intensity = pattern.x, pattern.y, pattern.intensity
    spot = assign(points, basis, origin, pattern.wavelength, x, y, pattern.error, pattern.spread)
    off = offsets(points, spot, basis, origin, pattern)
    if len(off) < _FEWEST:
        return False, Fit(basis, origin, scale, points[:0], spot[:0], -np.inf, np.zeros((5, 5)))
    # The vectors are known to within some 0.1 1/Å beforehand, if no spot tells.
    normal, right, k = _normal(points, spot), np.zeros((4, 2)), 0
    for i in range(4):
        normal[i, i] += 1e-3 if i < 3 else 1e-9
    for p in range(len(points)):
        if spot[p] >= 0:
            for c in range(2):
                for i in range(3):
                    right[i, c] += points[p, i] * off[k, c]
                right[3, c] += off[k, c]
            k += 1
    move = solve(normal, right)
    basis, origin = basis.copy(), origin + move[3]
    for i in range(3):
        for c in range(2):
            basis[i, c] += move[i, c]
    faintest, width = intensity.min(), width * WIDTH
    at = (basis, pattern.wavelength, intensity, faintest, width, scale, _STEPS)
    if free:
        basis, scale, value, curvature = fit_heights(points, spot, *at)
    else:
        scale, value = fit_scale(points, spot, *at)
        curvature = np.zeros((5, 5))
    return True, Fit(basis, origin, scale, points, spot, value, curvature)


@njit(error_model="numpy", cache=True)
def _normal(points, spot):
    """Return the normal matrix (4, 4) of what the places of indexed spots depend on: indices, and origin."""
    normal, row = np.zeros((4, 4)), np.ones(4)
    for p in range(len(points)):
        if spot[p] >= 0:
            row[:3] = points[p]
            for i in range(4):
                for j in range(4):
                    normal[i, j] += row[i] * row[j]
    return normal


@njit(error_model="numpy", cache=True)
def _marginal(matrix):
    """Return the part (3, 3) of an inverse covariance that is left when the other unknowns are let go."""
    n = len(matrix)
    others = matrix[3:, 3:].copy()
    for i in range(n - 3):
        others[i, i] += 1e-9
    gone = solve(others, matrix[3:, :3].copy())
    part = np.empty((3, 3))
    for i in range(3):
        for j in range(3):
            part[i, j] = matrix[i, j] + (1e-3 if i == j else 0.0)
            for k in range(n - 3):
                part[i, j] -= matrix[i, 3 + k] * gone[k, j]
    return part
