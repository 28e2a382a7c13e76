"""The propagation against scipy's matrix exponential."""

import numpy as np
import pytest
from scipy.linalg import expm

from edsym.simulation.crystal.structure_factors import Kind
from edsym.simulation.engines.krylov.hamiltonian import padded
from edsym.simulation.engines.krylov.propagation import propagate
from edsym.simulation.engines.krylov.tridiagonal import bessel_functions, exponential_column


def random_matrix(n, kind):
    """Return a matrix (n, n) of a kind; those that absorb do so weakly."""
    rng = np.random.default_rng([n, kind])
    elastic, half = rng.normal(size=(2, n, n)) / np.sqrt(n)
    if kind in (Kind.HERMITIAN, Kind.GENERAL):
        elastic = elastic * np.exp(2j * np.pi * rng.random((n, n)))
    return elastic + elastic.conj().T + (0.02j * half @ half.T if kind >= Kind.SYMMETRIC else 0)


def stored(dense, kind):
    """Return a matrix (n, n) as the propagation takes it; what must not be read is NaN."""
    n, planes = len(dense), 1 if kind == Kind.REAL else 2
    rows, stride = padded(n)
    matrix = np.full((planes, rows, stride), np.nan, dtype=np.float32)
    matrix[:, :, :rows] = 0
    matrix[:, :n, :n] = np.stack([dense.real, dense.imag])[:planes]
    block = np.arange(rows) // 8
    if kind != Kind.GENERAL:
        matrix[:, :, :rows][:, block[:, None] < block] = np.nan
    return matrix


def intensities(dense, kind, start, thickness, max_steps=600):
    matrix = stored(dense, kind)
    # Whatever a run before has left in the working memory must not matter.
    basis = np.full((max_steps + 1, matrix.shape[0] * matrix.shape[1]), np.nan, dtype=np.float32)
    result = np.empty((1, len(dense)), dtype=np.float32)
    steps = propagate(matrix, kind, start, np.array([thickness]), 1e-6, basis, result)
    return steps, result[0]


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 64, 203])
def test_random_matrices(n, kind):
    matrix, start = random_matrix(n, kind), n // 2
    steps, found = intensities(matrix, kind, start, 12.3)
    expected = np.abs(expm(1j * matrix * 12.3)[:, start]) ** 2
    assert steps > 0
    np.testing.assert_allclose(found, expected, atol=5e-6)


def test_uniform_absorption_is_a_factor():
    elastic, mu, thickness = random_matrix(60, Kind.REAL), 0.004, 17.0
    _, absorbed = intensities(elastic + 1j * mu * np.eye(60), Kind.SYMMETRIC, 3, thickness)
    expected = np.abs(expm(1j * elastic * thickness)[:, 3]) ** 2 * np.exp(-2 * mu * thickness)
    np.testing.assert_allclose(absorbed, expected, atol=2e-6)


def test_too_few_steps_are_reported():
    hermitian = np.diag(np.linspace(-1, 1, 64)) + 0.1
    steps, _ = intensities(hermitian, Kind.REAL, 5, 50.0, max_steps=20)
    assert steps == -1


@pytest.mark.parametrize("t", [1e-3, 1.0, 37.0, 400.0])
def test_exponential_of_tridiagonal_matrices(t):
    rng = np.random.default_rng(0)
    lower = np.abs(rng.normal(size=60))
    diagonal, upper = rng.normal(size=(2, 60)), np.stack([lower, 0 * lower])
    diagonal[1] = 1e-3 * np.abs(diagonal[1])
    upper += 1e-3 * rng.normal(size=upper.shape)
    column = np.zeros((2, 60))
    exponential_column(diagonal, upper, lower, t, column)
    full = np.diag(diagonal[0] + 1j * diagonal[1])
    full += np.diag(upper[0, :-1] + 1j * upper[1, :-1], 1) + np.diag(lower[:-1], -1)
    np.testing.assert_allclose(column[0] + 1j * column[1], expm(1j * t * full)[:, 0], atol=1e-8)


@pytest.mark.parametrize("z", [1e-6, 0.5, 75.0, 900.0])
def test_bessel_functions(z):
    from scipy.special import jv

    found = bessel_functions(z)
    np.testing.assert_allclose(found, jv(np.arange(found.size), z), atol=1e-12)
    assert abs(jv(found.size, z)) < 1e-9
