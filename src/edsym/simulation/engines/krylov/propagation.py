"""The incident beam's column of exp(i H t), by the Lanczos method.

Lanczos builds an orthonormal basis Q of the Krylov space of the incident beam, in which H is a small
tridiagonal matrix T; then exp(i H t) e_0 ≈ Q exp(i T t) e_1 (Park & Light 1986, J. Chem. Phys. 85, 5870;
Hochbruck & Lubich 1997, SIAM J. Numer. Anal. 34, 1911). Some 30 to 100 products of H with a vector
replace its eigen-decomposition.

A complex Hermitian H = S + iK acting on u + iv is the real symmetric [[S, -K], [K, S]] acting on (u, v),
with the same inner products, so that one real recursion serves both.
"""

import numpy as np
from numba import njit

from edsym.simulation.engines.krylov.products import hermitian_product, symmetric_product
from edsym.simulation.engines.krylov.tridiagonal import exponential_column, spectral_bounds

FIRST_CHECK = 8
"""Steps before convergence is estimated."""


def step_limit(thickness: float, max_excitation_error: float) -> int:
    """Return a generous limit for the steps of a propagation.

    Half the width of the spectrum times the thickness (in Å) is the number of steps where convergence sets
    in. The diagonal of H is 2π s_g; the potential adds at most 1 rad/Å, which is 1.5 kV at 300 keV.
    """
    return 200 + int(2 * thickness * (2 * np.pi * max_excitation_error + 1))


@njit(inline="always", fastmath=True, error_model="numpy")
def propagate(matrix, start, thicknesses, tolerance, basis, intensity):
    """Compute the intensities |exp(i H t) e_start|² at one or more thicknesses t, from one basis.

    Parameters
    ----------
    matrix : (planes, rows, stride) float32
        H in 1/Å in half storage, of one plane if real and two if complex.
    start : int
        Row of the incident beam.
    thicknesses : (T,) float64
        t in Å, ascending.
    tolerance : float
        Stop where the next step would change the amplitudes by less than this.
    basis : (steps + 1, planes * rows) float32
        Working memory; its length limits the steps.
    intensity : (T, n) float32
        Filled with the result; rows of the matrix from n on are padding.

    Returns
    -------
    steps : int
        Products that were needed, or -1 if the steps did not suffice.
    """
    # What has converged at the largest thickness has at the others.
    thickness = thicknesses[-1]
    max_steps = basis.shape[0] - 1
    alpha, beta = np.zeros(max_steps), np.zeros(max_steps)
    column = np.zeros((2, max_steps))
    next_check = 0
    basis[0] = np.float32(0)
    basis[0, start] = np.float32(1)
    for step in range(max_steps):
        _extend(matrix, basis, step, alpha, beta)
        m = step + 1
        if m == FIRST_CHECK:
            low, high = spectral_bounds(alpha[:m], beta[:m])
            next_check = max(m, int(0.475 * (high - low) * thickness))
        # A coupling this weak takes nothing further: the space is complete.
        closed = beta[step] * thickness < tolerance
        if not closed and (m < FIRST_CHECK or m < next_check):
            continue
        exponential_column(alpha[:m], beta[:m], thickness, column)
        error = beta[step] * thickness * np.hypot(column[0, step], column[1, step]) / m
        if closed or error < tolerance:
            _collect(basis[:m], column, matrix.shape[0], intensity[-1])
            for k in range(thicknesses.size - 1):
                exponential_column(alpha[:m], beta[:m], thicknesses[k], column)
                _collect(basis[:m], column, matrix.shape[0], intensity[k])
            return m
        next_check = m + (1 if error < 10 * tolerance else 2)
    return -1


@njit(inline="always", fastmath=True, error_model="numpy")
def _extend(matrix, basis, step, alpha, beta):
    """Add the next basis vector: r = H q - alpha q - beta q_before, normalised."""
    q, r = basis[step], basis[step + 1]
    rows = matrix.shape[1]
    if matrix.shape[0] == 1:
        symmetric_product(matrix[0], q, r)
    else:
        hermitian_product(matrix[0], matrix[1], q[:rows], q[rows:], r[:rows], r[rows:])
    if step > 0:
        before, coupling = basis[step - 1], np.float32(beta[step - 1])
        for j in range(r.size):
            r[j] -= coupling * before[j]
    diagonal = np.float32(0)
    for j in range(r.size):
        diagonal += r[j] * q[j]
    squared_norm = np.float32(0)
    for j in range(r.size):
        r[j] -= diagonal * q[j]
        squared_norm += r[j] * r[j]
    alpha[step] = diagonal
    beta[step] = np.sqrt(squared_norm)
    if squared_norm > 0:
        inverse = np.float32(1 / beta[step])
        for j in range(r.size):
            r[j] *= inverse


@njit(inline="always", fastmath=True, error_model="numpy")
def _collect(basis, column, planes, intensity):
    """Sum the basis with its complex coefficients, and square the amplitudes."""
    length = basis.shape[1]
    real, imaginary = np.zeros(length, np.float32), np.zeros(length, np.float32)
    for k in range(basis.shape[0]):
        q, u, v = basis[k], np.float32(column[0, k]), np.float32(column[1, k])
        for j in range(length):
            real[j] += u * q[j]
            imaginary[j] += v * q[j]
    rows = length // planes
    for j in range(intensity.size):
        if planes == 1:
            intensity[j] = real[j] ** 2 + imaginary[j] ** 2
        else:
            # (q_u + i q_v)(u + i v), whose parts were summed apart
            intensity[j] = (real[j] - imaginary[rows + j]) ** 2 + (imaginary[j] + real[rows + j]) ** 2
