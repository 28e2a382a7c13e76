"""Settings of the evaluation (section `evaluation` of the configuration)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EvaluationSettings:
    """How single patterns are combined into one decision a material.

    Attributes
    ----------
    views : int
        Patterns drawn at random for each test material.
    seed : int
        Seed of the drawing.
    """

    views: int
    seed: int
