"""Crystal systems, Laue classes and space groups, by the numbers of International Tables A."""

import numpy as np

CRYSTAL_SYSTEMS = (
    "triclinic",
    "monoclinic",
    "orthorhombic",
    "tetragonal",
    "trigonal",
    "hexagonal",
    "cubic",
)
"""The seven crystal systems, in the order of space-group numbers; the order of all class indices."""

N_SPACE_GROUPS = 230

# Last space-group number of each crystal system and of each Laue class (ITA 2016, table 2.1.1.1).
_LAST_OF_SYSTEM = (2, 15, 74, 142, 167, 194, 230)
_LAST_OF_LAUE_CLASS = {
    "-1": 2,
    "2/m": 15,
    "mmm": 74,
    "4/m": 88,
    "4/mmm": 142,
    "-3": 148,
    "-3m": 167,
    "6/m": 176,
    "6/mmm": 194,
    "m-3": 206,
    "m-3m": 230,
}
# The same for the point groups (ITA 2016, table 3.2.3.1).
_LAST_OF_POINT_GROUP = {
    "1": 1,
    "-1": 2,
    "2": 5,
    "m": 9,
    "2/m": 15,
    "222": 24,
    "mm2": 46,
    "mmm": 74,
    "4": 80,
    "-4": 82,
    "4/m": 88,
    "422": 98,
    "4mm": 110,
    "-42m": 122,
    "4/mmm": 142,
    "3": 146,
    "-3": 148,
    "32": 155,
    "3m": 161,
    "-3m": 167,
    "6": 173,
    "-6": 174,
    "6/m": 176,
    "622": 182,
    "6mm": 186,
    "-6m2": 190,
    "6/mmm": 194,
    "23": 199,
    "m-3": 206,
    "432": 214,
    "-43m": 220,
    "m-3m": 230,
}

# Trigonal groups whose twofold axes or mirror normals lie along a* instead of a (settings "-31m").
_ALONG_RECIPROCAL_A = frozenset({149, 151, 153, 157, 159, 162, 163})


ORIENTED_LAUE_CLASSES = (
    *("-1", "2/m", "mmm"),
    *("4/m", "4/mmm"),
    *("-3", "-3m1", "-31m"),
    *("6/m", "6/mmm"),
    *("m-3", "m-3m"),
)
"""The Laue classes with their settings, as `oriented_laue_class` names them."""


def system_index(spacegroup_number):
    """Return the index in `CRYSTAL_SYSTEMS` of space-group numbers (int or array, 1 to 230)."""
    numbers = np.asarray(spacegroup_number)
    if numbers.size and (numbers.min() < 1 or numbers.max() > N_SPACE_GROUPS):
        raise ValueError(f"space-group numbers are 1 to {N_SPACE_GROUPS}, not {spacegroup_number}")
    return np.searchsorted(_LAST_OF_SYSTEM, numbers)


SYSTEM_OF_GROUP = system_index(np.arange(1, N_SPACE_GROUPS + 1))
"""Index of the crystal system of each space group, (230,)."""


def crystal_system(spacegroup_number: int) -> str:
    """Return the crystal system of a space group."""
    return CRYSTAL_SYSTEMS[int(system_index(spacegroup_number))]


def space_groups(system: str) -> range:
    """Return the space-group numbers of a crystal system."""
    i = CRYSTAL_SYSTEMS.index(system)
    return range(_LAST_OF_SYSTEM[i - 1] + 1 if i else 1, _LAST_OF_SYSTEM[i] + 1)


def laue_class(spacegroup_number: int) -> str:
    """Return the Laue class of a space group, in Hermann-Mauguin notation."""
    return next(name for name, last in _LAST_OF_LAUE_CLASS.items() if spacegroup_number <= last)


def point_group(spacegroup_number: int) -> str:
    """Return the point group of a space group, in Hermann-Mauguin notation (without its setting)."""
    return next(name for name, last in _LAST_OF_POINT_GROUP.items() if spacegroup_number <= last)


def system_of_laue_class(name: str) -> str:
    """Return the crystal system of a Laue class, whose setting may be named."""
    name = "-3m" if name in ("-3m1", "-31m") else name
    return crystal_system(_LAST_OF_LAUE_CLASS[name])


def oriented_laue_class(spacegroup_number: int) -> str:
    """Return the Laue class with its setting: ``-3m`` is ``-3m1`` or ``-31m``, by its twofold axes."""
    name = laue_class(spacegroup_number)
    if name != "-3m":
        return name
    return "-31m" if spacegroup_number in _ALONG_RECIPROCAL_A else "-3m1"
