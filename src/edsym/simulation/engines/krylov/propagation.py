"""The incident beam's column of exp(i H t), in a Krylov space.

Products of H with the incident beam span a space in which H becomes a small tridiagonal matrix T; then
exp(i H t) e_0 ≈ Q exp(i T t) e_1 (Park & Light 1986, J. Chem. Phys. 85, 5870; Hochbruck & Lubich 1997, SIAM
J. Numer. Anal. 34, 1911). Some 30 to 100 products of H with a vector replace its eigen-decomposition.

Each product is made orthogonal to the last two vectors only. Of a Hermitian H that is Lanczos' method. With
absorption, which is weak, H is not quite Hermitian, and hardly anything is left out (incomplete
orthogonalisation: Saad 1980, Linear Algebra Appl. 34, 269): T has complex elements on and above the diagonal,
real ones below.

A complex vector is kept as two real ones, u + iv; where H is real so are all vectors, and v is empty.
"""

import numpy as np
from numba import njit

from edsym.simulation.crystal.structure_factors import Kind
from edsym.simulation.engines.krylov.lanes import add_to, dot
from edsym.simulation.engines.krylov.products import complex_half_product, complex_product, symmetric_product
from edsym.simulation.engines.krylov.tridiagonal import exponential_column, spectral_bounds

_FIRST_CHECK = 8
"""Steps before convergence is estimated."""


@njit(forceinline=True, error_model="numpy")
def propagate(matrix, kind, start, thicknesses, tolerance, basis, intensity):
    """Compute the intensities |exp(i H t) e_start|² at one or more thicknesses t, from one basis.

    Parameters
    ----------
    matrix : (planes, rows, stride) float32
        H in 1/Å, of one plane if real and two if complex; in half storage unless the kind is general.
    kind : int
        What the matrix is like: see `Kind`.
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
    max_steps, rows = basis.shape[0] - 1, matrix.shape[1]
    diagonal, upper, lower = np.zeros((2, max_steps)), np.zeros((2, max_steps)), np.zeros(max_steps)
    column = np.zeros((2, max_steps))
    next_check = 0
    basis[0] = np.float32(0)
    basis[0, start] = np.float32(1)
    for step in range(max_steps):
        _extend(matrix, kind, basis, step, diagonal, upper, lower)
        m = step + 1
        if m == _FIRST_CHECK:
            low, high = spectral_bounds(diagonal[0, :m], lower[:m])
            next_check = max(m, int(0.475 * (high - low) * thickness))
        # A coupling this weak takes nothing further: the space is complete.
        closed = lower[step] * thickness < tolerance
        if not closed and (m < _FIRST_CHECK or m < next_check):
            continue
        exponential_column(diagonal[:, :m], upper[:, :m], lower[:m], thickness, column)
        error = lower[step] * thickness * np.hypot(column[0, step], column[1, step]) / m
        if closed or error < tolerance:
            _collect(basis[:m], rows, column, intensity[-1])
            for k in range(thicknesses.size - 1):
                exponential_column(diagonal[:, :m], upper[:, :m], lower[:m], thicknesses[k], column)
                _collect(basis[:m], rows, column, intensity[k])
            return m
        next_check = m + (1 if error < 10 * tolerance else 2)
    return -1


@njit(forceinline=True, error_model="numpy")
def _extend(matrix, kind, basis, step, diagonal, upper, lower):
    """Add the next basis vector: H q, made orthogonal to q and the vector before, normalised."""
    rows, r = matrix.shape[1], basis[step + 1]
    u, v, x, y = basis[step, :rows], basis[step, rows:], r[:rows], r[rows:]
    if kind == Kind.REAL:
        symmetric_product(matrix[0], u, x)
    elif kind == Kind.GENERAL:
        complex_product(matrix[0], matrix[1], u, v, x, y)
    else:
        conjugate = np.float32(1 if kind == Kind.HERMITIAN else -1)
        complex_half_product(matrix[0], matrix[1], u, v, x, y, conjugate)
    if step > 0:
        before = basis[step - 1]
        upper[0, step - 1], upper[1, step - 1] = _remove(before[:rows], before[rows:], x, y)
    diagonal[0, step], diagonal[1, step] = _remove(u, v, x, y)
    norm = np.sqrt(dot(r, r))
    lower[step] = norm
    if norm > 0:
        inverse = 1 / norm
        for j in range(r.size):
            r[j] *= inverse


@njit(forceinline=True, error_model="numpy")
def _remove(u, v, x, y):
    """Take the component along u + iv out of x + iy, and return it."""
    real, imaginary = dot(u, x) + dot(v, y), dot(u, y) - dot(v, x)
    add_to(x, -real, u)
    add_to(x, imaginary, v)
    add_to(y, -real, v)
    add_to(y, -imaginary, u)
    return real, imaginary


@njit(forceinline=True, error_model="numpy")
def _collect(basis, rows, column, intensity):
    """Sum the basis with its complex coefficients, and square the amplitudes."""
    real, imaginary = np.zeros(rows, np.float32), np.zeros(rows, np.float32)
    for k in range(basis.shape[0]):
        u, v = basis[k, :rows], basis[k, rows:]
        a, b = np.float32(column[0, k]), np.float32(column[1, k])
        add_to(real, a, u)
        add_to(real, -b, v)
        add_to(imaginary, a, v)
        add_to(imaginary, b, u)
    for j in range(intensity.size):
        intensity[j] = real[j] * real[j] + imaginary[j] * imaginary[j]
