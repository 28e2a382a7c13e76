"""Relatives of a crystal: the same structure of other elements, in another cell of the same symmetry.

Crystals of one structure type differ in this way. A network that has met relatives of its few materials
learns their symmetry more than their lines.
"""

from functools import cache

import numpy as np

from edsym.powder.nuisances import draw_strains
from edsym.powder.settings import PowderSettings
from edsym.seeds import generator
from edsym.structures.structure import Structure
from edsym.symmetry import system_index


def relatives(
    structure: Structure, abundance: np.ndarray, settings: PowderSettings, name: str
) -> list[Structure]:
    """Return relatives of a crystal, as many as the settings say.

    Parameters
    ----------
    structure : Structure
        A primitive cell in the standard orientation.
    abundance : (119,) array
        By atomic number, how often an element is drawn.
    settings : PowderSettings
        Number of the relatives, and spread of their cells.
    name : str
        Of the crystal: its relatives depend on it, and not on which other crystals there are.
    """
    rng = generator(0, "powder relatives", name)
    system = np.full(settings.relatives, system_index(np.array([structure.spacegroup_number]))[0])
    reciprocal = np.linalg.inv(structure.lattice).T
    found = []
    for strain in relative_strains(settings, system, rng):
        lattice = np.linalg.inv(reciprocal + reciprocal @ strain).T
        numbers = _substituted(structure.numbers, abundance, rng)
        found.append(Structure(lattice, numbers, structure.frac_coords, structure.spacegroup_number))
    return found


def relative_strains(settings: PowderSettings, system: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return strains (n, 3, 3) of the reciprocal lattices of relatives of crystals of these systems (n,)."""
    spread = {"scale_sigma": settings.relative_scale_sigma, "strain_sigma": settings.relative_strain_sigma}
    return draw_strains(settings.model_copy(update=spread), system, rng)


def _substituted(numbers: np.ndarray, abundance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return atomic numbers with each element replaced: no two by the same one, metals by metals."""
    chosen: list[int] = []
    present, place = np.unique(numbers, return_inverse=True)
    for number in present:
        left = abundance * (_metals() == _metals()[number])
        left[chosen] = 0
        chosen.append(int(rng.choice(len(left), p=left / left.sum())) if left.any() else int(number))
    return np.array(chosen)[place]


@cache
def _metals() -> np.ndarray:
    """Return whether each atomic number (119,) is a metal; 0 is none."""
    from pymatgen.core.periodic_table import Element

    return np.array([False] + [Element.from_Z(z).is_metal for z in range(1, 119)])
