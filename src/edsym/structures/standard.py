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
MIN_DISTANCE = 0.5
"""Atoms closer than this in Å are none of a crystal (H2: 0.74 Å); nor are planes of a lattice at twice."""
MAX_ATOMS = 2000
"""Atoms of the largest cell; with more of them the search for symmetry takes minutes."""

# Columns: the primitive vectors in terms of the conventional ones, as spglib chooses them.
_PRIMITIVE_VECTORS = {
    "P": np.eye(3),
    "A": np.array([[2, 0, 0], [0, 1, -1], [0, 1, 1]]) / 2,
    "C": np.array([[1, 1, 0], [-1, 1, 0], [0, 0, 2]]) / 2,
    "I": np.array([[-1, 1, 1], [1, -1, 1], [1, 1, -1]]) / 2,
    "F": np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2,
    "R": np.array([[2, -1, -1], [1, 1, -2], [1, 1, 1]]) / 3,
}

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
    found = _search(*_checked_cell(lattice, numbers, frac_coords))
    cell = found.std_lattice, found.std_types, found.std_positions
    return _reduced(*cell, found.std_mapping_to_primitive, np.eye(3), found)


def primitive(lattice: np.ndarray, numbers: np.ndarray, frac_coords: np.ndarray) -> Structure:
    """Return the primitive cell of a structure as it stands: neither idealised nor turned.

    Parameters and errors are those of `standardize`.
    """
    cell = _checked_cell(lattice, numbers, frac_coords)
    found = _search(*cell)
    return _reduced(*cell, found.mapping_to_primitive, np.linalg.inv(found.transformation_matrix), found)


def spacegroup_number(lattice: np.ndarray, numbers: np.ndarray, frac_coords: np.ndarray) -> int:
    """Return the space-group number of a structure; parameters and errors are those of `standardize`."""
    return int(_search(*_checked_cell(lattice, numbers, frac_coords)).number)


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
    if len(numbers) > MAX_ATOMS:
        raise MaterialError(f"the cell has {len(numbers)} atoms, expected at most {MAX_ATOMS}")
    volume = abs(np.linalg.det(lattice))
    if volume < MIN_VOLUME:
        raise MaterialError(f"the lattice is flat: its volume is {volume:.3g} Å³")
    _check_distances(lattice, numbers, frac_coords)
    return lattice, numbers, frac_coords


def _check_distances(lattice: np.ndarray, numbers: np.ndarray, frac_coords: np.ndarray) -> None:
    spacing = 1 / np.linalg.norm(np.linalg.inv(lattice), axis=0).max()
    if spacing < 2 * MIN_DISTANCE:  # down to it, two atoms too close are so by their nearest fractions
        raise MaterialError(
            f"the lattice is flat: planes are {spacing:.3g} Å apart, expected {2 * MIN_DISTANCE:g} Å or more"
        )
    for start in range(0, len(numbers), 100):
        delta = frac_coords[start : start + 100, None] - frac_coords
        distance = np.linalg.norm((delta - np.round(delta)) @ lattice, axis=-1)
        distance[np.arange(len(distance)), np.arange(start, start + len(distance))] = np.inf
        if distance.min() < MIN_DISTANCE:
            i, j = np.unravel_index(distance.argmin(), distance.shape)
            i += start
            raise MaterialError(
                f"atoms {i + 1} and {j + 1} (atomic numbers {numbers[i]} and {numbers[j]}) are "
                f"{distance.min():.3g} Å apart, expected {MIN_DISTANCE} Å or more"
            )


def _search(lattice: np.ndarray, numbers: np.ndarray, frac_coords: np.ndarray):
    """Return spglib's data set of a cell: the one search for symmetry that a structure needs."""
    cell = (lattice, frac_coords, numbers)
    # spglib 2 returns None where spglib 3 raises.
    try:
        found = spglib.get_symmetry_dataset(cell, symprec=SYMPREC, angle_tolerance=ANGLE_TOLERANCE)
    except spglib.SpglibError as error:
        raise MaterialError(f"spglib finds no symmetry: {error}") from error
    if found is None:
        raise MaterialError(f"spglib finds no symmetry within {SYMPREC} Å (atoms too close?)")
    return found


def _reduced(lattice, numbers, frac_coords, mapping, conventional, found) -> Structure:
    """Return the primitive cell of a cell whose conventional vectors are the columns `conventional`.

    Atoms that a lattice translation takes into each other have one number in `mapping` (n,); they
    become one, at the mean of their places.
    """
    # The vectors of any cell are whole multiples of the primitive ones: the multiples, columns a cell vector.
    multiples = np.round(np.linalg.inv(conventional @ _PRIMITIVE_VECTORS[found.international[0]]))
    coords = frac_coords @ multiples.T
    _, first, atom = np.unique(mapping, return_index=True, return_inverse=True)
    apart = coords - coords[first][atom]
    apart -= np.round(apart)
    mean = np.stack([np.bincount(atom, column) for column in apart.T], axis=1) / np.bincount(atom)[:, None]
    coords = coords[first] + mean
    coords -= np.floor(coords + 1e-10)  # what is 0 but for rounding stays there, and does not become 1
    order = np.argsort(first)
    lattice = np.linalg.solve(multiples.T, lattice)
    return Structure(lattice, np.array(numbers)[first][order], coords[order], int(found.number))
