"""Twofold axes that a lattice may have, and the groups that they make.

In a basis of shortest vectors, each twofold axis of a lattice is one of 81 matrices whose elements are -1, 0
and 1 (Lebedev, Vagin & Murshudov 2006, Acta Cryst. D62, 83-95). All symmetry of a lattice beyond the
inversion follows from its twofold axes.
"""

from functools import cache
from itertools import product

import numpy as np


def _two_folds() -> np.ndarray:
    every = np.array(list(product((-1, 0, 1), repeat=9))).reshape(-1, 3, 3)
    every = every[np.trace(every, axis1=1, axis2=2) == -1]
    return every[(every @ every == np.eye(3, dtype=int)).all(axis=(1, 2))]


TWO_FOLDS = _two_folds()
"""The matrices (n, 3, 3): rows of indices on the right, they turn the lattice by 180°."""
_LARGEST = 24


def _axis_and_plane(matrix) -> np.ndarray:
    """Return the axis's reciprocal vector, and two in the plane across it: rows of indices."""
    along, across = np.eye(3, dtype=int) + matrix, np.eye(3, dtype=int) - matrix
    first = along[np.abs(along).sum(axis=1).argmax()]
    one = across[np.abs(across).sum(axis=1).argmax()]
    other = next(row for row in across if np.cross(one, row).any())
    return np.stack([first, one, other])


CONDITIONS = np.stack([_axis_and_plane(matrix) for matrix in TWO_FOLDS]).astype(np.float64)
"""For each twofold axis (n, 3, 3): the first vector is at right angles to the other two."""


_DIGITS = 3 ** np.arange(9)
_CODES = (TWO_FOLDS.reshape(-1, 9) + 1) @ _DIGITS


@cache
def group(members: frozenset[int]) -> frozenset[int]:
    """Return all twofold axes of the group that some generate; none if it is no group of a lattice."""
    generators = TWO_FOLDS[sorted(members)]
    elements = np.concatenate([[np.eye(3, dtype=int)], generators])
    while True:
        made = np.concatenate([elements, (elements[:, None] @ generators).reshape(-1, 3, 3)])
        if np.abs(made).max() > 1:
            return frozenset()
        codes, first = np.unique((made.reshape(-1, 9) + 1) @ _DIGITS, return_index=True)
        if len(codes) > _LARGEST:
            return frozenset()
        if len(codes) == len(elements):
            return frozenset(np.flatnonzero(np.isin(_CODES, codes)).tolist())
        elements = made[first]


def groups(members: list[int]) -> list[frozenset[int]]:
    """Return the groups that any of these twofold axes generate and that have no others; the small first."""
    allowed = frozenset(members)
    found = {group(frozenset([m])) for m in members}
    for _ in range(2):
        larger = {group(one | {m}) for one in found for m in members if m not in one}
        found |= {one for one in larger if one and one <= allowed}
    return sorted(found, key=lambda one: (len(one), sorted(one)))
