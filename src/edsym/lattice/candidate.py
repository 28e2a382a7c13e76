"""A lattice that may have made a pattern, and how its spots lie on it."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Candidate:
    """A primitive reciprocal lattice in the frame of the beam, and the spots of one pattern on it.

    The beam travels along +z. A lattice point g on the Ewald sphere has g_z = -λ g² / 2; one that has not is
    off by its excitation error s = -g_z - λ g² / 2, as in `edsym.simulation.beams.selection`.

    Attributes
    ----------
    basis : (3, 3) float64
        Rows are reciprocal primitive vectors in 1/Å, right-handed: x and y in the plane of the detector, z
        along the beam.
    hkl : (n, 3) int64
        Indices of each spot; 000 where it has none.
    indexed : (n,) bool
        Which spots lie on the lattice.
    residual : (n,) float64
        Distance of each spot from its lattice point in the plane, in 1/Å; infinite where it has none.
    score : float
        Logarithm of the likelihood over that of spots without a lattice, in units of e.
    probability : float
        Probability that this is the crystal's lattice: its fourteen shortest vectors are right within 3 %, up
        to a common factor.
    position_error : float
        Standard deviation of a coordinate of the indexed spots about the lattice, in 1/Å.
    """

    basis: np.ndarray
    hkl: np.ndarray
    indexed: np.ndarray
    residual: np.ndarray
    score: float
    probability: float
    position_error: float

    @property
    def direct(self) -> np.ndarray:
        """Rows are the primitive vectors of the crystal in Å, in the frame of the beam."""
        return np.linalg.inv(self.basis).T

    @property
    def volume(self) -> float:
        """Volume of the crystal's primitive cell in Å³."""
        return float(1 / abs(np.linalg.det(self.basis)))
