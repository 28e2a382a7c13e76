"""The systematic absences of space groups in the conventional cells of Bravais lattices, in all settings."""

from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
import spglib

from edsym.symmetry.classes import bravais_lattices

# Translations are multiples of 1/12.
_PARTS = 12
_INDICES = np.array(list(product(range(-6, 7), repeat=3)))
_IDENTITY = np.eye(3, dtype=int)
_QUARTER_TURN = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
_CENTRINGS = {
    "P": {(0, 0, 0)},
    "C": {(0, 0, 0), (6, 6, 0)},
    "I": {(0, 0, 0), (6, 6, 6)},
    "F": {(0, 0, 0), (0, 6, 6), (6, 0, 6), (6, 6, 0)},
    "R": {(0, 0, 0), (8, 4, 4), (4, 8, 8)},
}
# Metrics with the symmetry of the conventional cell of a family, and no more.
_METRICS = {
    "a": np.array([[1, 0.1, 0.23], [0.1, 1.3, 0.17], [0.23, 0.17, 1.7]]),
    "m": np.array([[1, 0, 0.23], [0, 1.3, 0], [0.23, 0, 1.7]]),
    "o": np.diag([1, 1.3, 1.7]),
    "t": np.diag([1, 1, 1.7]),
    "h": np.array([[1, -0.5, 0], [-0.5, 1, 0], [0, 0, 1.7]]),
    "c": np.eye(3),
}


@dataclass(frozen=True)
class AbsenceTable:
    """The absences of the settings of space groups in the conventional cell of a Bravais lattice.

    Attributes
    ----------
    rotation, translation : (C, 3, 3), (C, 3) arrays of int
        Of all screw axes and glide planes, translations in twelfths.
    has : (A, C) array of bool
        Which of these each setting has.
    group : (A,) array of int
        Space group of each setting, from 0.
    """

    rotation: np.ndarray
    translation: np.ndarray
    has: np.ndarray
    group: np.ndarray

    def absent(self, hkl: np.ndarray) -> np.ndarray:
        """Return which of the reflections hkl (N, 3) are absent in each setting, (A, N)."""
        fixed = (hkl @ self.rotation == hkl).all(axis=2)
        out_of_phase = self.translation @ hkl.T % _PARTS != 0
        return self.has.astype(np.float32) @ (fixed & out_of_phase).astype(np.float32) > 0


@cache
def absence_table(bravais: str) -> AbsenceTable:
    """Return the absences in a Bravais lattice, settings of a group with the same ones once."""
    metric = _METRICS[bravais[0]]
    changes = [_IDENTITY, _QUARTER_TURN] if bravais[0] == "c" else [_IDENTITY]
    lattices = bravais_lattices()
    elements, settings = {}, []
    for group, rotations, translations in _settings():
        centring = set(map(tuple, translations[(rotations == _IDENTITY).all(axis=(1, 2))].tolist()))
        kept = np.allclose(rotations.transpose(0, 2, 1) @ metric @ rotations, metric)
        if lattices.names[lattices.index[group]] != bravais or centring != _CENTRINGS[bravais[1]] or not kept:
            continue
        for change in changes:
            turned = change @ rotations @ change.T
            moved = translations @ change.T % _PARTS
            mine = {
                (r.tobytes(), t.tobytes()): (r, t) for r, t in zip(turned, moved, strict=True) if _acts(r, t)
            }
            elements |= mine
            settings.append((group, set(mine)))
    has = np.array([[key in mine for key in elements] for _, mine in settings])
    group = np.array([number for number, _ in settings])
    rotation = np.array([r for r, _ in elements.values()], dtype=int).reshape(-1, 3, 3)
    translation = np.array([t for _, t in elements.values()], dtype=int).reshape(-1, 3)
    table = AbsenceTable(rotation, translation, has, group)
    rows = np.column_stack([group, table.absent(_INDICES)])
    first = np.sort(np.unique(rows, axis=0, return_index=True)[1])
    return AbsenceTable(table.rotation, table.translation, has[first], group[first])


def _acts(rotation: np.ndarray, translation: np.ndarray) -> bool:
    """Return whether an operation is a screw axis or a glide plane: it turns, but not all indices."""
    left = rotation - _IDENTITY
    return translation.any() and left.any() and abs(np.linalg.det(left)) < 0.5


@cache
def _settings() -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Return group, from 0, rotations and translations in twelfths of all settings that spglib knows."""
    found = []
    for hall in range(1, 531):
        operations = spglib.get_symmetry_from_database(hall)
        translations = np.rint(operations["translations"] * _PARTS).astype(int) % _PARTS
        found.append(
            (spglib.get_spacegroup_type(hall).number - 1, operations["rotations"].astype(int), translations)
        )
    return found
