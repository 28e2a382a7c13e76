"""Settings of the forest."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ForestSettings:
    """Sizes of the forests.

    Attributes
    ----------
    system_trees, system_depth : int
        Number of trees and greatest depth of the forest for crystal systems.
    spacegroup_trees, spacegroup_depth : int
        The same for each of the forests for space groups, one a crystal system.
    seed : int
        Seed of bootstrap and feature draws.
    """

    system_trees: int
    system_depth: int
    spacegroup_trees: int
    spacegroup_depth: int
    seed: int
