"""What the simulation of one material leaves: its beams in flat arrays, or the reason why there are none."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from edsym.simulation.engines.interface import Pattern


@dataclass(frozen=True)
class SimulatedMaterial:
    """The patterns of one material, in the form in which they are stored.

    Attributes
    ----------
    material_id : str
        Identifier.
    reciprocal : (3, 3) float64
        Row vectors a*, b*, c* of the primitive cell in the crystal frame, in 1/Å.
    orientation : (n, 3, 3) float64
        Rows are the laboratory's axes in the crystal frame; the last is the zone axis.
    thickness : (n,) float64
        Of the crystal at each pattern, in Å.
    n_beams : (n,) int64
        Beams of each pattern.
    hkl : (B, 3) int16
        Indices of the beams of all patterns, one pattern after the other.
    intensity : (B,) float32
        And their intensities.
    """

    material_id: str
    reciprocal: np.ndarray
    orientation: np.ndarray
    thickness: np.ndarray
    n_beams: np.ndarray
    hkl: np.ndarray
    intensity: np.ndarray

    @classmethod
    def from_patterns(cls, material_id: str, patterns: Iterable[Pattern]) -> "SimulatedMaterial":
        """Put the patterns of a material one after the other."""
        patterns = list(patterns)
        return cls(
            material_id,
            patterns[0].reciprocal,
            np.array([pattern.orientation for pattern in patterns]),
            np.array([pattern.thickness for pattern in patterns], dtype=np.float64),
            np.array([len(pattern.intensity) for pattern in patterns], dtype=np.int64),
            np.concatenate([pattern.hkl for pattern in patterns]),
            np.concatenate([pattern.intensity for pattern in patterns]),
        )


@dataclass(frozen=True)
class FailedMaterial:
    """A material that could not be simulated.

    Attributes
    ----------
    material_id : str
        Identifier.
    reason : str
        Why.
    """

    material_id: str
    reason: str
