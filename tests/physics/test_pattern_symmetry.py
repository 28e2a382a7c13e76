"""Patterns of equivalent zone axes, and Friedel pairs."""

import numpy as np
import pytest

from edsym.simulation.crystal.cell import computing_cell
from edsym.simulation.crystal.structure_factors import potential_table
from edsym.simulation.engines.choice import make_engine
from edsym.symmetry import oriented_laue_class


def test_equivalent_zone_axes_have_equivalent_patterns(crystals, settings, random_orientations, point_group):
    engine = make_engine(settings())
    for name, structure in crystals.items():
        orientation = random_orientations(1, seed=5)[0]
        operations = point_group(structure)
        reference, *others = engine.patterns(structure, orientation @ operations.transpose(0, 2, 1))
        for other in others:
            assert _difference(reference, other) < 3e-6, name


def test_inequivalent_zone_axes_have_other_patterns(crystals, settings, random_orientations):
    engine = make_engine(settings())
    first, second = engine.patterns(crystals["wurtzite"], random_orientations(2, seed=5))
    assert first.intensity.size != second.intensity.size or _difference(first, second) > 1e-3


def _difference(a, b):
    """Return the largest difference of two patterns that have their spots in the same places."""
    first, second = (np.lexsort(np.round(p.q * 1e4).T) for p in (a, b))
    np.testing.assert_allclose(a.q[first], b.q[second], atol=2e-4)
    return np.abs(a.intensity[first] - b.intensity[second]).max()


def along(structure, uvw):
    """Return the orientation (1, 3, 3) with the beam along a lattice direction."""
    z = uvw @ structure.lattice
    z = z / np.linalg.norm(z)
    x = np.cross(z, [0.32, 0.17, 0.71])
    x /= np.linalg.norm(x)
    return np.array([[x, np.cross(z, x), z]])


def friedel_difference(pattern, by_index):
    intensities = by_index(pattern)
    opposite = {hkl: tuple(-i for i in hkl) for hkl in intensities}
    return max(
        abs(i - intensities[opposite[hkl]]) for hkl, i in intensities.items() if opposite[hkl] in intensities
    )


@pytest.mark.parametrize(
    ("name", "uvw"), [("baddeleyite", [0, 1, 0]), ("alpha quartz", [1, 0, 0]), ("wurtzite", [0, 0, 1])]
)
def test_friedel_pairs_are_equal_along_twofold_axes(crystals, settings, by_index, name, uvw):
    structure = crystals[name]
    (pattern,) = make_engine(settings()).patterns(structure, along(structure, uvw))
    assert friedel_difference(pattern, by_index) < 3e-6


@pytest.mark.parametrize(
    ("name", "uvw"), [("baddeleyite", [1, 0, 0]), ("californium", [1, 0, 0]), ("corundum", [1, 1, 1])]
)
def test_friedel_pairs_of_one_layer_are_equal_with_inversion(crystals, settings, by_index, name, uvw):
    structure = crystals[name]
    (pattern,) = make_engine(settings(g_max=1.5, max_excitation_error=0.024)).patterns(
        structure, along(structure, uvw)
    )
    assert not (pattern.hkl @ uvw).any(), "beams of other Laue zones"
    assert friedel_difference(pattern, by_index) < 3e-6


def test_friedel_pairs_differ_without_inversion(crystals, settings, by_index):
    for name, uvw in {"CeNiC2": [1, 0, 0], "zincblende": [1, 0, 0], "wurtzite": [1, 0, 0]}.items():
        structure = crystals[name]
        (pattern,) = make_engine(settings()).patterns(structure, along(structure, uvw))
        assert friedel_difference(pattern, by_index) > 1e-3, name


def test_table_is_real_for_centrosymmetric_crystals(crystals):
    for name, structure in crystals.items():
        table = potential_table(computing_cell(structure), 2.0, 0.08, 300.0)
        centrosymmetric = structure.spacegroup_number in (2, 14, 58, 136, 162, 167, 205)
        assert len(table.values) == (1 if centrosymmetric else 2), name


def test_laue_class_is_that_of_the_structure(crystals, point_group):
    from edsym.simulation.orientations import laue_rotations

    for name, structure in crystals.items():
        operations = point_group(structure)
        proper = operations * np.linalg.det(operations)[:, None, None]
        expected = np.unique(np.round(proper, 6) + 0.0, axis=0)
        found = np.round(laue_rotations(oriented_laue_class(structure.spacegroup_number)), 6) + 0.0
        assert len(expected) == len(found), name
        np.testing.assert_allclose(np.unique(found, axis=0), expected, atol=1e-5, err_msg=name)
