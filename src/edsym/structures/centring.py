"""Miller indices of the conventional cell, as they are printed, from those of the primitive cell."""

from functools import cache

import numpy as np
import spglib

_N_HALL = 530

# Columns are the primitive vectors in those of the conventional cell (spglib's standard setting).
_PRIMITIVE = {
    "P": np.eye(3),
    "A": np.array([[2, 0, 0], [0, 1, -1], [0, 1, 1]]) / 2,
    "C": np.array([[1, 1, 0], [-1, 1, 0], [0, 0, 2]]) / 2,
    "I": np.array([[-1, 1, 1], [1, -1, 1], [1, 1, -1]]) / 2,
    "F": np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2,
    "R": np.array([[2, -1, -1], [1, 1, -2], [1, 1, 1]]) / 3,
}


def conventional_indices(hkl: np.ndarray, spacegroup_number: int) -> np.ndarray:
    """Return Miller indices in the conventional cell of a space group's standard setting.

    Parameters
    ----------
    hkl : (n, 3) array of int
        Indices in the reciprocal lattice of the primitive cell, as `edsym.structures.standard` chooses it.
    spacegroup_number : int
        1 to 230.

    Returns
    -------
    (n, 3) array of int
    """
    return np.rint(np.asarray(hkl) @ np.linalg.inv(_PRIMITIVE[_centrings()[spacegroup_number]])).astype(int)


@cache
def _centrings() -> dict[int, str]:
    """Return the centring of every space group: the first letter of its symbol in the standard setting."""
    kinds = [spglib.get_spacegroup_type(hall) for hall in range(_N_HALL, 0, -1)]
    # The first setting of a group, which here comes last, is the standard one.
    return {kind.number: kind.international_short[0] for kind in kinds}
