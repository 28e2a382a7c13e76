"""Settings of the tests of lattices: sections ``finder`` and ``regressor`` of the configuration."""

from typing import Annotated, ClassVar

from pydantic import Field

from edsym.settings import MAX_SEED, Settings, setting


class FinderSettings(Settings):
    """The lattice finder on test materials (table 12, figure 8), as each level of the detector shows them."""

    section: ClassVar = "finder"

    materials: int = setting(1000, "materials", ge=1, le=1_000_000)
    """Test materials whose lattices are sought, chosen by `evaluation.seed`; all, if there are fewer."""
    views: tuple[Annotated[int, Field(ge=1, le=100)], ...] = setting(
        (1, 2, 4), "patterns", min_length=1, strict=False
    )
    """Patterns that a lattice is found from, drawn as for the models; `evaluation.views` always counts, and
    larger numbers do not."""
    jobs: int = setting(20, "jobs", ge=1, le=10_000)
    """Jobs that share the materials; with 1,000 of these, ten minutes each."""


class RegressorSettings(Settings):
    """The published forest's regressors of lattice parameters, one a crystal system (table 19)."""

    section: ClassVar = "regressor"

    trees: int = setting(80, "trees", ge=1, le=10_000)
    """Trees of each regressor."""
    depth: int = setting(100, "levels", ge=1, le=1000)
    """Depth of those trees."""
    patterns: int = setting(10, "patterns", ge=1, le=100_000)
    """Patterns of each training material that they are grown on, the first ones."""
    seed: int = setting(32, ge=0, le=MAX_SEED)
    """Seed of the trees."""
