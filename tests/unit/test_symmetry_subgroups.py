"""The graph of maximal t-subgroups against its derivation and International Tables A1."""

import numpy as np

from edsym.symmetry.classes import powder_groups
from edsym.symmetry.derivation import derive_edges
from edsym.symmetry.subgroups import EDGES, powder_group_distances, steps_down


def test_the_table_is_what_the_operations_give():
    edges = derive_edges()
    assert len(edges) == 790
    assert EDGES.read_text() == "group,subgroup\n" + "".join(f"{a},{b}\n" for a, b in edges)


def test_maximal_subgroups_of_international_tables():
    steps = steps_down()
    below = {group: (np.flatnonzero(steps[group - 1] == 1) + 1).tolist() for group in (14, 62, 75, 225)}
    assert below == {14: [2, 4, 7], 62: [11, 14, 19, 26, 31, 33], 75: [3], 225: [139, 166, 202, 209, 216]}


def test_steps_are_the_fewest_and_only_downwards():
    steps = steps_down()
    assert (np.diag(steps) == 0).all() and (steps[:, 0] >= 0).all() and steps.max() == 4
    assert steps[224, 0] == 4 and steps[0, 224] == -1  # Fm-3m > R-3m > R-3 > P-1 > P1
    assert steps[13, 14] == steps[14, 13] == -1


def test_distances_of_powder_groups_are_those_of_their_space_groups_in_either_direction():
    distance, index = powder_group_distances(), powder_groups().index
    assert (distance == 1).sum() // 2 == 372 and distance.max() == 5
    assert (distance == distance.T).all() and (np.diag(distance) == 0).all()
    # Pnma > P2_1/c > P-1, and Cmcm beside Pnma: over their common subgroups
    assert distance[index[61], index[1]] == 2 and distance[index[13], index[14]] == 2
