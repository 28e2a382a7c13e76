"""Normal equations of one view's likelihood, by the unknowns of the joint refinement.

The unknowns are, in this order: six strains xx, yy, zz, yz, xz, xy of the reciprocal lattice in the crystal's
frame, two of the ellipse (`N_GLOBAL`); of the view three turns about the axes of the beam's frame, and where
the direct beam is (`N_VIEW`).
"""

import numpy as np
from numba import njit

from edsym.lattice.strain import PLACES

N_GLOBAL, N_VIEW = 8, 5
_PAIRS = np.array(PLACES)
_UNKNOWNS = N_GLOBAL + N_VIEW
_NEGLIGIBLE = 1e-3


@njit(cache=True, nogil=True)
def spot_equations(
    hkl, inlier, excitation, residual, faint, basis, rotation, distortion, sigma, widths, wavelength
):
    """Return what the spots of a view say.

    Parameters
    ----------
    hkl : (n, 3) array of float64
        Indices.
    inlier : (n,) array
        Probabilities that the spots are of the lattice.
    excitation : (n,) array
        Excitation errors in 1/Å.
    residual : (n, 2) array
        Measured less predicted positions in 1/Å.
    faint : (n,) array of int
        Which of the widths holds for a spot.
    basis, rotation : (3, 3) arrays
        ``basis @ rotation`` is the reciprocal lattice in the beam's frame.
    distortion : (2, 2) array
        What the detector multiplies positions with.
    sigma : float
        Standard deviation of a coordinate in 1/Å.
    widths : (2,) array
        Widths of the excitation error in 1/Å.
    wavelength : float
        In Å.

    Returns
    -------
    information, gradient : (13, 13), (13,) arrays
        Of the log likelihood.
    """
    information, gradient = np.zeros((_UNKNOWNS, _UNKNOWNS)), np.zeros(_UNKNOWNS)
    crystal, g, normal = np.empty(3), np.empty(3), np.empty(3)
    moves, slopes = np.empty((_UNKNOWNS, 3)), np.empty((3, _UNKNOWNS))
    for i in range(len(hkl)):
        if inlier[i] <= _NEGLIGIBLE:
            continue
        _seen(hkl[i], basis, rotation, crystal, g)
        _moves(crystal, g, rotation, moves)
        for c in range(3):
            normal[c] = -wavelength * g[c] - (c == 2)
        for u in range(_UNKNOWNS):
            x, y, z = moves[u]
            slopes[0, u] = x * distortion[0, 0] + y * distortion[1, 0]
            slopes[1, u] = x * distortion[0, 1] + y * distortion[1, 1]
            slopes[2, u] = x * normal[0] + y * normal[1] + z * normal[2]
        slopes[0, 6], slopes[0, 7], slopes[0, 11], slopes[0, 12] = g[0], g[1], 1.0, 0.0
        slopes[1, 6], slopes[1, 7], slopes[1, 11], slopes[1, 12] = -g[1], g[0], 0.0, 1.0
        width, s = widths[faint[i]], excitation[i]
        place = inlier[i] / sigma**2
        height = inlier[i] * 4 / (width * width + s * s)
        for u in range(_UNKNOWNS):
            in_plane = slopes[0, u] * residual[i, 0] + slopes[1, u] * residual[i, 1]
            gradient[u] += place * in_plane - height * slopes[2, u] * s
            for w in range(_UNKNOWNS):
                across = slopes[0, u] * slopes[0, w] + slopes[1, u] * slopes[1, w]
                information[u, w] += place * across + height * slopes[2, u] * slopes[2, w]
    return information, gradient


@njit(cache=True, nogil=True)
def _seen(hkl, basis, rotation, crystal, g):
    """Write a reciprocal vector in the crystal's frame and in the beam's."""
    for c in range(3):
        crystal[c] = hkl[0] * basis[0, c] + hkl[1] * basis[1, c] + hkl[2] * basis[2, c]
    for c in range(3):
        g[c] = crystal[0] * rotation[0, c] + crystal[1] * rotation[1, c] + crystal[2] * rotation[2, c]


@njit(cache=True, nogil=True)
def _moves(crystal, g, rotation, moves):
    """Write how a vector in the beam's frame moves by strains and turns; nothing else moves it."""
    moves[:] = 0.0
    for k in range(6):
        a, b = _PAIRS[k]
        for c in range(3):
            moves[k, c] = crystal[a] * rotation[b, c]
            if a != b:
                moves[k, c] += crystal[b] * rotation[a, c]
    moves[8, 1], moves[8, 2] = -g[2], g[1]
    moves[9, 0], moves[9, 2] = g[2], -g[0]
    moves[10, 0], moves[10, 1] = -g[1], g[0]


@njit(cache=True, nogil=True)
def expected_slope(hkl, s, ring, spot_ring, inlier, faint, n_rings, basis, rotation, widths, wavelength):
    """Return the slope of the sums over all lattice points, which keeps the cell from growing flat.

    Parameters
    ----------
    hkl, s, ring : (M, 3), (M,), (M,) arrays
        Lattice points near the sphere, their excitation errors in 1/Å and rings.
    spot_ring, inlier, faint : (n,) arrays
        Rings of the spots, probabilities that they are of the lattice, and which of the widths holds.
    n_rings : int
        Number of rings.
    basis, rotation, widths, wavelength
        As of `spot_equations`.

    Returns
    -------
    (13,) array
        By the unknowns.
    """
    number, total = np.zeros((2, n_rings)), np.full((2, n_rings), 1e-12)
    for i in range(len(inlier)):
        number[faint[i], spot_ring[i]] += inlier[i]
    for i in range(len(s)):
        for f in range(2):
            total[f, ring[i]] += (1 + (s[i] / widths[f]) ** 2) ** -2
    slope = np.zeros(_UNKNOWNS)
    crystal, g, moves = np.empty(3), np.empty(3), np.empty((_UNKNOWNS, 3))
    for i in range(len(s)):
        pull = 0.0
        for f in range(2):
            square = widths[f] ** 2 + s[i] ** 2
            weight = (1 + (s[i] / widths[f]) ** 2) ** -2
            pull += number[f, ring[i]] / total[f, ring[i]] * weight * 4 * s[i] / square
        _seen(hkl[i], basis, rotation, crystal, g)
        _moves(crystal, g, rotation, moves)
        for u in range(_UNKNOWNS):
            for c in range(3):
                slope[u] += pull * moves[u, c] * (-wavelength * g[c] - (c == 2))
    return slope
