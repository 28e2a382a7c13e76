"""The cell that a crystal is computed in: compact, with its origin on an inversion centre if there is one."""

import itertools
from dataclasses import dataclass, replace

import numpy as np

from edsym.simulation.constants import RIM
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
        a, b, c = self.lattice
        return float(abs((a * np.cross(b, c)).sum()))

    def box(self, g_max: float) -> np.ndarray:
        """Return the largest indices (3,) of beams up to `g_max` (1/Å): |h| = |g·a| <= g_max |a|."""
        return np.floor(g_max * RIM * np.linalg.norm(self.lattice, axis=1)).astype(int)


def computing_cell(structure: Structure) -> Cell:
    """Return the reduced cell of a structure, its origin on an inversion centre if there is one.

    A reduced cell keeps the box of indices around a sphere of reciprocal space small: the primitive
    cells of long centred lattices are needles. The frame and the diffracted intensities stay as they are.

    Parameters
    ----------
    structure : Structure
        A primitive cell.
    """
    # 0 and 1 - 1e-17 are the same place: which atom or centre is found first must not hang on rounding.
    structure = replace(structure, frac_coords=np.round(structure.frac_coords, 12) % 1)
    transform = reduction(structure.lattice)
    to_structure = np.rint(reciprocal_lattice(transform))
    lattice = np.einsum("ij,jk->ik", transform, structure.lattice)
    return Cell(
        lattice=lattice,
        reciprocal=reciprocal_lattice(lattice),
        numbers=np.asarray(structure.numbers),
        frac_coords=np.einsum("aj,ij->ai", structure.frac_coords - inversion_centre(structure), to_structure),
        to_structure=to_structure.astype(int),
    )


def reciprocal_lattice(lattice: np.ndarray) -> np.ndarray:
    """Return the row vectors a*, b*, c* (3, 3) of row vectors a, b, c, without 2π.

    By cross products, because a library's inverse is rounded as the processor has it.
    """
    a, b, c = lattice
    cross = np.array([np.cross(b, c), np.cross(c, a), np.cross(a, b)])
    return cross / (a * cross[0]).sum()


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
