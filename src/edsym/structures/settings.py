"""Settings of structures and of their filter: sections ``structures`` and ``filter`` of the configuration."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from edsym.settings import MAX_SEED, Settings, setting


class StructuresSettings(Settings):
    """Where the crystal structures come from."""

    section: ClassVar = "structures"

    source: Literal["materials_project", "snapshot", "cif", "prototypes"] = setting("materials_project")
    """Source of structures. `materials_project` asks the database (needs the environment variable
    MP_API_KEY); `snapshot` reads a table that such a query wrote; `cif` reads a folder of CIF files;
    `prototypes` takes the 288 AFLOW prototypes that pymatgen ships."""
    path: str | None = setting(None, "path")
    """Table (parquet) for `snapshot`, folder for `cif`; null for the other sources."""
    limit: int | None = setting(None, "materials", ge=1, le=10_000_000)
    """Size of a seeded random subset of the materials; null takes all."""
    seed: int = setting(0, ge=0, le=MAX_SEED)
    """Seed of that subset."""
    chunk_size: int = setting(500, "materials", ge=1, le=1000, operational=True)
    """Materials fetched by one request to the database; an interrupted query goes on after the last chunk."""
    retries: int = setting(6, "requests", ge=0, le=20, operational=True)
    """Repetitions of a failed request, each after twice the wait of the one before."""

    def _contradictions(self) -> Iterator[str]:
        if self.source in ("snapshot", "cif") and not self.path:
            expected = (
                "a table of materials (Parquet)" if self.source == "snapshot" else "a folder of CIF files"
            )
            yield (
                f"structures.path: {self.path!r} is not allowed with structures.source {self.source}; "
                f"it must be {expected}"
            )


class FilterSettings(Settings):
    """Which materials are simulated: both bounds belong to the range."""

    section: ClassVar = "filter"

    min_volume: float = setting(0, "Å³", ge=0, le=1_000_000)
    """Smallest volume of the primitive cell."""
    max_volume: float = setting(1000, "Å³", gt=0, le=1_000_000)
    """Largest volume of the primitive cell."""

    def _contradictions(self) -> Iterator[str]:
        if self.min_volume >= self.max_volume:
            yield (
                f"filter.min_volume: {self.min_volume:g} is not allowed; "
                f"it must be below filter.max_volume, {self.max_volume:g}"
            )
