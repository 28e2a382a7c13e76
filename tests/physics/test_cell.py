"""The computing cell against spglib's symmetry search and reduction."""

from dataclasses import replace

import numpy as np
import pytest
import spglib

from edsym.simulation.crystal.cell import computing_cell, inversion_centre, reduction
from edsym.simulation.crystal.lobato import scattering_factor
from edsym.structures.standard import standardize


@pytest.fixture(scope="module")
def prototypes():
    from pymatgen.analysis.prototypes import AFLOW_PROTOTYPE_LIBRARY

    structures = [entry["snl"].structure for entry in AFLOW_PROTOTYPE_LIBRARY[::4]]
    return [standardize(s.lattice.matrix, np.array(s.atomic_numbers), s.frac_coords) for s in structures]


def test_inversion_centres_are_found_where_there_are_any(prototypes):
    centrosymmetric = 0
    for structure in prototypes:
        cell = (structure.lattice, structure.frac_coords, structure.numbers)
        rotations = spglib.get_symmetry(cell, symprec=1e-3)["rotations"]
        expected = (rotations == -np.eye(3)).all(axis=(1, 2)).any()
        hkl = np.random.default_rng(0).integers(-5, 6, (50, 3))
        phases = np.exp(-2j * np.pi * hkl @ (structure.frac_coords - inversion_centre(structure)).T)
        factors = phases @ structure.numbers
        assert (np.abs(factors.imag).max() < 1e-2 * np.abs(factors).max()) == expected, structure
        centrosymmetric += expected
    assert 10 < centrosymmetric < len(prototypes) - 10


def test_reduced_cells_are_as_short_as_niggli_ones(prototypes):
    changed = 0
    for structure in prototypes:
        transform = reduction(structure.lattice)
        np.testing.assert_array_equal(transform, np.rint(transform))
        assert abs(np.linalg.det(transform)) == pytest.approx(1)
        found = np.linalg.norm(transform @ structure.lattice, axis=1)
        expected = np.linalg.norm(spglib.niggli_reduce(structure.lattice), axis=1)
        np.testing.assert_allclose(np.sort(found), np.sort(expected), rtol=1e-6)
        changed += not np.array_equal(transform, np.eye(3))
    assert changed > 5


def test_indices_and_positions_are_those_of_the_structure(prototypes):
    hkl = np.random.default_rng(1).integers(-6, 7, (40, 3))
    for structure in prototypes:
        cell = computing_cell(structure)
        in_structure = hkl @ cell.to_structure
        reciprocal = np.linalg.inv(structure.lattice).T
        np.testing.assert_allclose(hkl @ cell.reciprocal, in_structure @ reciprocal, atol=1e-9)
        moved = structure.frac_coords - inversion_centre(structure)
        np.testing.assert_allclose(
            np.exp(-2j * np.pi * hkl @ cell.frac_coords.T),
            np.exp(-2j * np.pi * in_structure @ moved.T),
            atol=1e-8,
        )


def test_rounding_of_coordinates_does_not_choose_another_origin(prototypes):
    noise = np.random.default_rng(2)
    for structure in prototypes:
        moved = structure.frac_coords + noise.uniform(-1e-15, 1e-15, structure.frac_coords.shape)
        other = computing_cell(replace(structure, frac_coords=moved % 1))
        np.testing.assert_allclose(other.frac_coords, computing_cell(structure).frac_coords, atol=1e-11)


def test_lobato_factors_are_those_of_abtem():
    import abtem
    from abtem.parametrizations import validate_parametrization

    squared = np.linspace(0, 64, 200)
    # In single precision abTEM rounds the parameters, which changes factors by up to 1e-5.
    with abtem.config.set({"precision": "float64"}):
        lobato = validate_parametrization("lobato")
        for number in range(1, 104):
            np.testing.assert_allclose(
                scattering_factor(number, squared), lobato.scattering_factor(number)(squared), rtol=1e-12
            )


def test_constants_are_those_of_abtem():
    from abtem.core.constants import kappa
    from abtem.core.energy import energy2sigma, energy2wavelength

    from edsym.simulation.electrons import potential_prefactor, wavelength

    for energy in (60.0, 200.0, 300.0):
        assert wavelength(energy) == pytest.approx(energy2wavelength(1e3 * energy), rel=1e-14)
        expected = energy2sigma(1e3 * energy) / (kappa * wavelength(energy) * np.pi)
        assert potential_prefactor(energy) == pytest.approx(expected, rel=1e-13)
