"""The incident beam's column of exp(i H t) where H absorbs: H = H_0 + iH' is not Hermitian.

A Krylov basis in which each product is made orthogonal to the last two vectors only (incomplete
orthogonalisation: Saad 1980, Linear Algebra Appl. 34, 269-295). Absorption is weak, so that nearly nothing is
left out, and H becomes a tridiagonal T with complex diagonal and upper, real lower elements.
"""

import numpy as np
from numba import njit

from edsym.simulation.engines.krylov.products import complex_product, complex_symmetric_product
from edsym.simulation.engines.krylov.propagation import FIRST_CHECK
from edsym.simulation.engines.krylov.tridiagonal import complex_exponential_column, spectral_bounds


@njit(inline="always", fastmath=True, error_model="numpy")
def propagate_absorbing(matrix, symmetric, start, thicknesses, tolerance, basis, intensity):
    """Compute the intensities |exp(i H t) e_start|² at one or more thicknesses t, from one basis.

    Parameters
    ----------
    matrix : (2, rows, stride) float32
        Real and imaginary part of H in 1/Å: in half storage if it is symmetric, else all of it.
    symmetric : bool
        Whether it is.
    start, thicknesses, tolerance, basis, intensity
        See `edsym.simulation.engines.krylov.propagation.propagate`.

    Returns
    -------
    steps : int
        Products that were needed, or -1 if the steps did not suffice.
    """
    thickness = thicknesses[-1]
    max_steps = basis.shape[0] - 1
    diagonal, upper = np.zeros((2, max_steps)), np.zeros((2, max_steps))
    lower = np.zeros(max_steps)
    column = np.zeros((2, max_steps))
    next_check = 0
    basis[0] = np.float32(0)
    basis[0, start] = np.float32(1)
    for step in range(max_steps):
        _extend(matrix, symmetric, basis, step, diagonal, upper, lower)
        m = step + 1
        if m == FIRST_CHECK:
            low, high = spectral_bounds(diagonal[0, :m], lower[:m])
            next_check = max(m, int(0.475 * (high - low) * thickness))
        # A coupling this weak takes nothing further: the space is complete.
        closed = lower[step] * thickness < tolerance
        if not closed and (m < FIRST_CHECK or m < next_check):
            continue
        complex_exponential_column(diagonal[:, :m], upper[:, :m], lower[:m], thickness, column)
        error = lower[step] * thickness * np.hypot(column[0, step], column[1, step]) / m
        if closed or error < tolerance:
            _collect(basis[:m], column, intensity[-1])
            for k in range(thicknesses.size - 1):
                complex_exponential_column(diagonal[:, :m], upper[:, :m], lower[:m], thicknesses[k], column)
                _collect(basis[:m], column, intensity[k])
            return m
        next_check = m + (1 if error < 10 * tolerance else 2)
    return -1


@njit(inline="always", fastmath=True, error_model="numpy")
def _extend(matrix, symmetric, basis, step, diagonal, upper, lower):
    """Add the next basis vector: H q, made orthogonal to q and the vector before, normalised."""
    rows = matrix.shape[1]
    u, v = basis[step, :rows], basis[step, rows:]
    x, y = basis[step + 1, :rows], basis[step + 1, rows:]
    if symmetric:
        complex_symmetric_product(matrix[0], matrix[1], u, v, x, y)
    else:
        complex_product(matrix[0], matrix[1], u, v, x, y)
    if step > 0:
        before_u, before_v = basis[step - 1, :rows], basis[step - 1, rows:]
        upper[0, step - 1], upper[1, step - 1] = _remove(before_u, before_v, x, y)
    diagonal[0, step], diagonal[1, step] = _remove(u, v, x, y)
    squared_norm = np.float32(0)
    for j in range(rows):
        squared_norm += x[j] * x[j] + y[j] * y[j]
    lower[step] = np.sqrt(squared_norm)
    if squared_norm > 0:
        inverse = np.float32(1 / lower[step])
        for j in range(rows):
            x[j] *= inverse
            y[j] *= inverse


@njit(inline="always", fastmath=True, error_model="numpy")
def _remove(u, v, x, y):
    """Take the component along u + iv out of x + iy, and return it."""
    real, imaginary = np.float32(0), np.float32(0)
    for j in range(u.size):
        real += u[j] * x[j] + v[j] * y[j]
        imaginary += u[j] * y[j] - v[j] * x[j]
    for j in range(u.size):
        x[j] -= real * u[j] - imaginary * v[j]
        y[j] -= real * v[j] + imaginary * u[j]
    return real, imaginary


@njit(inline="always", fastmath=True, error_model="numpy")
def _collect(basis, column, intensity):
    """Sum the basis with its coefficients, and square the amplitudes."""
    rows = basis.shape[1] // 2
    real, imaginary = np.zeros(rows, np.float32), np.zeros(rows, np.float32)
    for k in range(basis.shape[0]):
        u, v = basis[k, :rows], basis[k, rows:]
        a, b = np.float32(column[0, k]), np.float32(column[1, k])
        for j in range(rows):
            real[j] += a * u[j] - b * v[j]
            imaginary[j] += a * v[j] + b * u[j]
    for j in range(intensity.size):
        intensity[j] = real[j] ** 2 + imaginary[j] ** 2
