"""The cell that a crystal is computed in: compact, with its origin on an inversion centre if there is one."""

from dataclasses import dataclass

import numpy as np
import spglib

from edsym.structures.standard import Structure

# The structures are symmetrised already: only a true inversion centre is worth moving the origin to.
_SYMPREC = 1e-3


@dataclass(frozen=True)
class Cell:
    """A crystal in its Niggli-reduced cell, in the frame of the structure it comes from.

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
    """Return the Niggli-reduced cell of a structure, its origin on an inversion centre if there is one.

    A reduced cell keeps the box of indices around a sphere of reciprocal space small: the primitive
    cells of long centred lattices are needles. The frame and the diffracted intensities stay as they are.

    Parameters
    ----------
    structure : Structure
        A primitive cell.
    """
    transform = _niggli_transform(structure.lattice)
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
    """Return the fractional coordinates of an inversion centre, or zeros if there is none."""
    cell = (structure.lattice, structure.frac_coords, structure.numbers)
    try:
        operations = spglib.get_symmetry(cell, symprec=_SYMPREC)
    except spglib.SpglibError:
        operations = None
    if operations is None:
        return np.zeros(3)
    inversions = (operations["rotations"] == -np.eye(3, dtype=int)).all(axis=(1, 2))
    # x -> -x + t leaves t / 2 where it is.
    return operations["translations"][inversions][0] / 2 if inversions.any() else np.zeros(3)


def _niggli_transform(lattice: np.ndarray) -> np.ndarray:
    """Return the unimodular matrix that turns row vectors into Niggli-reduced ones (or the identity)."""
    try:
        reduced = spglib.niggli_reduce(lattice)
    except spglib.SpglibError:
        reduced = None
    if reduced is None:
        return np.eye(3)
    transform = np.rint(reduced @ np.linalg.inv(lattice))
    return transform if abs(abs(np.linalg.det(transform)) - 1) < 1e-9 else np.eye(3)
