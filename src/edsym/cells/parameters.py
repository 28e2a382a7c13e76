"""Lattice parameters that a crystal system leaves free, and lattices of them."""

import numpy as np

from edsym.lattice.compare import deviation
from edsym.structures.structure import Structure
from edsym.structures.symbols import primitive_vectors
from edsym.symmetry import crystal_system
from edsym.symmetry.classes import space_group_symbols

_PLACES = {
    "cubic": (0, 0, 0),
    "tetragonal": (0, 0, 1),
    "trigonal": (0, 0, 1),
    "hexagonal": (0, 0, 1),
    "orthorhombic": (0, 1, 2),
    "monoclinic": (0, 1, 2),
    "triclinic": (0, 1, 2),
}
"""Which free parameters a, b and c are. Free angles follow: β of monoclinic lattices, all of triclinic."""


def free_parameters(structure: Structure) -> np.ndarray:
    """Return the free parameters of a standard structure's conventional cell.

    Parameters
    ----------
    structure : Structure
        As `edsym.structures.standard.standardize` returns it.

    Returns
    -------
    (1 to 6,) array of float64
        Edges in Å, those of orthorhombic cells sorted, then angles in degrees. Rhombohedral lattices have
        hexagonal axes.
    """
    system = crystal_system(structure.spacegroup_number)
    conventional = np.linalg.solve(
        primitive_vectors(np.eye(3), structure.spacegroup_number), structure.lattice
    )
    edges = np.linalg.norm(conventional, axis=1)
    if system == "orthorhombic":
        return np.sort(edges)
    metric = conventional @ conventional.T / np.outer(edges, edges)
    angles = np.degrees(np.arccos(metric[[1, 0, 0], [2, 2, 1]]))
    _, first = np.unique(_PLACES[system], return_index=True)
    angles = {"monoclinic": angles[1:2], "triclinic": angles}.get(system, angles[:0])
    return np.concatenate([edges[first], angles])


def conventional_cell(parameters: np.ndarray, system: str) -> np.ndarray:
    """Return the rows (3, 3) in Å of the conventional cell with these free parameters."""
    parameters = np.asarray(parameters, dtype=np.float64)
    a, b, c = parameters[list(_PLACES[system])]
    angles = np.array([90, 90, 120 if system in ("trigonal", "hexagonal") else 90], dtype=np.float64)
    if system == "monoclinic":
        angles[1] = parameters[3]
    if system == "triclinic":
        angles[:] = parameters[3:]
    cosines, sine = np.cos(np.radians(angles)), np.sin(np.radians(angles[2]))
    y = (cosines[0] - cosines[1] * cosines[2]) / sine
    z = np.sqrt(max(1 - cosines[1] ** 2 - y**2, 1e-6))  # drawn angles may make no cell
    return np.array([[a, 0, 0], [b * cosines[2], b * sine, 0], [c * cosines[1], c * y, c * z]])


def deviations(parameters: np.ndarray, spacegroup_number: int, cell: np.ndarray) -> tuple[float, float]:
    """Return how far a lattice is from the true one, see `edsym.lattice.compare.deviation`.

    Parameters
    ----------
    parameters : (1 to 6,) array
        Free parameters of the conventional cell.
    spacegroup_number : int
        Tells system and centring. Sorted axes do not tell which face of an orthorhombic cell is centred: the
        one counts that is nearest to the truth.
    cell : (3, 3) array
        Rows are true primitive vectors in Å.

    Returns
    -------
    deviation, deviation_to_scale : float
        As a share, and the same up to a common factor.
    """
    conventional = conventional_cell(parameters, crystal_system(spacegroup_number))
    centring, turns = space_group_symbols()[spacegroup_number - 1][0], [np.arange(3)]
    if crystal_system(spacegroup_number) == "orthorhombic" and centring in "AC":
        turns = [np.roll(np.arange(3), k) for k in range(3)]
    cells = [primitive_vectors(conventional[turn], spacegroup_number) for turn in turns]
    return tuple(min(deviation(one, cell, up_to_scale=scaled) for one in cells) for scaled in (False, True))
