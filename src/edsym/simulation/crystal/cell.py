"""The cell that a crystal is computed in: compact, with its origin on an inversion centre if there is one."""

import itertools
from dataclasses import dataclass

import numpy as np

from edsym.structures.structure import Structure

# In Å. The structures are symmetrised already: only a true inversion centre is worth moving the origin to.
_SYMPREC = 1e-3
# A lattice vector must become shorter by this share, or rounding would turn equal ones for ever.
_SHORTER = 1 - 1e-9


@dataclass(frozen=True)
class Cell:
    """A crystal in its reduced cell, in the frame of the structure it comes from.

    Attributes
    ----------
    lattice, reciprocal : (3, 3) float64
        Row vectors in Å, and of the reciprocal lattice in 1/Å (without 2π).
    numbers : (n,) int
        Atomic numbers.
    frac_coords : (n, 3) float64
        Fractional coordinates.
    to_structure : (3, 3) int
        Turns indices: ``hkl_of_structure = hkl_of_cell @ to_structure``.
    """

    lattice: np.ndarray
    reciprocal: np.ndarray
    numbers: np.ndarray
    frac_coords: np.ndarray
    to_structure: np.ndarray

    @property
    def volume(self) -> float:
        """Volume in Å³."""
        return float(abs(np.linalg.det(self.lattice)))


def computing_cell(structure: Structure) -> Cell:
    """Return the reduced cell of a structure, its origin on an inversion centre if there is one.

    A reduced cell keeps the box of indices around a sphere of reciprocal space small: the primitive
    cells of long centred lattices are needles. The frame and the diffracted intensities stay as they are.

    Parameters
    ----------
    structure : Structure
        A primitive cell.
    """
    transform = reduction(structure.lattice)
    lattice = transform @ structure.lattice
    frac_coords = (structure.frac_coords - inversion_centre(structure)) @ np.linalg.inv(transform)
    return Cell(
        lattice=lattice,
        reciprocal=np.linalg.inv(lattice).T,
        numbers=np.asarray(structure.numbers),
        frac_coords=frac_coords,
        to_structure=np.rint(np.linalg.inv(transform)).astype(int).T,
    )


def inversion_centre(structure: Structure) -> np.ndarray:
    """Return the fractional coordinates of an inversion centre, or zeros if there is none.

    An inversion x -> t - x takes the first atom of the rarest element to one of its kind, which leaves
    few t to try; its centre is t / 2.
    """
    elements = [structure.frac_coords[structure.numbers == z] for z in np.unique(structure.numbers)]
    elements.sort(key=len)
    for translation in elements[0][0] + elements[0]:
        if all(_is_inverted(positions, translation, structure.lattice) for positions in elements):
            return translation / 2
    return np.zeros(3)


def _is_inverted(positions: np.ndarray, translation: np.ndarray, lattice: np.ndarray) -> bool:
    """Tell whether x -> translation - x takes each of the positions (n, 3) to one of them."""
    difference = (translation - positions)[:, None] - positions
    difference -= np.rint(difference)
    distance = np.linalg.norm(difference @ lattice, axis=-1)
    return bool((distance.min(axis=1) < _SYMPREC).all())


def reduction(lattice: np.ndarray) -> np.ndarray:
    """Return the unimodular matrix (3, 3) that turns row vectors into the shortest possible ones.

    In three dimensions a basis is that of the shortest vectors (Minkowski's) as soon as no vector becomes
    shorter by adding or subtracting the others once (Nguyen & Stehlé 2009, ACM Trans. Algorithms 5, 46).
    """
    transform = np.eye(3)
    found = True
    while found:
        found = False
        for i, (m, n) in itertools.product(range(3), itertools.product((-1, 0, 1), repeat=2)):
            step = np.zeros(3)
            step[[i - 2, i - 1]] = m, n
            shorter = transform[i] + step @ transform
            if np.linalg.norm(shorter @ lattice) < _SHORTER * np.linalg.norm(transform[i] @ lattice):
                transform[i] = shorter
                found = True
    return transform
