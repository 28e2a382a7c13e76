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


def _axis_and_plane(matrix) -> np.ndarray:
    """Return the axis's reciprocal vector, and two in the plane across it: rows of indices."""
    along, across = np.eye(3, dtype=int) + matrix, np.eye(3, dtype=int) - matrix
    first = along[np.abs(along).sum(axis=1).argmax()]
    one = across[np.abs(across).sum(axis=1).argmax()]
    other = next(row for row in across if np.cross(one, row).any())
    return np.stack([first, one, other])


CONDITIONS = np.stack([_axis_and_plane(matrix) for matrix in TWO_FOLDS]).astype(np.float64)
"""For each twofold axis (n, 3, 3): the first vector is at right angles to the other two."""


_NONE, _NO_AXIS = -1, -2


def _number(matrices: np.ndarray) -> np.ndarray:
    """Return which twofold axis each matrix (..., 3, 3) is; `_NO_AXIS` where it is none of them."""
    digits = 3 ** np.arange(9)
    codes = (TWO_FOLDS.reshape(-1, 9) + 1) @ digits
    order = np.argsort(codes)
    found = (matrices.reshape(*matrices.shape[:-2], 9) + 1) @ digits
    place = order[np.searchsorted(codes, found, sorter=order).clip(max=len(codes) - 1)]
    fits = (np.abs(matrices).max(axis=(-1, -2)) <= 1) & (codes[place] == found)
    return np.where(fits, place, _NO_AXIS)


def _made_by_two() -> list[list[tuple[int, int, int]]]:
    """Return which axes two axes give: each turned by the other, and their product if that is an axis."""
    a, b = TWO_FOLDS[:, None], TWO_FOLDS[None]
    product_ = a @ b
    commute = (product_ == b @ a).all(axis=(-1, -2)) & ~np.eye(len(TWO_FOLDS), dtype=bool)
    third = np.where(commute, _number(product_), _NONE)
    return np.stack([_number(a @ b @ a), _number(b @ a @ b), third], axis=-1).tolist()


_MADE = _made_by_two()


@cache
def group(members: frozenset[int]) -> frozenset[int]:
    """Return all twofold axes of the group that some generate; none if it is no group of a lattice.

    Every twofold axis of a crystal's group comes from generating ones by turning one about another, and as
    the product of two at right angles.
    """
    found, left = set(), list(members)
    while left:
        new = left.pop()
        if new in found:
            continue
        for other in found:
            made = _MADE[new][other]
            if _NO_AXIS in made:
                return frozenset()
            left += [axis for axis in made if axis != _NONE]
        found.add(new)
    return frozenset(found)


@cache
def _with(members: frozenset[int], new: int) -> frozenset[int]:
    return group(members | {new})


def groups(members: list[int]) -> list[frozenset[int]]:
    """Return the groups that any of these twofold axes generate and that have no others; the small first."""
    allowed = frozenset(members)
    found = {group(frozenset([m])) for m in members}
    for _ in range(2):
        larger = {_with(one, m) for one in found for m in members if m not in one}
        found |= {one for one in larger if one and one <= allowed}
    return sorted(found, key=lambda one: (len(one), sorted(one)))
