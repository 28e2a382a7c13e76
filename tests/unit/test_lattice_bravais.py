"""Bravais lattices of measured cells: the true one first, in any basis and orientation."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from edsym.lattice.bravais import (
    BRAVAIS,
    SMALLEST_STRAIN,
    bravais_lattices,
    cell_parameters,
    parameter_uncertainties,
    system_probabilities,
)

CENTRED = {
    "P": np.eye(3),
    "C": np.array([[1, 1, 0], [-1, 1, 0], [0, 0, 2]]) / 2,
    "I": np.array([[-1, 1, 1], [1, -1, 1], [1, 1, -1]]) / 2,
    "F": np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2,
    "R": np.array([[2, 1, 1], [-1, 1, 1], [-1, -2, 1]]) / 3,
}
CELLS = {
    "a": (5, 6.3, 7.7, 83, 97, 105),
    "m": (5, 6.3, 7.7, 90, 103, 90),
    "o": (5, 6.3, 7.7, 90, 90, 90),
    "t": (5, 5, 7.7, 90, 90, 90),
    "h": (5, 5, 7.7, 90, 90, 120),
    "c": (5, 5, 5, 90, 90, 90),
}
PLACES = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


def vectors(a, b, c, alpha, beta, gamma):
    x, y, z = np.cos(np.radians([alpha, beta, gamma]))
    sine = np.sqrt(1 - z * z)
    p = (x - y * z) / sine
    return np.array([[a, 0, 0], [b * z, b * sine, 0], [c * y, c * p, c * np.sqrt(1 - y * y - p * p)]])


def measured(bravais, sigma, seed):
    """Return the primitive cell of a lattice in some basis and orientation, strained by noise."""
    rng = np.random.default_rng([seed, BRAVAIS.index(bravais)])
    cell = CENTRED[bravais[1]] @ vectors(*CELLS[bravais[0]])
    cell = np.array([[1, 0, 0], [1, 1, 0], [0, -1, 1]]) @ cell @ Rotation.random(random_state=rng).as_matrix()
    strain = np.zeros((3, 3))
    for (i, j), value in zip(PLACES, rng.normal(0, sigma, 6), strict=True):
        strain[i, j] = strain[j, i] = value
    return cell @ (np.eye(3) + strain)


@pytest.mark.parametrize("sigma", [1e-3, 1e-6])
@pytest.mark.parametrize("bravais", BRAVAIS)
def test_the_true_bravais_lattice_comes_first_with_its_cell(bravais, sigma):
    found = bravais_lattices(measured(bravais, sigma, 1), sigma**2 * np.eye(6))
    best = found[0]
    assert best.bravais == bravais and best.probability > 0.5
    assert sum(one.probability for one in found) == pytest.approx(1)
    free = best.uncertainties > 0
    expected = {"a": 6, "m": 4, "o": 3, "t": 3, "h": 3, "c": 3}[bravais[0]]
    assert free.sum() == expected
    if bravais[0] in "thc":  # others may be set up in another order of the axes
        off = (best.parameters - CELLS[bravais[0]])[free] / best.uncertainties[free]
        assert np.abs(off).max() < 4
        np.testing.assert_allclose(best.parameters[~free], np.array(CELLS[bravais[0]])[~free], atol=1e-3)


@pytest.mark.parametrize("bravais", ["mC", "oF", "hR", "cI"])
def test_the_conventional_cell_is_one_of_the_same_lattice(bravais):
    cell = measured(bravais, 1e-7, 2)
    best = bravais_lattices(cell, 1e-14 * np.eye(6))[0]
    ratio = np.linalg.det(best.conventional) / abs(np.linalg.det(cell))
    assert ratio == pytest.approx({"C": 2, "F": 4, "R": 3, "I": 2}[bravais[1]], rel=1e-4)
    assert np.linalg.det(best.transformation) == pytest.approx(ratio, rel=1e-3)
    np.testing.assert_allclose(best.transformation, np.rint(best.transformation), atol=1e-6)


def test_noise_leaves_the_choice_open_and_a_sharp_measurement_decides():
    # Monoclinic by 0.4 degrees alone.
    cell = vectors(5, 6.3, 7.7, 90, 90.4, 90)
    blurred, sharp = (bravais_lattices(cell, s**2 * np.eye(6)) for s in (0.01, 1e-4))
    assert [one.bravais for one in blurred][:2] == ["oP", "mP"]
    assert sharp[0].bravais == "mP" and sharp[0].probability > 0.99


def test_lengths_that_symmetry_ties_have_one_uncertainty():
    cell = CENTRED["F"] @ vectors(*CELLS["c"])
    spread = np.diag([1e-3, 1e-3, 0.1, 0.05, 0.05, 1e-3]) ** 2  # one pattern: little is known along the beam
    best = bravais_lattices(cell, spread)[0]
    assert best.bravais == "cF"
    expected = 5 * np.hypot(1e-3, SMALLEST_STRAIN) / np.sqrt(2)
    np.testing.assert_allclose(best.uncertainties, [expected] * 3 + [0] * 3, rtol=0.01)


def test_the_uncertainty_of_parameters_is_that_of_the_strains():
    sigma = 0.002
    sd = parameter_uncertainties(np.diag([5.0, 6.0, 7.0]), sigma**2 * np.eye(6))
    np.testing.assert_allclose(sd[:3], sigma * np.array([5, 6, 7]), rtol=0.02)
    # The angle between two axes changes by twice the shear.
    np.testing.assert_allclose(sd[3:], np.degrees(2 * sigma), rtol=0.02)
    np.testing.assert_allclose(cell_parameters(vectors(*CELLS["a"])), CELLS["a"])


def test_systems_follow_from_lattices_and_hexagonal_ones_may_be_trigonal():
    found = bravais_lattices(vectors(*CELLS["h"]), 1e-6 * np.eye(6))
    systems = system_probabilities(found)
    assert sum(systems.values()) == pytest.approx(1)
    assert systems["hexagonal"] > 0.7 and systems["trigonal"] > 0.2
