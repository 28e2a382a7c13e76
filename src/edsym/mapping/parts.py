"""Parts of a map: what is said of its positions, and what of crystals, which are its grains or its phases."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import h5py
import numpy as np
import pandas as pd

from edsym.hdf5 import create_dataset, read_text, write_text
from edsym.structures.symbols import space_group_symbols
from edsym.symmetry import CRYSTAL_SYSTEMS

_TEXTS = ("reason", "bravais")
_CELL = ("a", "b", "c", "alpha", "beta", "gamma")


@dataclass(frozen=True)
class Symmetry:
    """What a model says of the symmetry of n positions or crystals.

    Attributes
    ----------
    p_system, p_spacegroup : (n, 7), (n, 230) arrays
        Calibrated probabilities; NaN where there are too few spots.
    """

    p_system: np.ndarray
    p_spacegroup: np.ndarray

    def __len__(self) -> int:
        return len(self.p_system)

    @property
    def answered(self) -> np.ndarray:
        """Whether there is an answer (n,), reliable or not."""
        return ~np.isnan(self.p_system).any(axis=1)

    @property
    def system(self) -> np.ndarray:
        """Number of the most probable crystal system (n,); -1 without an answer."""
        return np.where(self.answered, np.nan_to_num(self.p_system).argmax(axis=1), -1)

    def answers(self) -> pd.DataFrame:
        """Return the most probable system and group, and the probabilities of all systems."""
        frame, told = pd.DataFrame(index=range(len(self))), self.answered
        for name, names, p in (
            ("crystal_system", np.array(CRYSTAL_SYSTEMS), self.p_system),
            ("space_group", np.array(space_group_symbols()), self.p_spacegroup),
        ):
            best = np.nan_to_num(p).argmax(axis=1) if len(p) else np.zeros(0, int)
            frame[name] = np.where(told, names[best], "")
            frame[f"p_{name}"] = np.where(told, p[np.arange(len(p)), best], np.nan)
        frame[[f"p_{system}" for system in CRYSTAL_SYSTEMS]] = self.p_system
        return frame

    def write(self, file: h5py.File, prefix: str = "") -> None:
        """Write all of it into the file of a map, under names that begin so."""
        for field in fields(self):
            write = write_text if field.name in _TEXTS else create_dataset
            write(file, f"{prefix}{field.name}", np.asarray(getattr(self, field.name)))

    @classmethod
    def read(cls, file: h5py.File, prefix: str = "") -> "Symmetry":
        """Return what `write` wrote."""
        paths = {field.name: f"{prefix}{field.name}" for field in fields(cls)}
        return cls(**{n: read_text(file, p) if n in _TEXTS else file[p][:] for n, p in paths.items()})


@dataclass(frozen=True)
class Positions(Symmetry):
    """What is said of n positions, row after row, each by its own pattern alone.

    Attributes
    ----------
    dark_field : (n,) array
        Intensity of all Bragg spots, in the units of the images.
    spots : (n,) array of int
        How many there are.
    reason : (n,) array of str
        Why there is no answer that can be relied on; empty where there is one.
    """

    dark_field: np.ndarray
    spots: np.ndarray
    reason: np.ndarray

    @property
    def valid(self) -> np.ndarray:
        """Whether each position (n,) has an answer that can be relied on."""
        return self.reason == ""


@dataclass(frozen=True)
class Crystals(Symmetry):
    """What is said of n crystals: of grains by their mean patterns, of phases by all their grains.

    Attributes
    ----------
    cell, cell_error : (n, 6) arrays
        a, b, c in Å and alpha, beta, gamma in degrees of the conventional cell, and their standard
        deviations; NaN where none was found.
    primitive : (n, 3, 3) array
        Rows are the vectors of the reduced primitive cell in Å.
    basis : (n, 3, 3) array
        Rows are the vectors a, b, c of the conventional cell in Å as they lie in the microscope: along the
        detector's x and y and the beam; of a phase as in its first grain.
    bravais : (n,) array of str
        Its Bravais lattice.
    lattice : (n,) array
        Probability that this lattice is right.
    """

    cell: np.ndarray
    cell_error: np.ndarray
    primitive: np.ndarray
    basis: np.ndarray
    bravais: np.ndarray
    lattice: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence["Crystals"]) -> "Crystals":
        """Return the crystals of all parts, one after the other."""
        names = [field.name for field in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def with_rows(self, rows: np.ndarray, others: "Crystals") -> "Crystals":
        """Return these with what is said of other crystals in some rows."""
        parts = {field.name: getattr(self, field.name).copy() for field in fields(self)}
        for name, values in parts.items():
            values[rows] = getattr(others, name)
        return replace(self, **parts)

    def take(self, rows: np.ndarray) -> "Crystals":
        """Return some of the crystals."""
        return Crystals(*(getattr(self, field.name)[rows] for field in fields(self)))

    def answers(self) -> pd.DataFrame:
        """Return systems and groups with probabilities, lattice and cell."""
        frame = super().answers()
        frame["bravais"], frame["p_lattice"] = self.bravais, self.lattice
        frame[list(_CELL)] = self.cell
        frame[[f"{name}_su" for name in _CELL]] = self.cell_error
        return frame
