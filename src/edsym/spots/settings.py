"""Settings of the stages peaks and split."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PeaksSettings:
    """What a detector sees of a pattern.

    Attributes
    ----------
    q_max : float
        Largest |q| of a spot in 1/Å.
    min_intensity : float
        Least intensity of a spot; the incident beam is 1.
    resolution : float
        Beams closer than this in projection make one spot, in 1/Å.
    min_spots : int
        Patterns with fewer spots are dropped.
    """

    q_max: float
    min_intensity: float
    resolution: float
    min_spots: int


@dataclass(frozen=True)
class SplitSettings:
    """How materials go to training and test.

    Attributes
    ----------
    test_fraction : float
        Share of the materials of every crystal system that is kept for the test.
    seed : int
        Seed of the draw.
    """

    test_fraction: float
    seed: int
