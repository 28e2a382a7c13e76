"""What the simulation of one material leaves: its beams in flat arrays, or the reason why there are none."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

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
    n_beams: np.ndarray
    hkl: np.ndarray
    intensity: np.ndarray

    @classmethod
    def from_patterns(
        cls, material_id: str, reciprocal: np.ndarray, orientation: np.ndarray, patterns: Iterable[Pattern]
    ) -> "SimulatedMaterial":
        """Put patterns one after the other; their positions follow from the indices."""
        hkl, intensity = zip(*((pattern.hkl, pattern.intensity) for pattern in patterns), strict=True)
        return cls(
            material_id,
            reciprocal,
            orientation,
            np.array([len(part) for part in intensity], dtype=np.int64),
            np.concatenate(hkl),
            np.concatenate(intensity),
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


def beam_positions(
    hkl: np.ndarray, reciprocal: np.ndarray, orientation: np.ndarray, offset: np.ndarray
) -> np.ndarray:
    """Return where the beams of many patterns fall on the detector.

    Parameters
    ----------
    hkl : (B, 3) array of int
        Indices of the beams.
    reciprocal : (P, 3, 3) float64
        Row vectors of the reciprocal lattice of each pattern's material, in 1/Å.
    orientation : (P, 3, 3) float64
        Orientation of each pattern.
    offset : (P + 1,) array of int
        Pattern p owns the beams ``offset[p]`` to ``offset[p + 1]``.

    Returns
    -------
    q : (B, 2) float64
        Position along the laboratory's x and y in 1/Å.
    """
    projection = reciprocal @ np.swapaxes(orientation[:, :2], 1, 2)
    q = np.empty((len(hkl), 2))
    # one pattern at a time: how a product is rounded must not depend on what else is computed with it
    for p, (start, stop) in enumerate(pairwise(offset)):
        q[start:stop] = hkl[start:stop] @ projection[p]
    return q
