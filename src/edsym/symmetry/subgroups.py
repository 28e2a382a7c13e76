"""The graph of maximal translationengleiche subgroups (t-subgroups) of the 230 space-group types.

A t-subgroup keeps all translations of a group and has fewer rotations (International Tables A1). The edges
are in a table beside this module, which `derive_edges` makes again from the symmetry operations.
"""

from functools import cache
from pathlib import Path

import numpy as np
import spglib

from edsym.symmetry import N_SPACE_GROUPS
from edsym.symmetry.classes import hall_numbers

EDGES = Path(__file__).with_name("subgroups.csv")
"""Table of the edges: a group and one of its maximal t-subgroups, by their numbers."""


@cache
def steps_down() -> np.ndarray:
    """Return the fewest maximal t-subgroups from each space group down to each other.

    Returns
    -------
    (230, 230) array of int
        Steps from the group of the row to that of the column, from number 1; 0 from a group to itself, -1
        where the column's type is no t-subgroup of the row's.
    """
    child = np.zeros((N_SPACE_GROUPS, N_SPACE_GROUPS), bool)
    child[tuple(np.loadtxt(EDGES, int, delimiter=",", skiprows=1).T - 1)] = True
    steps, reached = np.full(child.shape, -1), np.eye(N_SPACE_GROUPS, dtype=bool)
    for step in range(N_SPACE_GROUPS):
        reached &= steps < 0
        if not reached.any():
            break
        steps[reached] = step
        reached = reached @ child
    return steps


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
