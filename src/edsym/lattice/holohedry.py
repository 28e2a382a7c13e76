"""Twofold axes that a lattice may have, and the groups that they make.

In a basis of shortest vectors, each twofold axis of a lattice is one of 81 matrices whose elements are -1, 0
and 1 (Lebedev, Vagin & Murshudov 2006, Acta Cryst. D62, 83-95). All symmetry of a lattice beyond the
inversion follows from its twofold axes.
"""

from collections.abc import Sequence
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


def _made_by_two() -> np.ndarray:
    """Return which axes two axes give (n, n, 3): each turned by the other, and the product if that is one."""
    a, b = TWO_FOLDS[:, None], TWO_FOLDS[None]
    both = a @ b
    third = np.where((both == b @ a).all(axis=(-1, -2)), _number(both), _NONE)
    third[np.diag_indices(len(third))] = _NONE
    return np.stack([_number(a @ b @ a), _number(b @ a @ b), third], axis=-1)


def groups(members: Sequence[int]) -> list[list[int]]:
    """Return the groups that up to three of these twofold axes generate and that have no others.

    Every twofold axis of a crystal's group comes from generating ones by turning one about another, and as
    the product of two at right angles.

    Parameters
    ----------
    members : sequence of int
        Axes in `TWO_FOLDS`.

    Returns
    -------
    list of list of int
        The axes of each group, ascending; the small groups first.
    """
    found, marks = _all_groups()
    others = np.ones(len(TWO_FOLDS), np.float32)
    others[list(members)] = 0
    return [list(found[g]) for g in np.flatnonzero(marks @ others == 0)]


@cache
def group_table() -> tuple[np.ndarray, np.ndarray]:
    """Return the axes (g, k) of no group and of all that `groups` may return, and how many each has."""
    every = [[], *_all_groups()[0]]
    table = np.full((len(every), max(map(len, every))), _NONE)
    for row, axes in zip(table, every, strict=True):
        row[: len(axes)] = axes
    return table, np.array([len(axes) for axes in every])


@cache
def _all_groups() -> tuple[list[list[int]], np.ndarray]:
    """Return the groups that up to three of all axes generate, as `groups` orders them, and marks of axes."""
    made = _made_by_two().tolist()
    found = last = {frozenset([axis]) for axis in range(len(TWO_FOLDS))}
    for _ in range(2):
        larger = {_closed(group, axis, made) for group in last for axis in range(len(TWO_FOLDS))}
        last = larger - found - {frozenset()}
        found = found | last
    axes = sorted(map(sorted, found), key=lambda one: (len(one), one))
    marks = np.zeros((len(axes), len(TWO_FOLDS)), np.float32)
    for mark, one in zip(marks, axes, strict=True):
        mark[one] = 1
    return axes, marks


def _closed(group: frozenset[int], axis: int, made: list) -> frozenset[int]:
    """Return a group and another axis with all that they give; nothing if one of these is no twofold axis."""
    found, new = set(group), {axis} - group
    while new:
        found |= new
        given = {third for a in new for b in found for third in made[a][b] + made[b][a]}
        if _NO_AXIS in given:
            return frozenset()
        new = given - found - {_NONE}
    return frozenset(found)
