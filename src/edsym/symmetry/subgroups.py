"""The graph of maximal translationengleiche subgroups (t-subgroups) of the 230 space-group types.

A t-subgroup keeps all translations of a group and has fewer rotations (International Tables A1). The edges
are in a table beside this module, which `edsym.symmetry.derivation.derive_edges` makes again from the
symmetry operations.
"""

from functools import cache
from pathlib import Path

import numpy as np

from edsym.symmetry import N_SPACE_GROUPS
from edsym.symmetry.classes import powder_groups

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
    child[_edges()] = True
    steps, reached = np.full(child.shape, -1), np.eye(N_SPACE_GROUPS, dtype=bool)
    for step in range(N_SPACE_GROUPS):
        reached &= steps < 0
        if not reached.any():
            break
        steps[reached] = step
        reached = reached @ child
    return steps


@cache
def powder_group_distances() -> np.ndarray:
    """Return the fewest edges between each two of the powder groups, up or down.

    Two groups are joined where a space group of one is a maximal t-subgroup of a space group of the other.

    Returns
    -------
    (97, 97) array of int
    """
    from scipy.sparse.csgraph import shortest_path

    index = powder_groups().index
    joined = np.zeros((index.max() + 1,) * 2, bool)
    joined[tuple(index[place] for place in _edges())] = True
    return shortest_path(joined, directed=False, unweighted=True).astype(int)


def _edges() -> tuple[np.ndarray, np.ndarray]:
    """Return the places (from 0) of groups and of their maximal t-subgroups."""
    return tuple(np.loadtxt(EDGES, int, delimiter=",", skiprows=1).T - 1)
