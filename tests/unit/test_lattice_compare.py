"""Lattices compared: what no choice of a basis may change."""

from itertools import product

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from edsym.lattice.compare import deviation, reduced, same_lattice, shortest_lengths

RNG = np.random.default_rng(5)


def unimodular():
    """Return a random integer matrix of determinant ±1, as a product of shears."""
    matrix = np.eye(3)
    for _ in range(6):
        i, j = RNG.permutation(3)[:2]
        matrix[i] += RNG.integers(-2, 3) * matrix[j]
    return matrix[RNG.permutation(3)]


def brute(basis, reach=6):
    indices = np.array(list(product(range(-reach, reach + 1), repeat=3)))
    return np.sort(np.linalg.norm(indices @ basis, axis=1))[1::2]


@pytest.mark.parametrize("_", range(20))
def test_lengths_are_the_lattices_own_whatever_the_basis_and_orientation(_):
    basis = RNG.normal(size=(3, 3)) * [1, 1.5, 2.5]
    lengths = shortest_lengths(basis)
    other = unimodular() @ basis @ Rotation.random(random_state=RNG).as_matrix()
    np.testing.assert_allclose(shortest_lengths(other), lengths, rtol=1e-9)
    np.testing.assert_allclose(brute(reduced(basis))[:14], lengths, rtol=1e-9)
    rows = reduced(other)
    assert np.linalg.det(rows) == pytest.approx(abs(np.linalg.det(basis)))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1)[0], lengths[0])


def test_a_needle_has_multiples_of_its_shortest_vector():
    np.testing.assert_allclose(shortest_lengths(np.diag([1.0, 20, 30])), range(1, 15))


def test_deviation_is_relative_and_can_leave_out_the_scale():
    basis = RNG.normal(size=(3, 3))
    assert deviation(1.02 * basis, basis) == pytest.approx(0.02)
    assert deviation(1.02 * basis, basis, up_to_scale=True) == pytest.approx(0, abs=1e-12)
    stretched = np.diag([3.0, 4, 5.1]), np.diag([3.0, 4, 5])
    assert 0.009 < deviation(*stretched, up_to_scale=True) < deviation(*stretched) < 0.021
    assert same_lattice(*stretched, 0.021)
    assert not same_lattice(*stretched, 0.009)


def test_a_sublattice_is_another_lattice():
    assert deviation(np.diag([3.0, 4, 10]), np.diag([3.0, 4, 5])) > 0.25
