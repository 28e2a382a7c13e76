"""Settings of spots and of the split: sections ``peaks`` and ``split`` of the configuration."""

from typing import ClassVar, Literal

from edsym.settings import MAX_SEED, Settings, setting


class PeaksSettings(Settings):
    """From simulated beams to the spots that a detector would show."""

    section: ClassVar = "peaks"

    q_max: float = setting(2.0, "1/Å", ge=0.1, le=8)
    """Largest length of a spot's scattering vector in the plane of the detector."""
    min_intensity: float = setting(0.0001, "of the incident beam", ge=0, le=1)
    """Smallest intensity of a spot."""
    resolution: float = setting(0.01, "1/Å", ge=0, le=0.5)
    """Distance on the detector below which beams merge into one spot."""
    min_spots: int = setting(5, "spots", ge=1, le=1000)
    """Fewest spots of a pattern; one with less is dropped and counted."""


class SplitSettings(Settings):
    """Division of the materials into a training and a test part, stratified by crystal system."""

    section: ClassVar = "split"

    strategy: Literal["material", "prototype", "chemistry"] = setting("material")
    """What is on one side of the split only: a `material`, as in the paper; a `prototype`, all materials of
    one space group, anonymous formula and sequence of Wyckoff positions; or a `chemistry`, all materials of
    the same elements. Materials that validate are chosen alike. The last is not stratified."""

    test_fraction: float = setting(0.25, ge=0.01, le=0.99)
    """Share of the materials that only test."""
    seed: int = setting(0, ge=0, le=MAX_SEED)
    """Seed of the division."""
