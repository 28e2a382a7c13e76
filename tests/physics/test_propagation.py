"""The Lanczos propagation against scipy's matrix exponential."""

import numpy as np
import pytest
from scipy.linalg import expm

from edsym.simulation.beams.candidates import find_candidates, select_beams
from edsym.simulation.crystal.cell import computing_cell
from edsym.simulation.crystal.structure_factors import potential_table
from edsym.simulation.electrons import wavelength
from edsym.simulation.engines.krylov.hamiltonian import fill_hamiltonian, matrix_size, padded
from edsym.simulation.engines.krylov.propagation import propagate, step_limit
from edsym.simulation.engines.krylov.tridiagonal import bessel_functions, exponential_column


def in_half_storage(dense, planes):
    """Return a Hermitian matrix (n, n) as the propagation takes it."""
    n = len(dense)
    rows, stride = padded(n)
    matrix = np.full((planes, rows, stride), np.nan, dtype=np.float32)
    for plane, part in zip(range(planes), (dense.real, dense.imag), strict=False):
        full = np.zeros((rows, rows))
        full[:n, :n] = part
        block = np.arange(rows) // 8
        matrix[plane, :, :rows] = np.where(block[:, None] >= block, full, np.nan)
    return matrix


def dense(matrix, n):
    """Return the Hermitian matrix (n, n) that half storage stands for."""
    lower = np.tril(matrix[0, :n, :n].astype(complex))
    if len(matrix) == 2:
        lower += 1j * np.tril(matrix[1, :n, :n], -1)
    return lower + np.tril(lower, -1).conj().T


def intensities(matrix, n, start, thickness, tolerance=1e-6, max_steps=600):
    basis = np.empty((max_steps + 1, matrix.shape[0] * matrix.shape[1]), dtype=np.float32)
    result = np.empty((1, n), dtype=np.float32)
    steps = propagate(matrix, start, np.array([thickness]), tolerance, basis, result)
    return steps, result[0]


@pytest.mark.parametrize("planes", [1, 2], ids=["real", "complex"])
@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 64, 203])
def test_random_hermitian_matrices(n, planes):
    rng = np.random.default_rng([n, planes])
    random = rng.normal(size=(n, n)) + (1j * rng.normal(size=(n, n)) if planes == 2 else 0)
    hermitian = (random + random.conj().T).astype(np.complex128) / np.sqrt(n)
    start, thickness = n // 2, 12.3
    steps, found = intensities(in_half_storage(hermitian, planes), n, start, thickness)
    expected = np.abs(expm(1j * hermitian * thickness)[:, start]) ** 2
    assert steps > 0
    np.testing.assert_allclose(found, expected, atol=5e-6)


@pytest.mark.parametrize("name", ["corundum", "alpha quartz"])
def test_hamiltonian_of_a_crystal(crystals, random_orientations, name):
    cell = computing_cell(crystals[name])
    table = potential_table(cell, 2.0, 0.08, 300.0)
    candidates = find_candidates(cell, 2.0)
    beams = select_beams(candidates, random_orientations(1, seed=2)[0, 2], wavelength(300.0), 0.06)
    n = beams.candidate.size
    memory = np.full(matrix_size(n, len(table.values)), np.nan, dtype=np.float32)
    matrix = fill_hamiltonian(
        beams, candidates, table, table.linear(candidates.hkl), wavelength(300.0), memory
    )
    for thickness in (10.0, 200.0, 1000.0):
        steps, found = intensities(
            matrix, n, beams.incident, thickness, max_steps=step_limit(thickness, 0.06)
        )
        expected = np.abs(expm(1j * dense(matrix, n) * thickness)[:, beams.incident]) ** 2
        assert steps > 0
        np.testing.assert_allclose(found, expected, atol=5e-6)


def test_too_few_steps_are_reported():
    hermitian = np.diag(np.linspace(-1, 1, 64)) + 0.1
    steps, _ = intensities(in_half_storage(hermitian, 1), 64, 5, 50.0, max_steps=20)
    assert steps == -1


@pytest.mark.parametrize("t", [1e-3, 1.0, 37.0, 400.0])
def test_exponential_of_tridiagonal_matrices(t):
    rng = np.random.default_rng(0)
    alpha, beta = rng.normal(size=60), np.abs(rng.normal(size=60))
    column = np.zeros((2, 60))
    exponential_column(alpha, beta, t, column)
    full = np.diag(alpha) + np.diag(beta[:-1], 1) + np.diag(beta[:-1], -1)
    np.testing.assert_allclose(column[0] + 1j * column[1], expm(1j * t * full)[:, 0], atol=1e-8)


@pytest.mark.parametrize("z", [1e-6, 0.5, 75.0, 900.0])
def test_bessel_functions(z):
    from scipy.special import jv

    found = bessel_functions(z)
    np.testing.assert_allclose(found, jv(np.arange(found.size), z), atol=1e-12)
    assert abs(jv(found.size, z)) < 1e-9
