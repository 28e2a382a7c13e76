"""What can be wrong with a row of the table of materials, found for all rows at once."""

import re
from collections.abc import Callable

import numpy as np
import pandas as pd

from edsym.structures.standard import MIN_VOLUME, N_ELEMENTS
from edsym.symmetry import N_SPACE_GROUPS, crystal_system

_VOLUME_TOLERANCE = 1e-3  # relative: volumes are stored with the digits of their source


def printable(text: str) -> str:
    """Return a text with its control characters (NUL, line ends, half of a pair) written as escapes."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", lambda found: ascii(found[0])[1:-1], text)


def row_problems(frame: pd.DataFrame) -> pd.Series:
    """Return what is wrong with each row of `read_columns`: a sentence, empty if nothing is.

    Checked are ids (each once, and text), lengths, finite numbers, atomic numbers, the volume (positive,
    and that of the lattice), the space-group number and the crystal system. A row's first problem counts.
    """
    problems = pd.Series("", index=frame.index, dtype=object)

    def note(bad: np.ndarray, describe: Callable) -> None:
        for i in np.flatnonzero(bad & (problems == "").to_numpy()):
            problems.iloc[i] = describe(frame.iloc[i])

    _note_ids(frame.material_id, note)
    _note_lengths(frame, note)
    _note_values(frame, note)
    _note_volumes(frame, (problems == "").to_numpy(), note)
    _note_symmetry(frame, note)
    return problems


def _note_ids(ids: pd.Series, note: Callable) -> None:
    note((ids == "").to_numpy(), lambda row: "material_id is empty")
    note(ids.duplicated(keep=False).to_numpy(), lambda row: "material_id is that of another row too")
    note((ids.map(printable) != ids).to_numpy(), lambda row: "material_id holds control characters")


def _note_lengths(frame: pd.DataFrame, note: Callable) -> None:
    n_lattice, n_atoms, n_coords = (
        frame[name].map(len).to_numpy() for name in ("lattice", "numbers", "frac_coords")
    )
    note(n_lattice != 9, lambda row: f"lattice has {len(row.lattice)} values, expected 9")
    note(n_atoms == 0, lambda row: "numbers is empty, expected at least one atom")
    note(
        n_coords != 3 * n_atoms,
        lambda row: (
            f"frac_coords has {len(row.frac_coords)} values, expected {3 * len(row.numbers)} "
            f"for {len(row.numbers)} atoms"
        ),
    )
    note(
        frame.nsites.to_numpy() != n_atoms,
        lambda row: f"nsites is {row.nsites:g}, but numbers has {len(row.numbers)} atoms",
    )


def _note_values(frame: pd.DataFrame, note: Callable) -> None:
    for name in ("lattice", "frac_coords"):
        bad = _any_in_row(frame[name], lambda values: ~np.isfinite(values))
        note(bad, lambda row, name=name: f"{name} holds values that are not finite (NaN or infinite)")
    unknown = _any_in_row(frame.numbers, lambda values: (values < 1) | (values > N_ELEMENTS))
    note(
        unknown,
        lambda row: f"numbers are {min(row.numbers)} to {max(row.numbers)}, expected 1 to {N_ELEMENTS}",
    )


def _note_volumes(frame: pd.DataFrame, sound: np.ndarray, note: Callable) -> None:
    volume = frame.volume.to_numpy()
    of_lattice = np.full(len(frame), np.nan)
    if sound.any():
        lattices = np.concatenate(frame.lattice[sound].to_list()).reshape(-1, 3, 3)
        of_lattice[sound] = np.abs(np.linalg.det(lattices))
    lattice_volume = pd.Series(of_lattice, index=frame.index)
    note(~(np.isfinite(volume) & (volume > 0)), lambda row: f"volume is {row.volume:g} Å³, expected above 0")
    note(
        of_lattice < MIN_VOLUME,
        lambda row: f"lattice is flat: its volume is {lattice_volume[row.name]:.3g} Å³",
    )
    note(
        np.abs(volume - of_lattice) > _VOLUME_TOLERANCE * of_lattice,
        lambda row: f"volume is {row.volume:g} Å³, but that of lattice is {lattice_volume[row.name]:.6g} Å³",
    )


def _note_symmetry(frame: pd.DataFrame, note: Callable) -> None:
    number = frame.spacegroup_number.to_numpy()
    known = (number >= 1) & (number <= N_SPACE_GROUPS) & (number % 1 == 0)
    note(
        ~known, lambda row: f"spacegroup_number is {row.spacegroup_number:g}, expected 1 to {N_SPACE_GROUPS}"
    )
    systems = np.array(["", *(crystal_system(n) for n in range(1, N_SPACE_GROUPS + 1))])
    expected = systems[np.where(known, number, 0).astype(int)]
    note(
        known & (frame.crystal_system.to_numpy() != expected),
        lambda row: (
            f"crystal_system is {row.crystal_system}, but spacegroup_number {row.spacegroup_number:g} "
            f"is {systems[int(row.spacegroup_number)]}"
        ),
    )


def _any_in_row(column: pd.Series, test: Callable) -> np.ndarray:
    lengths = column.map(len).to_numpy()
    row = np.repeat(np.arange(len(column)), lengths)
    bad = test(np.concatenate(column.to_list()))
    return np.bincount(row[bad], minlength=len(column)) > 0
