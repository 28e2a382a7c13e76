"""Settings of the forest: the section ``forest`` of the configuration."""

from typing import ClassVar, Literal

from edsym.settings import MAX_SEED, Settings, setting

System = Literal["triclinic", "monoclinic", "orthorhombic", "tetragonal", "trigonal", "hexagonal", "cubic"]


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
    features: Literal["spots", "positions", "intensities"] = setting("spots")
    """What the trees see: the `spots` as published, `positions` with all intensities alike, or `intensities`
    without places. What the last two are worth tells what the first goes by. The perceptron has the spots in
    any case."""
    exclude: tuple[System, ...] = setting((), strict=False)
    """Crystal systems that are not learned, and never answered; the publications leave out `triclinic`. Their
    test patterns are left out of the forest's scores in tables 1 to 4 and 20, which say so. They count as
    wrong in all others, where models stand beside each other on the same patterns."""
    max_rows: int | None = setting(None, "patterns", ge=1, le=1_000_000_000)
    """Most patterns that a tree is grown on, drawn for each; null draws as many as there are."""
    thresholds: Literal["best", "random"] = setting("best")
    """Where nodes divide: at the `best` threshold of each feature that they look at, as published, or at one
    drawn at `random` (extremely randomized trees: Geurts, Ernst and Wehenkel, Machine Learning 63, 3, 2006).
    Of the latter each tree has all patterns, or `max_rows` drawn for it."""
    seed: int = setting(32, ge=0, le=MAX_SEED)
    """Seed of the forests."""
