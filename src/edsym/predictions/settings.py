"""Settings of the evaluation (section `evaluation` of the configuration)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EvaluationSettings:
    """How single patterns are combined into one decision a material, and what is beyond the paper.

    Attributes
    ----------
    views : int
        Patterns drawn at random for each test material.
    seed : int
        Seed of the drawing.
    calibration : {"temperature", "none"}
        Whether temperatures are fitted on validation materials.
    pooling : {"learned", "none"}
        Whether a pool of the views is fitted on validation materials.
    conditional : bool
        Whether space groups are decided given the crystal system as well.
    """

    views: int
    seed: int
    calibration: str = "temperature"
    pooling: str = "learned"
    conditional: bool = True
