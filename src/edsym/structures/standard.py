"""Space groups and standard settings of structures, by spglib with the Materials Project's tolerances."""

import os

import numpy as np
import spglib

from edsym.errors import MaterialError
from edsym.structures.structure import Structure

SYMPREC = 0.1
"""Distance tolerance of the symmetry search in Å (the Materials Project's)."""

ANGLE_TOLERANCE = 5.0
"""Angle tolerance of the symmetry search in degrees (the Materials Project's)."""

N_ELEMENTS = 118
MIN_VOLUME = 0.1
"""A cell below this volume in Å³ is flat, whatever its atoms."""

# Of a failed search spglib prints lines that name no material; the errors below name it.
os.environ.setdefault("SPGLIB_WARNING", "OFF")


def standardize(lattice: np.ndarray, numbers: np.ndarray, frac_coords: np.ndarray) -> Structure:
    """Return the primitive cell of a structure, symmetrised, in the standard orientation.

    The lattice vectors are those of spglib's idealised setting: of the *conventional* cell, a is
    along x, b in the xy plane and c* along z (so monoclinic cells have their unique axis b along
    y, trigonal and rhombohedral ones their threefold axis along z). Positions are symmetrised.

    Parameters
    ----------
    lattice : (3, 3) array
        Row vectors a, b, c in Å.
    numbers : (n,) array of int
        Atomic numbers.
    frac_coords : (n, 3) array
        Fractional coordinates.

    Raises
    ------
    MaterialError
        If the structure is malformed or spglib finds no symmetry of it.
    """
    cell = _checked_cell(lattice, numbers, frac_coords)
    number = _spacegroup_number(cell)
    standard = _call(
        spglib.standardize_cell,
        cell,
        to_primitive=True,
        no_idealize=False,
        symprec=SYMPREC,
        angle_tolerance=ANGLE_TOLERANCE,
    )
    return Structure(*_arrays(standard), number)


def primitive(lattice: np.ndarray, numbers: np.ndarray, frac_coords: np.ndarray) -> Structure:
    """Return the primitive cell of a structure as it stands: neither idealised nor turned.

    Parameters and errors are those of `standardize`.
    """
    cell = _checked_cell(lattice, numbers, frac_coords)
    number = _spacegroup_number(cell)
    found = _call(
        spglib.standardize_cell,
        cell,
        to_primitive=True,
        no_idealize=True,
        symprec=SYMPREC,
        angle_tolerance=ANGLE_TOLERANCE,
    )
    return Structure(*_arrays(found), number)


def spacegroup_number(lattice: np.ndarray, numbers: np.ndarray, frac_coords: np.ndarray) -> int:
    """Return the space-group number of a structure; parameters and errors are those of `standardize`."""
    return _spacegroup_number(_checked_cell(lattice, numbers, frac_coords))


def _checked_cell(lattice, numbers, frac_coords) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    # spglib crashes the interpreter on some malformed input (NaN), so nothing unchecked goes there.
    lattice = np.asarray(lattice, dtype=np.float64)
    numbers = np.asarray(numbers, dtype=np.int64)
    frac_coords = np.asarray(frac_coords, dtype=np.float64)
    if lattice.shape != (3, 3) or numbers.ndim != 1 or frac_coords.shape != (len(numbers), 3):
        raise MaterialError(
            f"expected a lattice (3, 3), atomic numbers (n,) and coordinates (n, 3), "
            f"not {lattice.shape}, {numbers.shape}, {frac_coords.shape}"
        )
    if not len(numbers):
        raise MaterialError("the structure has no atoms")
    if numbers.min() < 1 or numbers.max() > N_ELEMENTS:
        raise MaterialError(f"atomic numbers are 1 to {N_ELEMENTS}, not {numbers.min()} to {numbers.max()}")
    if not (np.isfinite(lattice).all() and np.isfinite(frac_coords).all()):
        raise MaterialError("the lattice or the coordinates are not finite numbers")
    volume = abs(np.linalg.det(lattice))
    if volume < MIN_VOLUME:
        raise MaterialError(f"the lattice is flat: its volume is {volume:.3g} Å³")
    return lattice, frac_coords, numbers


def _spacegroup_number(cell) -> int:
    dataset = _call(spglib.get_symmetry_dataset, cell, symprec=SYMPREC, angle_tolerance=ANGLE_TOLERANCE)
    return int(dataset.number)


def _call(function, cell, **options):
    # spglib 2 returns None where spglib 3 raises.
    try:
        result = function(cell, **options)
    except spglib.SpglibError as error:
        raise MaterialError(f"spglib finds no symmetry: {error}") from error
    if result is None:
        raise MaterialError(f"spglib finds no symmetry within {SYMPREC} Å (atoms too close?)")
    return result


def _arrays(cell) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    lattice, frac_coords, numbers = cell
    return np.array(lattice, dtype=np.float64), np.array(numbers, dtype=int), np.array(frac_coords)
