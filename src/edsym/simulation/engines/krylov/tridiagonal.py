"""The first column of exp(i T t) of a small, nearly Hermitian tridiagonal matrix, by Chebyshev's expansion.

exp(i z x) = J_0(z) + 2 Σ_n iⁿ J_n(z) T_n(x) on [-1, 1] (Tal-Ezer & Kosloff 1984, J. Chem. Phys. 81, 3967);
in double precision, at a fraction of the cost of an eigen-decomposition.
"""

import numpy as np
from numba import njit


@njit(inline="always", error_model="numpy")
def spectral_bounds(alpha, beta):
    """Return bounds of the eigenvalues, by Gershgorin's theorem.

    Parameters
    ----------
    alpha, beta : (m,) float64
        The diagonal, and the one beside it (its last value is not used).
    """
    m = alpha.size
    low, high = alpha[0], alpha[0]
    for k in range(m):
        radius = (beta[k - 1] if k > 0 else 0.0) + (beta[k] if k < m - 1 else 0.0)
        low, high = min(low, alpha[k] - radius), max(high, alpha[k] + radius)
    return low, high


@njit(inline="always", error_model="numpy")
def exponential_column(diagonal, upper, lower, t, column):
    """Write the first column of exp(i T t) into `column`: real and imaginary parts.

    Parameters
    ----------
    diagonal, upper : (2, m) float64
        Real and imaginary parts of the diagonal and of the one above it (its last value is not used).
    lower : (m,) float64
        The diagonal below, real and not negative (its last value is not used).
    t : float
        Factor of the exponent.
    column : (2, >= m) float64
        Filled up to m.
    """
    m = lower.size
    low, high = spectral_bounds(diagonal[0], lower)
    centre, half_width = 0.5 * (low + high), max(0.5 * (high - low), 1e-9)
    bessel = bessel_functions(half_width * t)
    real, imaginary = column[0, :m], column[1, :m]
    real[:] = 0
    imaginary[:] = 0
    before, current, following = np.zeros((2, m)), np.zeros((2, m)), np.zeros((2, m))
    current[0, 0] = 1
    for n in range(bessel.size):
        weight = (1 if n == 0 else 2) * bessel[n] * (-1.0 if n % 4 > 1 else 1.0)
        # iⁿ: even orders go where they are, odd ones are turned by i.
        u, v = (current[0], current[1]) if n % 2 == 0 else (-current[1], current[0])
        for k in range(m):
            real[k] += weight * u[k]
            imaginary[k] += weight * v[k]
        _scaled_product(diagonal, upper, lower, centre, half_width, current, following)
        if n > 0:
            for k in range(m):
                following[0, k] = 2 * following[0, k] - before[0, k]
                following[1, k] = 2 * following[1, k] - before[1, k]
        before, current, following = current, following, before
    _rotate(real, imaginary, centre * t)


@njit(inline="always", error_model="numpy")
def _scaled_product(diagonal, upper, lower, centre, half_width, x, y):
    """Write (T - centre) x / half_width into y."""
    m, inverse = lower.size, 1 / half_width
    for k in range(m):
        real = (diagonal[0, k] - centre) * x[0, k] - diagonal[1, k] * x[1, k]
        imaginary = (diagonal[0, k] - centre) * x[1, k] + diagonal[1, k] * x[0, k]
        if k > 0:
            real += lower[k - 1] * x[0, k - 1]
            imaginary += lower[k - 1] * x[1, k - 1]
        if k < m - 1:
            real += upper[0, k] * x[0, k + 1] - upper[1, k] * x[1, k + 1]
            imaginary += upper[0, k] * x[1, k + 1] + upper[1, k] * x[0, k + 1]
        y[0, k], y[1, k] = real * inverse, imaginary * inverse


@njit(inline="always", error_model="numpy")
def _rotate(real, imaginary, angle):
    """Multiply by exp(i angle), in place."""
    cosine, sine = np.cos(angle), np.sin(angle)
    for k in range(real.size):
        u, v = real[k], imaginary[k]
        real[k], imaginary[k] = u * cosine - v * sine, u * sine + v * cosine


@njit(inline="always", error_model="numpy")
def bessel_functions(z):
    """Return J_0(z) to J_n(z), n where they have become negligible, by Miller's downward recurrence."""
    last = int(z + 14 + 8 * z ** (1 / 3))
    start = last + 20 + 2 * int(np.sqrt(z))
    values = np.zeros(start + 2)
    values[start] = 1e-300
    for n in range(start, 0, -1):
        values[n - 1] = 2 * n / z * values[n] - values[n + 1]
        if abs(values[n - 1]) > 1e150:
            for k in range(n - 1, start + 1):
                values[k] *= 1e-150
    # J_0 + 2 (J_2 + J_4 + ...) = 1
    return values[: last + 1] / (values[0] + 2 * np.sum(values[2 : start + 1 : 2]))
