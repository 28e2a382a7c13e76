"""The conventional cell that indices of a space group refer to."""

import numpy as np

from edsym.symmetry.classes import space_group_symbols

# Columns: the primitive lattice vectors in conventional ones, as spglib chooses them.
_PRIMITIVE = {
    "P": np.eye(3),
    "A": np.array([[2, 0, 0], [0, 1, -1], [0, 1, 1]]) / 2,
    "C": np.array([[1, 1, 0], [-1, 1, 0], [0, 0, 2]]) / 2,
    "R": np.array([[2, -1, -1], [1, 1, -2], [1, 1, 1]]) / 3,
    "I": np.array([[-1, 1, 1], [1, -1, 1], [1, 1, -1]]) / 2,
    "F": np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2,
}


def primitive_vectors(conventional: np.ndarray, spacegroup_number: int) -> np.ndarray:
    """Return the rows of the standard primitive cell from those (3, 3) of the conventional one."""
    return _PRIMITIVE[space_group_symbols()[spacegroup_number - 1][0]].T @ conventional


def conventional_indices(hkl: np.ndarray, spacegroup_number: int) -> np.ndarray:
    """Return indices (n, 3) of the conventional cell from those of the standard primitive one."""
    centring = space_group_symbols()[spacegroup_number - 1][0]
    return np.rint(hkl @ np.linalg.inv(_PRIMITIVE[centring])).astype(int)
