"""Settings of the forest: the section ``forest`` of the configuration."""

from typing import ClassVar

from edsym.settings import MAX_SEED, Settings, setting


class ForestSettings(Settings):
    """The baseline, a hierarchical random forest."""

    section: ClassVar = "forest"

    system_trees: int = setting(80, "trees", ge=1, le=10_000)
    """Trees of the forest for the crystal system."""
    system_depth: int = setting(40, "levels", ge=1, le=1000)
    """Depth of those trees."""
    spacegroup_trees: int = setting(128, "trees", ge=1, le=10_000)
    """Trees of each crystal system's forest for the space group."""
    spacegroup_depth: int = setting(30, "levels", ge=1, le=1000)
    """Depth of those trees."""
    seed: int = setting(32, ge=0, le=MAX_SEED)
    """Seed of the forests."""
