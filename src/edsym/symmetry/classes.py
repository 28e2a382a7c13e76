"""Classes of space groups that patterns tell apart better than the groups: by Laue class, lattice, absences.

Each is a partition of the 230 space groups, so that its probabilities are sums of theirs.
"""

import csv
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from edsym.symmetry import N_SPACE_GROUPS, crystal_system, laue_class

TABLE = Path(__file__).with_name("classes.csv")
"""Table of the space groups' symbols, powder groups and extinction groups, which
`edsym.symmetry.derivation.derive_classes` makes again from the symmetry operations."""

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
    return _named_by_members("extinction")


@cache
def powder_groups() -> Classes:
    """Return the 97 groups that systematic absences alone tell apart, named by their members.

    A powder pattern shows no Laue symmetry: space groups of one have the same crystal family and the same
    conditions of reflection.
    """
    return _named_by_members("powder")


CLASSES = {
    "laue": laue_classes,
    "bravais": bravais_lattices,
    "powder": powder_groups,
    "extinction": extinction_groups,
}
"""Functions that return the classes of each kind."""


@cache
def space_group_symbols() -> tuple[str, ...]:
    """Return the short Hermann-Mauguin symbols of the space groups 1 to 230, such as ``Fm-3m``."""
    return tuple(row["symbol"] for row in _rows())


@cache
def _rows() -> tuple[dict[str, str], ...]:
    """Return the rows of the table, in the order of the space groups."""
    with open(TABLE, newline="", encoding="utf-8") as file:
        return tuple(csv.DictReader(file))


def _named_by_members(column: str) -> Classes:
    """Return the classes of a column of the table."""
    symbols = space_group_symbols()
    return _classes(
        lambda number: _rows()[number - 1][column],
        lambda numbers: " ".join(symbols[number - 1] for number in numbers),
    )


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
    return crystal_family(number) + space_group_symbols()[number - 1][0].replace("A", "C")


def crystal_family(number: int) -> str:
    """Return the first letter of a space group's Pearson symbol: trigonal and hexagonal are one family."""
    return _FAMILY.get(crystal_system(number), "h")
