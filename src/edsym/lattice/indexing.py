"""The spots of views, indexed with a lattice and its orientations."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numba import njit

from edsym.lattice.linear import combined, dual
from edsym.lattice.pattern import BACKGROUND, LARGEST_S, View, match, points_near, ring_weights


@dataclass(frozen=True)
class Fit:
    """A lattice and how it lies in V views.

    Attributes
    ----------
    basis : (3, 3) array
        Rows are reciprocal primitive vectors in 1/Å, in a frame of the crystal.
    rotation : (V, 3, 3) array
        ``basis @ rotation[v]`` is the lattice in the beam's frame of view v.
    centre : (V, 2) array
        Place of the direct beam in 1/Å.
    ellipse : (2,) array
        Relative stretch along x (and shrinking along y), and the same along the diagonal.
    sigma : float
        Standard deviation of a spot's coordinate in 1/Å.
    widths : (2,) array
        Widths of the excitation error in 1/Å, of brighter and fainter spots.
    largest_sigma : float
        What `sigma` may become at most: a wrong lattice would make all spots its own.
    covariance : (6, 6) array or None
        Of the strains xx, yy, zz, yz, xz, xy of the reciprocal lattice in the crystal's frame.
    """

    basis: np.ndarray
    rotation: np.ndarray
    centre: np.ndarray
    ellipse: np.ndarray
    sigma: float
    widths: np.ndarray
    largest_sigma: float
    covariance: np.ndarray | None = None

    @classmethod
    def start(cls, basis: np.ndarray, n_views: int, sigma: float) -> "Fit":
        """Return a fit of `n_views` views in the frame of the basis itself."""
        turned = np.repeat(np.eye(3)[None], n_views, axis=0)
        centre, widths = np.zeros((n_views, 2)), np.array([0.01, 0.025])
        return cls(basis, turned, centre, np.zeros(2), sigma, widths, 1.2 * sigma)

    def distortion(self) -> np.ndarray:
        """Return the (2, 2) matrix that the detector multiplies positions with."""
        e, f = self.ellipse
        return np.array([[1 + e, f], [f, 1 - e]])

    def seen(self, v: int) -> np.ndarray:
        """Return the reciprocal lattice in the beam's frame of view v."""
        return np.ascontiguousarray(self.basis @ self.rotation[v])

    def oriented(self, v: int, rotation: np.ndarray) -> "Fit":
        """Return this fit with another rotation of view v, and its centre unknown again."""
        turns, centre = self.rotation.copy(), self.centre.copy()
        turns[v], centre[v] = rotation, 0.0
        return replace(self, rotation=turns, centre=centre)


@dataclass(frozen=True)
class Indexing:
    """What a fit makes of the spots of a view, from the brightest on.

    Attributes
    ----------
    hkl : (n, 3) array
        Indices; 000 where no lattice point is near.
    inlier : (n,) array
        Probability that the spot is of the lattice.
    gain : (n,) array
        Logarithm of the likelihood over that of a spot anywhere in its ring.
    residual : (n, 2) array
        Measured less predicted position in 1/Å, on the detector.
    excitation : (n,) array
        Excitation errors in 1/Å.
    """

    hkl: np.ndarray
    inlier: np.ndarray
    gain: np.ndarray
    residual: np.ndarray
    excitation: np.ndarray


def index(
    view: View,
    fit: Fit,
    v: int,
    points: np.ndarray,
    relative: float = 0.0,
    guide: np.ndarray | None = None,
) -> Indexing:
    """Return the indexing of a view.

    Parameters
    ----------
    view : View
        View v of the fit.
    fit : Fit
        The lattice.
    v : int
        Which of its views.
    points : (N, 3) array
        Indices of all lattice points that may be in a ring.
    relative : float
        Share by which lengths may be wrong as yet, besides the standard deviation of the positions.
    guide : (3, 3) array, optional
        The lattice in the beam's frame that the spots get their indices from, instead of the fit's own.
    """
    basis = fit.seen(v)
    return Indexing(
        *_indexed(
            view.q, view.faint, view.ring, view.edges, view.wavelength,
            basis, basis if guide is None else np.ascontiguousarray(guide), points,
            fit.centre[v], fit.ellipse, fit.sigma, fit.widths, relative,
        )
    )  # fmt: skip


@njit(error_model="numpy", cache=True, nogil=True)
def _indexed(
    q, faint, ring, edges, wavelength, basis, guide, points, centre, ellipse, spread, widths, relative
):
    n, (e, f) = len(q), ellipse
    det = (1 + e) * (1 - e) - f * f
    undone, tolerance = np.empty((n, 2)), np.empty(n)
    for i in range(n):
        x, y = q[i, 0] - centre[0], q[i, 1] - centre[1]
        undone[i, 0], undone[i, 1] = ((1 - e) * x - f * y) / det, ((1 + e) * y - f * x) / det
        tolerance[i] = 4 * math.hypot(spread, relative * math.hypot(undone[i, 0], undone[i, 1]))
    sigma, longest = math.hypot(spread, relative * 0.5), 0.0
    direct = dual(basis)
    for k in range(3):
        longest = max(longest, math.sqrt(direct[k, 0] ** 2 + direct[k, 1] ** 2 + direct[k, 2] ** 2))
    step = min(0.25 / longest, LARGEST_S / 2)
    hkl, density = match(undone, guide, wavelength, LARGEST_S, step, tolerance, sigma, widths, faint)
    _, s, rings = points_near(points, basis, wavelength, edges)
    weights = ring_weights(s, rings, len(edges) - 1, widths)
    inlier, gain, residual, excitation = np.empty(n), np.empty(n), np.empty((n, 2)), np.empty(n)
    for i in range(n):
        area = math.pi * (edges[ring[i] + 1] ** 2 - edges[ring[i]] ** 2)
        ratio = (1 - BACKGROUND) * density[i] / weights[faint[i], ring[i]] * area
        there = hkl[i, 0] != 0 or hkl[i, 1] != 0 or hkl[i, 2] != 0
        inlier[i], gain[i] = ratio / (ratio + BACKGROUND) if there else 0.0, math.log(ratio + BACKGROUND)
        x, y, z = combined(hkl[i], basis)
        residual[i, 0] = q[i, 0] - x * (1 + e) - y * f - centre[0]
        residual[i, 1] = q[i, 1] - x * f - y * (1 - e) - centre[1]
        excitation[i] = -z - 0.5 * wavelength * (x * x + y * y + z * z)
    return hkl, inlier, gain, residual, excitation
