"""What is true at every probe position: particle, crystal, its orientation, where the direct beam is."""

from dataclasses import dataclass, fields
from pathlib import Path

import h5py
import numpy as np

from edsym.errors import InputError
from edsym.hdf5 import create_dataset, read_text, write_text
from edsym.symmetry import crystal_system

GROUP = "truth"
_TEXTS = ("particle_name", "grain_material")


@dataclass(frozen=True)
class Truth:
    """What is true at every position of a scan.

    Attributes
    ----------
    particle : (rows, columns) array of int
        Index of the particle that the probe goes through; -1 where there is none.
    grain : (rows, columns) array of int
        Index of the grain that most of this column is of; -1 where there is none.
    thickness : (rows, columns) array
        Of that grain there, in Å.
    centre : (rows, columns, 2) array
        Row and column of the direct beam within the pattern, in pixels.
    particle_name : (P,) array of str
        What each particle is.
    grain_particle : (G,) array of int
        The particle that each grain is a part of.
    grain_material : (G,) array of str
        Its material.
    grain_spacegroup : (G,) array of int
        Its space group.
    grain_basis : (G, 3, 3) array
        Rows are the vectors a, b, c of its conventional cell in Å: along x, the columns of scan and detector,
        along y, their rows, and along the beam, which travels along +z.
    """

    particle: np.ndarray
    grain: np.ndarray
    thickness: np.ndarray
    centre: np.ndarray
    particle_name: np.ndarray
    grain_particle: np.ndarray
    grain_material: np.ndarray
    grain_spacegroup: np.ndarray
    grain_basis: np.ndarray

    @property
    def grain_system(self) -> np.ndarray:
        """Crystal systems of the grains (G,)."""
        return np.array([crystal_system(int(number)) for number in self.grain_spacegroup])


def write_truth(file: h5py.File, truth: Truth) -> None:
    """Add a truth to an open file of a scan."""
    group = file.create_group(GROUP)
    for field in fields(Truth):
        values = getattr(truth, field.name)
        if field.name in _TEXTS:
            write_text(group, field.name, values)
        else:
            create_dataset(group, field.name, values)


def read_truth(path: str | Path) -> Truth | None:
    """Return the truth that the file of a simulated scan holds; None if it holds none.

    Raises
    ------
    InputError
        If the file's truth is damaged.
    """
    if not h5py.is_hdf5(path):
        return None
    try:
        with h5py.File(path) as file:
            if GROUP not in file:
                return None
            group = file[GROUP]
            return Truth(
                **{
                    field.name: read_text(group, field.name) if field.name in _TEXTS else group[field.name][:]
                    for field in fields(Truth)
                }
            )
    except (KeyError, OSError, RuntimeError, ValueError, TypeError) as error:
        raise InputError(f"{path}: its truth cannot be read: {error}") from error
