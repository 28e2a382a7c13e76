"""What tells lattices apart, whatever basis and orientation: lengths, coincidences and angles."""

from itertools import product

import numpy as np
from numba import njit

from edsym.lattice.compare import reduce_rows

N_LENGTHS = 24
"""Shortest lattice vectors, v and -v once, whose lengths are looked at."""
_WIDTHS = (0.001, 0.003, 0.01, 0.03)
_COSINES, _COSINE_WIDTH = (0.0, 0.5), 0.01
# The shortest vectors of a reduced basis have no index beyond 3, but for multiples of a very short one.
_COMBINATIONS = np.array([i for i in product(range(-3, 4), repeat=3) if i > (0, 0, 0)], dtype=np.float64)
_MULTIPLES = np.arange(4, N_LENGTHS + 1)

N_FEATURES = N_LENGTHS + len(_WIDTHS) * (N_LENGTHS - 1) + 3 * (1 + len(_COSINES)) + 1
"""Features of a lattice."""


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
    cell = _reduced(np.array(direct, dtype=np.float64))
    scale = np.cbrt(np.abs(np.linalg.det(cell)))[:, None]
    lengths = np.linalg.norm(_COMBINATIONS @ cell, axis=2)
    lengths = np.concatenate([lengths, lengths.min(axis=1, keepdims=True) * _MULTIPLES], axis=1)
    lengths = np.sort(np.partition(lengths, N_LENGTHS - 1, axis=1)[:, :N_LENGTHS], axis=1)
    gaps = np.diff(lengths, axis=1) / lengths[:, :-1]
    edges = np.linalg.norm(cell, axis=2)
    cosines = np.stack(
        [
            np.abs((cell[:, i] * cell[:, j]).sum(axis=1)) / (edges[:, i] * edges[:, j])
            for i, j in ((1, 2), (0, 2), (0, 1))
        ],
        axis=1,
    )
    alike = [np.exp(-gaps / width) for width in _WIDTHS]
    near = [np.exp(-np.abs(cosines - value) / _COSINE_WIDTH) for value in _COSINES]
    return np.concatenate([lengths / scale, *alike, cosines, *near, np.log(scale)], axis=1, dtype=np.float32)


@njit(cache=True)
def _reduced(cells):
    for cell in cells:
        reduce_rows(cell)
    return cells
