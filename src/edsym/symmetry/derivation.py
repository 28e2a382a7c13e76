"""What the tables of this package are made from: the symmetry operations of spglib's database.

Nothing of the workflow comes here: the tests do, and compare.
"""

from collections.abc import Hashable, Iterable
from functools import cache
from itertools import permutations, product

import numpy as np
import spglib

from edsym.symmetry import N_SPACE_GROUPS, crystal_system, oriented_laue_class
from edsym.symmetry.classes import crystal_family

# Every condition of reflection shows within these indices: the longest is 00l only for l = 6n.
_INDICES = np.array(list(product(range(-6, 7), repeat=3)))


def derive_classes() -> list[tuple[int, str, int, int]]:
    """Return number, symbol, powder group and extinction group of every space group, from 1.

    Groups of either kind are numbered from 0 in the order of their first space groups.
    """
    numbers = range(1, N_SPACE_GROUPS + 1)
    symbols = (spglib.get_spacegroup_type(hall_numbers()[number]).international_short for number in numbers)
    powder = _numbered((crystal_family(number), _conditions(number)) for number in numbers)
    extinction = _numbered((oriented_laue_class(number), _conditions(number)) for number in numbers)
    return list(zip(numbers, symbols, powder, extinction, strict=True))


def _numbered(keys: Iterable[Hashable]) -> list[int]:
    """Return equal numbers for equal keys, from 0 in the order in which they come."""
    seen: dict[Hashable, int] = {}
    return [seen.setdefault(key, len(seen)) for key in keys]


def absent_reflections(number: int) -> np.ndarray:
    """Return which reflections are systematically absent in a space group, in its standard setting.

    Returns
    -------
    (13, 13, 13) array of bool
        By the indices h, k, l from -6 to 6. A reflection is absent if an operation keeps its indices and
        shifts its phase (International Tables A, section 1.6.3).
    """
    operations = spglib.get_symmetry_from_database(hall_numbers()[number])
    absent = np.zeros(len(_INDICES), bool)
    for rotation, translation in zip(*(operations[k] for k in ("rotations", "translations")), strict=True):
        phase = _INDICES @ translation
        absent |= (_INDICES @ rotation == _INDICES).all(axis=1) & (np.abs(phase - np.rint(phase)) > 1e-3)
    return absent.reshape((13,) * 3)


@cache
def hall_numbers() -> dict[int, int]:
    """Return spglib's number of the first setting of each space group."""
    return {spglib.get_spacegroup_type(hall).number: hall for hall in range(530, 0, -1)}


@cache
def _conditions(number: int) -> bytes:
    """Return which indices are absent, whatever the order of orthorhombic axes."""
    absent = absent_reflections(number)
    orthorhombic = crystal_system(number) == "orthorhombic"
    orders = permutations(range(3)) if orthorhombic else [(0, 1, 2)]
    return min(absent.transpose(order).tobytes() for order in orders)


def derive_edges() -> list[tuple[int, int]]:
    """Return the edges from the operations of spglib's database: sorted pairs of group and subgroup."""
    edges = set()
    for number, hall in hall_numbers().items():
        operations = spglib.get_symmetry_from_database(hall)
        rotations, of_operation = np.unique(operations["rotations"], axis=0, return_inverse=True)
        for kept in _maximal_subgroups(rotations.astype(np.int32).tobytes()):
            chosen = np.isin(of_operation, list(kept))
            subgroup = spglib.get_spacegroup_type_from_symmetry(
                operations["rotations"][chosen], operations["translations"][chosen]
            )
            edges.add((number, subgroup.number))
    return sorted(edges)


@cache
def _maximal_subgroups(rotations: bytes) -> list[frozenset[int]]:
    """Return the maximal proper subgroups of a point group, int32 (R, 3, 3), as sets of indices."""
    rotations = np.frombuffer(rotations, np.int32).reshape(-1, 3, 3)
    index = {rotation.tobytes(): i for i, rotation in enumerate(rotations)}
    table = [[index[(a @ b).tobytes()] for b in rotations] for a in rotations]
    found = {frozenset([index[np.eye(3, dtype=np.int32).tobytes()]])}
    new = set(found)
    while new:
        joined = {_closure(group | {i}, table) for group in new for i in range(len(rotations))}
        new = joined - found
        found |= new
    proper = [group for group in found if len(group) < len(rotations)]
    return [group for group in proper if not any(group < other for other in proper)]


def _closure(generators: frozenset[int], table: list[list[int]]) -> frozenset[int]:
    """Return the group that elements generate, by the multiplication table."""
    group = frozenset(generators)
    while True:
        larger = group | {table[a][b] for a in group for b in generators}
        if larger == group:
            return group
        group = larger
