"""Classes of space groups that patterns tell apart better than the groups: by Laue class, lattice, absences.

Each is a partition of the 230 space groups, so that its probabilities are sums of theirs.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cache
from itertools import permutations, product

import numpy as np
import spglib

from edsym.structures.symbols import space_group_symbols
from edsym.symmetry import N_SPACE_GROUPS, crystal_system, laue_class, oriented_laue_class

# Every condition of reflection shows within these indices: the longest is 00l only for l = 6n.
_INDICES = np.array(list(product(range(-6, 7), repeat=3)))
_FAMILY = {"triclinic": "a", "monoclinic": "m", "orthorhombic": "o", "tetragonal": "t", "cubic": "c"}


@dataclass(frozen=True)
class Classes:
    """A partition of the space groups.

    Attributes
    ----------
    names : tuple of str
        Names of the C classes, in the order of their first space groups.
    index : (230,) array of int
        Class of each space group, from number 1.
    """

    names: tuple[str, ...]
    index: np.ndarray

    def sums(self, p_spacegroup: np.ndarray) -> np.ndarray:
        """Return the probabilities (N, C) of the classes from those of the space groups (N, 230)."""
        return p_spacegroup @ (self.index[:, None] == np.arange(len(self.names)))


@cache
def laue_classes() -> Classes:
    """Return the eleven Laue classes."""
    return _classes(laue_class, lambda numbers: laue_class(numbers[0]))


@cache
def bravais_lattices() -> Classes:
    """Return the fourteen Bravais lattices, by their Pearson symbols (hR is rhombohedral)."""
    return _classes(_bravais, lambda numbers: _bravais(numbers[0]))


@cache
def extinction_groups() -> Classes:
    """Return the 122 groups that Laue symmetry and systematic absences tell apart, named by their members.

    Space groups of one have the same Laue class, in the same orientation to the lattice, and the same
    conditions of reflection once orthorhombic axes are put into the same order (International Tables A,
    chapter 1.6: they have the same diffraction symbol).
    """
    symbols = space_group_symbols()
    return _classes(_diffraction, lambda numbers: " ".join(symbols[number - 1] for number in numbers))


@cache
def powder_groups() -> Classes:
    """Return the 97 groups that systematic absences alone tell apart, named by their members.

    A powder pattern shows no Laue symmetry: space groups of one have the same crystal family and the same
    conditions of reflection.
    """
    symbols = space_group_symbols()
    return _classes(_powder, lambda numbers: " ".join(symbols[number - 1] for number in numbers))


CLASSES = {
    "laue": laue_classes,
    "bravais": bravais_lattices,
    "powder": powder_groups,
    "extinction": extinction_groups,
}
"""Functions that return the classes of each kind."""


def _classes(key: Callable[[int], Hashable], name: Callable[[list[int]], str]) -> Classes:
    """Return the classes of space groups with the same key."""
    members: dict[Hashable, list[int]] = {}
    for number in range(1, N_SPACE_GROUPS + 1):
        members.setdefault(key(number), []).append(number)
    index = np.empty(N_SPACE_GROUPS, int)
    for i, numbers in enumerate(members.values()):
        index[np.array(numbers) - 1] = i
    return Classes(tuple(map(name, members.values())), index)


def _bravais(number: int) -> str:
    """Return the Pearson symbol of a space group's lattice; all one-face centrings are C."""
    family = _FAMILY.get(crystal_system(number), "h")
    return family + space_group_symbols()[number - 1][0].replace("A", "C")


def absent_reflections(number: int) -> np.ndarray:
    """Return which reflections are systematically absent in a space group, in its standard setting.

    Returns
    -------
    (13, 13, 13) array of bool
        By the indices h, k, l from -6 to 6. A reflection is absent if an operation keeps its indices and
        shifts its phase (International Tables A, section 1.6.3).
    """
    operations = spglib.get_symmetry_from_database(hall_numbers()[number])
    absent = np.zeros(len(_INDICES), bool)
    for rotation, translation in zip(*(operations[k] for k in ("rotations", "translations")), strict=True):
        phase = _INDICES @ translation
        absent |= (_INDICES @ rotation == _INDICES).all(axis=1) & (np.abs(phase - np.rint(phase)) > 1e-3)
    return absent.reshape((13,) * 3)


@cache
def hall_numbers() -> dict[int, int]:
    """Return spglib's number of the first setting of each space group."""
    return {spglib.get_spacegroup_type(hall).number: hall for hall in range(530, 0, -1)}


def _diffraction(number: int) -> tuple[str, bytes]:
    """Return the oriented Laue class of a space group, and which indices are absent in it."""
    return oriented_laue_class(number), _conditions(number)


def _powder(number: int) -> tuple[str, bytes]:
    """Return the crystal family of a space group, and which indices are absent in it."""
    return _FAMILY.get(crystal_system(number), "h"), _conditions(number)


@cache
def _conditions(number: int) -> bytes:
    """Return which indices are absent, whatever the order of orthorhombic axes."""
    absent = absent_reflections(number)
    orthorhombic = crystal_system(number) == "orthorhombic"
    orders = permutations(range(3)) if orthorhombic else [(0, 1, 2)]
    return min(absent.transpose(order).tobytes() for order in orders)
