"""A crystal structure: what the parts of edsym pass to each other."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Structure:
    """A crystal structure.

    Attributes
    ----------
    lattice : (3, 3) float64
        Row vectors a, b, c in Å.
    numbers : (n,) int
        Atomic numbers.
    frac_coords : (n, 3) float64
        Fractional coordinates.
    spacegroup_number : int
        1 to 230.
    """

    lattice: np.ndarray
    numbers: np.ndarray
    frac_coords: np.ndarray
    spacegroup_number: int
