"""Lattices compared by their shortest vectors, which no choice of a basis changes.

A basis is a (3, 3) array whose rows are primitive vectors, of the crystal's lattice or of the reciprocal one.
"""

from itertools import product

import numpy as np
from numba import njit

from edsym.lattice.linear import combined, determinant

N_SHORTEST = 14
"""Lattice vectors (v and -v count once) that are compared: more than a reduced cell's edges and diagonals."""

# The fourteen shortest vectors have no index beyond 3 in a reduced basis, unless its shortest vector is over
# three times shorter than the others; then they are its multiples.
_COMBINATIONS = np.array([i for i in product(range(-3, 4), repeat=3) if i > (0, 0, 0)])
_MULTIPLES = np.arange(4, N_SHORTEST + 1)


def reduced(basis: np.ndarray) -> np.ndarray:
    """Return a Minkowski-reduced basis of the same lattice: its rows are as short as they can be.

    Parameters
    ----------
    basis : (3, 3) array
        Rows are primitive vectors.

    Returns
    -------
    (3, 3) array of float64
        Rows from the shortest to the longest, right-handed (Semaev, A 3-dimensional lattice reduction
        algorithm, 2001).
    """
    rows = np.array(basis, dtype=np.float64)
    reduce_rows(rows)
    return rows


def shortest_lengths(basis: np.ndarray) -> np.ndarray:
    """Return the lengths of the `N_SHORTEST` shortest lattice vectors, ascending; v and -v count once."""
    return shortest_of_reduced(reduced(basis))


@njit(cache=True, nogil=True)
def shortest_of_reduced(rows):
    """Return what `shortest_lengths` does, of a reduced basis."""
    n, shortest = len(_COMBINATIONS), np.inf
    lengths = np.empty(n + len(_MULTIPLES))
    for c in range(n):
        x, y, z = combined(_COMBINATIONS[c], rows)
        lengths[c] = np.sqrt(x * x + y * y + z * z)
        shortest = min(shortest, lengths[c])
    for m in range(len(_MULTIPLES)):
        lengths[n + m] = _MULTIPLES[m] * shortest
    return np.sort(lengths)[:N_SHORTEST]


@njit(cache=True, nogil=True, forceinline=True)
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@njit(cache=True, nogil=True)
def reduce_rows(rows):
    """Reduce a (3, 3) array in place, as `reduced`."""
    for _ in range(200):
        for i, j in ((0, 1), (1, 2), (0, 1)):  # the shortest first
            if _dot(rows[j], rows[j]) < _dot(rows[i], rows[i]):
                for k in range(3):
                    rows[i, k], rows[j, k] = rows[j, k], rows[i, k]
        a, b, c = rows[0], rows[1], rows[2]
        aa, ab, bb = _dot(a, a), _dot(a, b), _dot(b, b)
        ac, bc, cc = _dot(a, c), _dot(b, c), _dot(c, c)
        n = np.rint(ab / aa)
        if n != 0 and bb - 2 * n * ab + n * n * aa < bb * (1 - 1e-12):
            for k in range(3):
                b[k] -= n * a[k]
            continue
        # The vector of the plane of a and b that is next to c is a corner of the cell around it, or beside.
        det = aa * bb - ab * ab
        x0, y0 = np.floor((bb * ac - ab * bc) / det), np.floor((aa * bc - ab * ac) / det)
        x, y, shortest = 0.0, 0.0, cc * (1 - 1e-12)
        for i in range(-1, 3):
            for j in range(-1, 3):
                p, q = x0 + i, y0 + j
                length = cc - 2 * p * ac - 2 * q * bc + p * p * aa + 2 * p * q * ab + q * q * bb
                if length < shortest:
                    x, y, shortest = p, q, length
        if x == 0 and y == 0:
            break
        for k in range(3):
            c[k] -= x * a[k] + y * b[k]
    if determinant(rows) < 0:
        for i in range(3):
            for k in range(3):
                rows[i, k] = -rows[i, k]


def deviation(basis: np.ndarray, reference: np.ndarray, up_to_scale: bool = False) -> float:
    """Return the largest relative difference between the fourteen shortest vectors of two lattices.

    Parameters
    ----------
    basis, reference : (3, 3) array
        Rows are primitive vectors.
    up_to_scale : bool
        Whether the first may be scaled so that the difference is smallest.

    Returns
    -------
    float
        A third of the relative difference in volume, if that is larger.
    """
    basis, reference = np.asarray(basis, np.float64), np.asarray(reference, np.float64)
    ratios = np.append(
        shortest_lengths(basis) / shortest_lengths(reference),
        np.cbrt(abs(np.linalg.det(basis) / np.linalg.det(reference))),
    )
    low, high = ratios.min(), ratios.max()
    return float((high - low) / (high + low) if up_to_scale else max(1 - low, high - 1))


def same_lattice(
    basis: np.ndarray, reference: np.ndarray, tolerance: float, up_to_scale: bool = False
) -> bool:
    """Return whether two lattices have the same fourteen shortest vectors within a relative tolerance."""
    return deviation(basis, reference, up_to_scale) < tolerance
