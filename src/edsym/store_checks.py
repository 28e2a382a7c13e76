"""What the files of patterns and of spots have in common, and what no value in them can be."""

from collections.abc import Iterable

import h5py
import numpy as np

from edsym.errors import InputError
from edsym.hdf5 import check_values, read_text

LARGEST_Q = 100.0
"""No beam lies further out, in 1/Å; no vector of a reciprocal lattice has a larger component."""
# That of the incident beam is 1, and a propagation may gain a little by rounding.
_LARGEST_INTENSITY = 1.01


def read_failed(file: h5py.File) -> list[tuple[str, str]]:
    """Return identifiers and reasons of the failed materials in an open file of patterns or spots."""
    columns = (read_text(file, f"failed/{name}").tolist() for name in ("id", "reason"))
    return list(zip(*columns, strict=True))


def check_patterns(
    file: h5py.File, ids: np.ndarray, material: np.ndarray, view: np.ndarray, zone_axis: np.ndarray
) -> None:
    """Raise an InputError if materials, views or zone axes in a file of patterns or spots are wrong."""
    increasing = np.concatenate([[True], ids[1:] > ids[:-1]])[: len(ids)]
    check_values(file, "materials/id", ids, increasing, "identifiers that increase, none twice")
    known = (material >= 0) & (material < len(ids))
    check_values(file, "patterns/material", material, known, f"an index of {len(ids)} materials")
    keys = np.stack([material, view], axis=1)
    same = material[1:] == material[:-1]
    later = np.where(same, view[1:] > view[:-1], material[1:] > material[:-1])
    later = np.concatenate([[True], later])[: len(view)] & (view >= 0)
    check_values(
        file, "patterns (material, view)", keys, later, "what comes after the one before, none twice"
    )
    unit = np.abs(np.linalg.norm(zone_axis, axis=1) - 1) < 1e-6
    check_values(file, "patterns/zone_axis", zone_axis, unit, "a unit vector")


def check_offset(file: h5py.File, offset: np.ndarray, n_patterns: int, columns: Iterable[str]) -> None:
    """Raise an InputError unless offsets fit the patterns and the columns: compiled code relies on it."""
    lengths = {len(file[name]) for name in columns}
    fits = len(offset) == n_patterns + 1 and offset[0] == 0 and lengths == {offset[-1]}
    if not fits or (np.diff(offset) < 0).any():
        raise InputError(
            f"{file.filename} is inconsistent: patterns/offset does not fit patterns and columns"
        )


def check_intensity(file: h5py.File, name: str, values: np.ndarray, start: int = 0) -> None:
    """Raise an InputError if a value is no share of the incident beam."""
    good = (values >= 0) & (values <= _LARGEST_INTENSITY)
    check_values(file, name, values, good, "a share of the incident beam, 0 to 1", start)
