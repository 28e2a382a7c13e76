"""Names of space groups, and the conventional cell that their indices refer to."""

from functools import cache

import numpy as np
import spglib

# Columns: the primitive lattice vectors in conventional ones, as spglib chooses them.
_PRIMITIVE = {
    "P": np.eye(3),
    "A": np.array([[2, 0, 0], [0, 1, -1], [0, 1, 1]]) / 2,
    "C": np.array([[1, 1, 0], [-1, 1, 0], [0, 0, 2]]) / 2,
    "R": np.array([[2, -1, -1], [1, 1, -2], [1, 1, 1]]) / 3,
    "I": np.array([[-1, 1, 1], [1, -1, 1], [1, 1, -1]]) / 2,
    "F": np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2,
}


@cache
def space_group_symbols() -> tuple[str, ...]:
    """Return the short Hermann-Mauguin symbols of the space groups 1 to 230, such as ``Fm-3m``."""
    types = [spglib.get_spacegroup_type(hall) for hall in range(530, 0, -1)]
    symbols = {group.number: group.international_short for group in types}
    return tuple(symbols[number] for number in sorted(symbols))


def conventional_indices(hkl: np.ndarray, spacegroup_number: int) -> np.ndarray:
    """Return indices (n, 3) of the conventional cell from those of the standard primitive one."""
    centring = space_group_symbols()[spacegroup_number - 1][0]
    return np.rint(hkl @ np.linalg.inv(_PRIMITIVE[centring])).astype(int)
