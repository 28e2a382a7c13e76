"""Refinement of one lattice against one pattern: spots to points, the plane by least squares, the heights."""

import math
from typing import NamedTuple

import numpy as np

from edsym.lattice.compare import reduced
from edsym.lattice.likelihood import WIDTH, first_scale, fit_heights, spreads
from edsym.lattice.linear import determinant
from edsym.lattice.points import assign, points_near_sphere

MOST_POINTS = 8000
"""Lattice points near the Ewald sphere beyond which a lattice is too fine to be told."""
_NARROWING = 6.0, 3.0, 1.0, 1.0  # widths of the rocking curve from round to round, in true ones
_STRAY = 0.05  # share of spots that are of no lattice, for the score
_STEPS = 12
_FEWEST = 5
_FLAT = 1e-4  # 1/Å³: no primitive cell has 10,000 Å³


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
    """

    wavelength: float
    x: np.ndarray
    y: np.ndarray
    intensity: np.ndarray
    spread: np.ndarray
    error: float

    @classmethod
    def of(cls, wavelength: float, x, y, intensity, error: float) -> "Pattern":
        """Return a pattern, its excitation errors guessed."""
        return cls(wavelength, x, y, intensity, spreads(np.hypot(x, y), intensity), error)

    @property
    def longest(self) -> float:
        """Length in 1/Å beyond which there is no spot."""
        return float(np.hypot(self.x, self.y).max()) + 0.01


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


def refine(basis: np.ndarray, pattern: Pattern) -> Fit:
    """Fit a lattice to a pattern, with a rocking curve that narrows from one round to the next.

    Parameters
    ----------
    basis : (3, 3) array
        Start: rows are reciprocal vectors in 1/Å, in the frame of the beam.
    pattern : Pattern
        The spots.
    """
    origin, scale = np.zeros(2), first_scale(np.hypot(pattern.x, pattern.y), pattern.intensity)
    for width in _NARROWING:
        basis = reduced(basis)
        fit = _round(basis, origin, scale, width, True, pattern)
        if fit is None:
            break
        basis, origin, scale, *_ = fit
        if abs(determinant(basis)) < _FLAT:
            break
    return evaluate(reduced(basis), origin, scale, True, pattern)


def evaluate(basis, origin, scale, free: bool, pattern: Pattern) -> Fit:
    """Fit the plane, the scale and, if these are `free`, the heights once, and say how good it is."""
    fit = _round(basis, origin, scale, 1.0, free, pattern)
    if fit is None:
        return Fit(basis, origin, scale, np.empty((0, 3)), np.empty(0, int), -np.inf, np.zeros((5, 5)))
    basis, origin, scale, points, spot, value, curvature = fit
    off = offsets(points, spot, basis, origin, pattern)
    n, error, faintest = len(pattern.x), pattern.error, pattern.intensity.min()
    # Spots without a lattice: anywhere on the disc, their intensities even on a logarithmic scale.
    decades = max(1.0, math.log(pattern.intensity.max() / faintest))
    anywhere = n / (math.pi * pattern.longest**2) / decades
    value -= len(off) * math.log(2 * math.pi * error**2 * anywhere) + (off**2).sum() / (2 * error**2)
    return Fit(basis, origin, scale, points, spot, value + (n - len(off)) * math.log(_STRAY), curvature)


def offsets(points, spot, basis, origin, pattern: Pattern) -> np.ndarray:
    """Return how far the indexed spots are from their points in the plane (k, 2), in 1/Å."""
    seen = spot >= 0
    places = np.stack([pattern.x[spot[seen]], pattern.y[spot[seen]]], axis=1)
    return places - points[seen] @ basis[:, :2] - origin


def precision(fit: Fit, error: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the inverse covariances (3, 3) of the plane's components and of the heights.

    Whatever else was fitted is integrated over: the origin, and the scale and fall-off of intensities.
    """
    rows = _rows(fit.points, fit.spot)
    return _marginal(rows.T @ rows / error**2), _marginal(fit.curvature)


def _round(basis, origin, scale, width, free, pattern):
    """Index the spots, and fit the plane and then the heights; None if hardly a spot is indexed."""
    points = points_near_sphere(basis, pattern.wavelength, pattern.longest, MOST_POINTS)
    spot = assign(
        points, basis, origin, pattern.wavelength, pattern.x, pattern.y, pattern.error, pattern.spread
    )
    if (spot >= 0).sum() < _FEWEST:
        return None
    rows = _rows(points, spot)
    # The vectors are known to within some 0.1 1/Å beforehand, if no spot tells.
    normal = rows.T @ rows + np.diag([1e-3, 1e-3, 1e-3, 1e-9])
    move = np.linalg.solve(normal, rows.T @ offsets(points, spot, basis, origin, pattern))
    basis, origin = np.column_stack([basis[:, :2] + move[:3], basis[:, 2]]), origin + move[3]
    basis, scale, value, curvature = fit_heights(
        points,
        spot,
        basis,
        pattern.wavelength,
        pattern.intensity,
        pattern.intensity.min(),
        width * WIDTH,
        scale,
        _STEPS,
        free,
    )
    return basis, origin, scale, points, spot, value, curvature


def _rows(points, spot) -> np.ndarray:
    """Return what the places of indexed spots depend on (k, 4): indices, and 1 for the origin."""
    seen = points[spot >= 0]
    return np.column_stack([seen, np.ones(len(seen))])


def _marginal(matrix) -> np.ndarray:
    """Return the part (3, 3) of an inverse covariance that is left when the other unknowns are let go."""
    others = matrix[3:, 3:] + 1e-9 * np.eye(len(matrix) - 3)
    part = matrix[:3, :3] - matrix[:3, 3:] @ np.linalg.solve(others, matrix[3:, :3])
    return part + 1e-3 * np.eye(3)
