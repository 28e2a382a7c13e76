"""What tells lattices apart, whatever basis and orientation: lengths, coincidences and angles."""

from itertools import product

import numpy as np
from numba import njit

from edsym.lattice.compare import reduce_rows
from edsym.lattice.linear import determinant

N_LENGTHS = 24
"""Shortest lattice vectors, v and -v once, whose lengths are looked at."""
_WIDTHS = (0.001, 0.003, 0.01, 0.03)
_COSINES, _COSINE_WIDTH = (0.0, 0.5), 0.01
# The shortest vectors of a reduced basis have no index beyond 3, but for multiples of a very short one.
_COMBINATIONS = np.array([i for i in product(range(-3, 4), repeat=3) if i > (0, 0, 0)], dtype=np.float64)
_MULTIPLES = np.arange(4, N_LENGTHS + 1)

N_FEATURES = N_LENGTHS + len(_WIDTHS) * (N_LENGTHS - 1) + 3 * (1 + len(_COSINES)) + 1
"""Features of a lattice."""
SCALE = N_FEATURES - 1
"""Which of them is the logarithm of the scale: no other changes with it."""


def lattice_features(direct: np.ndarray) -> np.ndarray:
    """Return the features of lattices.

    Parameters
    ----------
    direct : (N, 3, 3) array
        Rows are primitive vectors in Å.

    Returns
    -------
    (N, `N_FEATURES`) array of float32
        The shortest lengths by the cube root of the volume; how nearly each is as long as the next, at
        several widths; the cosines of the reduced cell without their signs, and how near they are to 0 and
        1/2; and the logarithm of the cube root of the volume.
    """
    lengths, cosines, scale = _measured(np.array(direct, dtype=np.float64))
    gaps = np.diff(lengths, axis=1) / lengths[:, :-1]
    alike = [np.exp(-gaps / width) for width in _WIDTHS]
    near = [np.exp(-np.abs(cosines - value) / _COSINE_WIDTH) for value in _COSINES]
    columns = [lengths / scale, *alike, cosines, *near, np.log(scale)]
    return np.concatenate(columns, axis=1, dtype=np.float32)


@njit(cache=True)
def _measured(cells):
    """Return the shortest lengths, the cosines without signs, and the cube roots of the volumes."""
    n = len(cells)
    shortest, cosines, scale = np.empty((n, N_LENGTHS)), np.empty((n, 3)), np.empty((n, 1))
    squares = np.empty(len(_COMBINATIONS) + len(_MULTIPLES))
    for i in range(n):
        cell = cells[i]
        reduce_rows(cell)
        metric = np.empty((3, 3))
        for a in range(3):
            for b in range(3):
                metric[a, b] = cell[a, 0] * cell[b, 0] + cell[a, 1] * cell[b, 1] + cell[a, 2] * cell[b, 2]
        for c in range(len(_COMBINATIONS)):
            squares[c] = 0.0
            for a in range(3):
                for b in range(3):
                    squares[c] += _COMBINATIONS[c, a] * metric[a, b] * _COMBINATIONS[c, b]
        for m in range(len(_MULTIPLES)):
            squares[len(_COMBINATIONS) + m] = _MULTIPLES[m] ** 2 * metric[0, 0]
        shortest[i] = np.sqrt(np.sort(squares)[:N_LENGTHS])
        for k in range(3):
            a, b = (k + 1) % 3, (k + 2) % 3
            cosines[i, k] = abs(metric[a, b]) / np.sqrt(metric[a, a] * metric[b, b])
        scale[i, 0] = np.cbrt(abs(determinant(cell)))
    return shortest, cosines, scale
