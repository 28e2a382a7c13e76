"""Settings of structures and of their filter: sections ``structures`` and ``filter`` of the configuration."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StructuresSettings:
    """Where structures come from.

    Attributes
    ----------
    source : str
        ``materials_project``, ``snapshot``, ``cif`` or ``prototypes``.
    path : str or None
        Table of ``snapshot``, folder of ``cif``.
    limit : int or None
        Size of a random subset of the source's ids; None takes all.
    seed : int
        Seed of that subset.
    chunk_size : int
        Materials fetched by one request to the database, at most 1000.
    retries : int
        Repetitions of a failed request.
    """

    source: str
    path: str | None
    limit: int | None
    seed: int
    chunk_size: int
    retries: int


@dataclass(frozen=True)
class FilterSettings:
    """Bounds of the volume of the listed (primitive) cell in Å³; both belong to the range."""

    min_volume: float
    max_volume: float
