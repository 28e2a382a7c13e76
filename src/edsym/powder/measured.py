"""Sets of measured powder patterns with known space groups, to test on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from edsym.errors import InputError
from edsym.powder.pattern import PowderPattern
from edsym.powder.pattern_files import read_powder
from edsym.powder.settings import PowderSettings
from edsym.symmetry import N_SPACE_GROUPS

_ARRAYS = ("intensity", "two_theta_start", "two_theta_step", "spacegroup_number")
_COLUMNS = ("file", "spacegroup_number")


@dataclass(frozen=True)
class PatternSet:
    """Patterns on the axis of the network.

    Attributes
    ----------
    profiles : (n, bins) float32
    spacegroup_number : (n,) array of int
    name : (n,) array of str
    """

    profiles: np.ndarray
    spacegroup_number: np.ndarray
    name: np.ndarray


def read_patterns(path: str | Path, settings: PowderSettings) -> tuple[PatternSet, pd.DataFrame]:
    """Return a set of measured patterns, and those that cannot be used.

    Parameters
    ----------
    path : str or Path
        A folder with labels.csv, with the columns file and spacegroup_number (and, if it is not Cu Kα1,
        wavelength in Å); or an .npz file of patterns at Cu Kα1 with the arrays intensity (n, points),
        two_theta_start and two_theta_step in degrees, and spacegroup_number (n,).
    settings : PowderSettings
        The axis.

    Raises
    ------
    InputError
        If there is no such set, or no pattern of it can be used.
    """
    path = Path(path)
    each = _from_arrays(path) if path.suffix == ".npz" else _from_folder(path)
    profiles, groups, names, rejected = [], [], [], []
    for name, number, read in each:
        try:
            if not (float(number).is_integer() and 1 <= number <= N_SPACE_GROUPS):
                raise InputError(f"{name}: the space group is {number}, expected 1 to {N_SPACE_GROUPS}")
            profiles.append(read().on_axis(settings))
        except InputError as error:
            rejected.append({"name": name, "reason": str(error)})
            continue
        groups.append(int(number))
        names.append(name)
    if not profiles:
        first = f"; the first: {rejected[0]['reason']}" if rejected else ""
        raise InputError(f"{path}: no pattern of it can be used{first}")
    found = PatternSet(np.stack(profiles), np.array(groups), np.array(names))
    return found, pd.DataFrame(rejected, columns=["name", "reason"])


def _from_arrays(path: Path):
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in _ARRAYS if name not in file]
            if missing:
                raise InputError(f"{path}: no array {', '.join(missing)}, expected {', '.join(_ARRAYS)}")
            intensity, start, step, groups = (file[name] for name in _ARRAYS)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as .npz: {error}") from error
    if intensity.ndim != 2 or len(intensity) != len(groups):
        raise InputError(f"{path}: intensity is {intensity.shape} of {len(groups)} space groups")
    two_theta = float(start) + float(step) * np.arange(intensity.shape[1])
    for i, (row, number) in enumerate(zip(intensity, groups, strict=True)):
        name = f"{path.stem} {i}"
        yield name, number, lambda row=row, name=name: PowderPattern.from_arrays(two_theta, row, name=name)


def _from_folder(path: Path):
    try:
        labels = pd.read_csv(path / "labels.csv")
    except (OSError, ValueError) as error:
        raise InputError(f"{path / 'labels.csv'} cannot be read: {error}") from error
    missing = [name for name in _COLUMNS if name not in labels]
    if missing:
        raise InputError(f"{path / 'labels.csv'}: no column {', '.join(missing)}")
    for row in labels.to_dict("records"):
        wavelength = row.get("wavelength")
        wavelength = None if wavelength is None or pd.isna(wavelength) else wavelength
        yield row["file"], row["spacegroup_number"], (
            lambda row=row, wavelength=wavelength: read_powder(path / str(row["file"]), wavelength)
        )  # fmt: skip
