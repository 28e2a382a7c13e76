"""The standard setting: primitive, symmetrised, and turned so that symmetry axes lie where they must."""

import numpy as np
import pytest
import spglib
from pymatgen.core import Lattice, Structure
from pymatgen.symmetry.groups import SpaceGroup
from scipy.spatial.transform import Rotation

from edsym.errors import MaterialError
from edsym.structures.standard import primitive, spacegroup_number, standardize
from edsym.structures.symbols import conventional_indices

A, B, C = 5.0, 7.0, 9.5
CELLS = {
    "cubic": Lattice.cubic(A),
    "hexagonal": Lattice.hexagonal(A, C),
    "tetragonal": Lattice.tetragonal(A, C),
    "orthorhombic": Lattice.orthorhombic(A, B, C),
    "monoclinic": Lattice.monoclinic(A, B, C, 107),
    "triclinic": Lattice.from_parameters(A, B, C, 81, 97, 104),
}
# One group of each Bravais lattice, and both settings of the trigonal Laue class -3m.
GROUPS = {
    2: "triclinic",
    10: "monoclinic",
    12: "monoclinic",
    47: "orthorhombic",
    38: "orthorhombic",
    65: "orthorhombic",
    69: "orthorhombic",
    71: "orthorhombic",
    123: "tetragonal",
    139: "tetragonal",
    82: "tetragonal",
    162: "hexagonal",
    164: "hexagonal",
    166: "hexagonal",
    148: "hexagonal",
    191: "hexagonal",
    221: "cubic",
    225: "cubic",
    229: "cubic",
    205: "cubic",
}
# Cartesian axes about which the crystal must have this many-fold rotation (or roto-inversion).
X, Y, Z = np.eye(3)
EXPECTED_AXES = {
    "monoclinic": [(2, Y)],
    "orthorhombic": [(2, X), (2, Y), (2, Z)],
    "tetragonal": [(4, Z)],
    "cubic": [(2, X), (2, Y), (2, Z), (3, (X + Y + Z) / np.sqrt(3))],
}
EXPECTED_AXES_OF_GROUP = {
    162: [(3, Z), (2, Y)],
    164: [(3, Z), (2, X)],
    166: [(3, Z), (2, X)],
    148: [(3, Z)],
    191: [(6, Z), (2, X), (2, Y)],
}


def crystal(number: int) -> Structure:
    """One general and one special position, so that the group is exactly this one."""
    return Structure.from_spacegroup(
        SpaceGroup.from_int_number(number).symbol,
        CELLS[GROUPS[number]],
        ["Fe", "O"],
        [[0, 0, 0], [0.07, 0.25, 0.16]],
    )


def arrays(structure: Structure):
    return structure.lattice.matrix, structure.atomic_numbers, structure.frac_coords


@pytest.mark.parametrize("number", GROUPS)
def test_axes_of_symmetry_lie_along_the_axes_of_the_frame(number):
    turned = arrays(crystal(number))
    rotation = Rotation.random(random_state=number).as_matrix()
    standard = standardize(turned[0] @ rotation.T, *turned[1:])
    assert standard.spacegroup_number == number
    assert np.linalg.det(standard.lattice) > 0
    expected = EXPECTED_AXES_OF_GROUP.get(number, EXPECTED_AXES.get(GROUPS[number], []))
    found = cartesian_rotations(standard)
    for fold, axis in expected:
        turn = Rotation.from_rotvec(2 * np.pi / fold * axis).as_matrix()
        assert any(np.allclose(r, turn, atol=1e-6) or np.allclose(r, -turn, atol=1e-6) for r in found)


def cartesian_rotations(structure) -> list[np.ndarray]:
    cell = (structure.lattice, structure.frac_coords, structure.numbers)
    rotations = spglib.get_symmetry_dataset(cell, symprec=1e-4).rotations
    to_lattice = np.linalg.inv(structure.lattice.T)
    return [structure.lattice.T @ r @ to_lattice for r in rotations]


@pytest.mark.parametrize("number", GROUPS)
def test_cell_is_primitive_and_conventional_axes_are_as_documented(number):
    structure = crystal(number)
    standard = standardize(*arrays(structure))
    cell = (standard.lattice, standard.frac_coords, standard.numbers)
    dataset = spglib.get_symmetry_dataset(cell, symprec=1e-4)
    assert len(set(dataset.mapping_to_primitive)) == len(standard.numbers)
    conventional = spglib.get_symmetry_dataset(cell, symprec=1e-4).std_lattice
    np.testing.assert_allclose(dataset.std_rotation_matrix, np.eye(3), atol=1e-6)
    a, b, _ = conventional
    np.testing.assert_allclose(a[1:], 0, atol=1e-6)
    np.testing.assert_allclose(b[2], 0, atol=1e-6)


@pytest.mark.parametrize("number", GROUPS)
def test_conventional_indices_are_the_components_along_the_conventional_axes(number):
    standard = standardize(*arrays(crystal(number)))
    cell = (standard.lattice, standard.frac_coords, standard.numbers)
    conventional = spglib.get_symmetry_dataset(cell, symprec=1e-4).std_lattice
    hkl = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [2, -3, 5]])
    g = hkl @ np.linalg.inv(standard.lattice).T
    np.testing.assert_allclose(conventional_indices(hkl, number), g @ conventional.T, atol=1e-6)


def test_positions_are_symmetrised():
    silicon = Structure.from_spacegroup("Fd-3m", Lattice.cubic(5.43), ["Si"], [[0, 0, 0]])
    noise = np.random.default_rng(0).normal(scale=0.002, size=silicon.frac_coords.shape)
    standard = standardize(silicon.lattice.matrix, silicon.atomic_numbers, silicon.frac_coords + noise)
    assert standard.spacegroup_number == 227
    assert len(standard.numbers) == 2
    cell = (standard.lattice, standard.frac_coords, standard.numbers)
    assert spglib.get_symmetry_dataset(cell, symprec=1e-5).number == 227


@pytest.mark.parametrize("number", GROUPS)
def test_primitive_cells_are_those_of_spglib(number):
    lattice, numbers, coords = arrays(crystal(number))
    coords = coords + np.random.default_rng(number).normal(scale=0.001, size=coords.shape)
    options = {"to_primitive": True, "symprec": 0.1, "angle_tolerance": 5.0}
    for function, no_idealize in ((standardize, False), (primitive, True)):
        cell = spglib.standardize_cell((lattice, coords, numbers), no_idealize=no_idealize, **options)
        structure = function(lattice, numbers, coords)
        np.testing.assert_allclose(structure.lattice, cell[0], atol=1e-9)
        apart = structure.frac_coords - cell[1]
        np.testing.assert_allclose(apart - np.round(apart), 0, atol=1e-9)
        assert structure.numbers.tolist() == list(cell[2])


@pytest.mark.parametrize("function", [standardize, primitive, spacegroup_number])
def test_symmetry_is_searched_for_once(function, monkeypatch):
    searches = []
    for name in ("get_symmetry_dataset", "standardize_cell", "find_primitive", "get_symmetry"):
        real = getattr(spglib, name)
        monkeypatch.setattr(spglib, name, lambda *a, real=real, **k: searches.append(real) or real(*a, **k))
    function(*arrays(crystal(225)))
    assert len(searches) == 1


def test_primitive_cell_is_not_turned():
    structure = crystal(225)
    rotation = Rotation.random(random_state=1).as_matrix()
    lattice = structure.lattice.matrix @ rotation.T
    cell = primitive(lattice, structure.atomic_numbers, structure.frac_coords)
    assert len(cell.numbers) * 4 == len(structure)
    coefficients = 2 * cell.lattice @ np.linalg.inv(lattice)
    np.testing.assert_allclose(coefficients, np.round(coefficients), atol=1e-9)


@pytest.mark.parametrize(
    ("lattice", "numbers", "coords", "message"),
    [
        (np.full((3, 3), np.nan), [1], [[0, 0, 0]], "not finite"),
        (np.eye(3), [1], [[0, 0, np.inf]], "not finite"),
        ([[1, 0, 0], [2, 0, 0], [0, 0, 3]], [1], [[0, 0, 0]], "flat"),
        (np.eye(3), [], np.empty((0, 3)), "no atoms"),
        (np.eye(3), [0], [[0, 0, 0]], "atomic numbers are 1 to 118, not 0"),
        (np.eye(3), [1, 1], [[0, 0, 0]], r"coordinates \(n, 3\), not"),
        (np.eye(3) * 4, [6, 8], [[0, 0, 0], [0, 0.01, 0.99]], r"1 and 2 \(.* 6 and 8\) are 0.0566 Å apart"),
        (np.diag([9, 9, 0.99]), [6], [[0, 0, 0]], "planes are 0.99 Å apart, expected 1 Å or more"),
        (np.eye(3) * 99, [1] * 2001, np.zeros((2001, 3)), "has 2001 atoms, expected at most 2000"),
    ],
)
def test_malformed_structures_are_named_and_do_not_crash(lattice, numbers, coords, message):
    for function in (standardize, primitive, spacegroup_number):
        with pytest.raises(MaterialError, match=message):
            function(lattice, numbers, coords)
