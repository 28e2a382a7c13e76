"""A crystal structure: what the parts of edsym pass to each other."""

import warnings
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from pathlib import Path

import numpy as np

from edsym.errors import InputError, InputWarning, MaterialError


@dataclass(frozen=True)
class Structure:
    """A crystal structure.

    Attributes
    ----------
    lattice : (3, 3) float64
        Row vectors a, b, c in Å.
    numbers : (n,) int
        Atomic numbers.
    frac_coords : (n, 3) float64
        Fractional coordinates.
    spacegroup_number : int
        1 to 230.
    """

    lattice: np.ndarray
    numbers: np.ndarray
    frac_coords: np.ndarray
    spacegroup_number: int

    @classmethod
    def from_cif(cls, path: str | Path, number: int | None = None) -> "Structure":
        """Return the structure of a CIF file: its primitive cell, symmetrised, in the standard orientation.

        See `edsym.structures.standard.standardize`.

        Parameters
        ----------
        path : str or Path
            The file.
        number : int, optional
            Which of several structures in the file, from 1; without it the first, with a warning.

        Raises
        ------
        InputError
            If the file cannot be read or its structure cannot be used; the message says why.

        Examples
        --------
        >>> salt = edsym.Structure.from_cif("NaCl.cif")
        >>> salt.spacegroup_number, len(salt.numbers)
        (225, 2)
        """
        if not Path(path).is_file():
            raise InputError(f"{path}: no such file, expected a CIF file")
        wanted = 1 if number is None else number
        read = _module("cif").read_file(Path(path).stem, Path(path))
        found = list(islice(read, max(wanted, 2)))
        if not 1 <= wanted <= len(found):
            raise InputError(f"number is {number}, expected 1 to {len(found)}, the structures of {path}")
        if number is None and len(found) > 1:
            message = f"{path} holds several structures: the first is taken; number=2 takes the second"
            warnings.warn(message, InputWarning, stacklevel=2)
        return _standard(str(path), found[wanted - 1])

    @classmethod
    def from_pymatgen(cls, structure) -> "Structure":
        """Return a pymatgen Structure as `from_cif` does."""
        return _standard("the structure", _module("source").from_pymatgen("", structure))


def _standard(name: str, found) -> Structure:
    try:
        if reason := getattr(found, "reason", None):
            raise MaterialError(reason)
        return _module("standard").standardize(found.lattice, found.numbers, found.frac_coords)
    except MaterialError as error:
        raise InputError(f"{name}: {error}") from error


def _module(name: str):
    # By name: what stands on a structure does not stand on the readers of files.
    return import_module(f"edsym.structures.{name}")
