"""The rotations that index a pattern with a known lattice: pairs of spots matched by lengths and angle.

A spot at q is the reciprocal vector (qx, qy, -λ q² / 2) but for its excitation error, which changes its
length little. So two spots are matched with all pairs of lattice vectors that are as long and as far apart,
and each such pair is a rotation; the rotation that brings most of the bright spots near lattice points wins.
"""

from itertools import product

import numpy as np
from numba import njit

from edsym.lattice.pattern import View, lattice_points, on_sphere

N_SCORED = 36
"""Brightest spots that rotations are scored with."""
N_KEPT = 24

_N_PAIRED = 14
_MOST_ROTATIONS = 40_000
# Indices of the vectors that may be in a basis like a reduced one.
_SMALL = np.array([i for i in product(range(-2, 3), repeat=3) if any(i)], np.float64)
# Excitation errors in 1/Å: of a spot that counts half, and the largest.
_USUAL_S = 0.012
_LONGEST = 1.1


def find_rotations(view: View, basis: np.ndarray, absolute: float, relative: float) -> np.ndarray:
    """Return rotations by decreasing agreement.

    Parameters
    ----------
    view : View
        The pattern.
    basis : (3, 3) array
        Rows are reciprocal primitive vectors in any frame.
    absolute, relative : float
        Positions may be wrong by so many 1/Å, and lengths by such a share.

    Returns
    -------
    (K, 3, 3) array
        Rotations R, so that ``basis @ R`` is the lattice in the beam's frame; at most `N_KEPT`, of
        which several may be the same but for a symmetry of the lattice.
    """
    q = view.q[:N_SCORED]
    spots = on_sphere(q, view.wavelength)
    length = np.linalg.norm(spots, axis=1)
    # Of a row of spots there may be none beside it but far out.
    for near in (np.flatnonzero(length < _LONGEST)[:_N_PAIRED], np.arange(len(q))[:_N_PAIRED]):
        pairs = _across(spots, length, near)
        if len(pairs):
            break
    else:
        return np.empty((0, 3, 3))
    radius = length[near].max() * (1 + relative) + absolute
    points = lattice_points(basis, radius) @ basis
    points = points[np.argsort(np.linalg.norm(points, axis=1), kind="stable")]
    found, score = _search(
        spots, pairs, points, np.linalg.norm(points, axis=1), np.ascontiguousarray(basis), absolute, relative
    )
    return found[np.argsort(-score, kind="stable")][: np.count_nonzero(score > 0)]


def _across(spots: np.ndarray, length: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Return pairs (m, 2) of spots that are not in line with the centre, those of the shortest first."""
    i, j = np.triu_indices(len(near), 1)
    cross = np.linalg.norm(np.cross(spots[near[i]], spots[near[j]]), axis=1)
    flat = cross < 0.3 * length[near[i]] * length[near[j]]
    # The fewest vectors are as long as short spots are.
    cost = (length[near[i]] * length[near[j]])[~flat]
    order = np.argsort(cost, kind="stable")
    return np.stack([near[i][~flat], near[j][~flat]], axis=1)[order]


def coincidences(basis: np.ndarray, other: np.ndarray, tolerance: float) -> list[np.ndarray]:
    """Return the bases of a lattice that look as another basis does.

    Parameters
    ----------
    basis, other : (3, 3) array
        Rows are primitive vectors; the second's are reduced.
    tolerance : float
        Lengths, and scalar products in units of them, may differ by such a share.

    Returns
    -------
    list of (3, 3) array of float64
        Integers M of determinant 1, so that ``M @ basis`` has about the lengths and angles of `other`; the
        best first.
    """
    vectors = _SMALL @ basis
    length, wanted = np.linalg.norm(vectors, axis=1), np.linalg.norm(other, axis=1)
    alike = [np.flatnonzero(np.abs(length / w - 1) < tolerance) for w in wanted]
    cosines = [(other[i] @ other[j]) / (wanted[i] * wanted[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    unit = vectors / length[:, None]
    a, b = _pairs(unit, alike[0], alike[1], cosines[0], tolerance)
    if not len(a):
        return []
    near = np.abs(unit[a] @ unit[alike[2]].T - cosines[1]) < tolerance
    near &= np.abs(unit[b] @ unit[alike[2]].T - cosines[2]) < tolerance
    first, third = np.nonzero(near)
    bases = np.stack([_SMALL[a[first]], _SMALL[b[first]], _SMALL[alike[2][third]]], axis=1)
    bases = bases[np.rint(np.linalg.det(bases)) == 1]
    metric = other @ other.T / np.outer(wanted, wanted)
    own = np.einsum("nij,jk,nlk->nil", bases, basis @ basis.T, bases) / np.outer(wanted, wanted)
    worst = np.abs(own - metric).max(axis=(1, 2))
    return list(bases[np.argsort(worst, kind="stable")])


def _pairs(unit, first, second, cosine: float, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    i, j = np.nonzero(np.abs(unit[first] @ unit[second].T - cosine) < tolerance)
    return first[i], second[j]


@njit(cache=True, nogil=True)
def _frame(a, b, out):
    """Write three orthonormal rows, along a, along b without it, and across; return whether there are."""
    aa = np.sqrt(a[0] ** 2 + a[1] ** 2 + a[2] ** 2)
    for k in range(3):
        out[0, k] = a[k] / aa
    ab = out[0, 0] * b[0] + out[0, 1] * b[1] + out[0, 2] * b[2]
    for k in range(3):
        out[1, k] = b[k] - ab * out[0, k]
    bb = np.sqrt(out[1, 0] ** 2 + out[1, 1] ** 2 + out[1, 2] ** 2)
    if bb < 0.1 * aa:
        return False
    for k in range(3):
        out[1, k] /= bb
    for k in range(3):
        m, n = (k + 1) % 3, (k + 2) % 3
        out[2, k] = out[0, m] * out[1, n] - out[0, n] * out[1, m]
    return True


@njit(cache=True, nogil=True)
def _score(spots, inverse, basis, absolute, relative):
    """Return how many spots lie near points of the lattice `basis`, each counted by how near."""
    total = 0.0
    for i in range(len(spots)):
        x, y, z = spots[i]
        dx, dy, dz = 0.0, 0.0, 0.0
        for k in range(3):
            f = x * inverse[0, k] + y * inverse[1, k] + z * inverse[2, k]
            f -= np.rint(f)
            dx += f * basis[k, 0]
            dy += f * basis[k, 1]
            dz += f * basis[k, 2]
        tolerance = absolute + relative * np.sqrt(x * x + y * y)
        near = (dx * dx + dy * dy) / (tolerance * tolerance)
        if near < 1:
            total += (1 - near) / (1 + (dz / _USUAL_S) ** 2)
    return total


@njit(cache=True, nogil=True)
def _search(spots, pairs, points, length, basis, absolute, relative):
    best, kept = np.zeros(N_KEPT), np.zeros((N_KEPT, 3, 3))
    inverse = np.linalg.inv(basis)
    crystal, beam = np.empty((3, 3)), np.empty((3, 3))
    rotation, turned, back = np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3))
    tried, worst = 0, 0
    for i, j in pairs:
        p, q = spots[i], spots[j]
        _frame(p, q, beam)
        lp, lq = np.sqrt((p * p).sum()), np.sqrt((q * q).sum())
        apart = np.sqrt(((p - q) ** 2).sum())
        dp, dq = absolute + relative * lp, absolute + relative * lq
        da = 1.5 * absolute + relative * apart
        first, end = np.searchsorted(length, lp - dp), np.searchsorted(length, lp + dp)
        first_q, end_q = np.searchsorted(length, lq - dq), np.searchsorted(length, lq + dq)
        for a in range(first, end):
            for b in range(first_q, end_q):
                d = 0.0
                for k in range(3):
                    d += (points[a, k] - points[b, k]) ** 2
                if abs(np.sqrt(d) - apart) > da:
                    continue
                if not _frame(points[a], points[b], crystal):
                    continue
                for m in range(3):
                    for n in range(3):
                        rotation[m, n] = (
                            crystal[0, m] * beam[0, n]
                            + crystal[1, m] * beam[1, n]
                            + crystal[2, m] * beam[2, n]
                        )
                for m in range(3):
                    for n in range(3):
                        turned[m, n], back[m, n] = 0.0, 0.0
                        for k in range(3):
                            turned[m, n] += basis[m, k] * rotation[k, n]
                            back[m, n] += rotation[k, m] * inverse[k, n]
                score = _score(spots, back, turned, absolute, relative)
                tried += 1
                if score > best[worst]:
                    best[worst] = score
                    kept[worst] = rotation
                    worst = np.argmin(best)
        if tried > _MOST_ROTATIONS:
            break
    return kept, best
