"""The first column of exp(i T t) of a small real symmetric tridiagonal matrix, by Chebyshev's expansion.

exp(i z x) = J_0(z) + 2 Σ_n iⁿ J_n(z) T_n(x) on [-1, 1] (Tal-Ezer & Kosloff 1984, J. Chem. Phys. 81, 3967);
in double precision, at a fraction of the cost of an eigen-decomposition.
"""

import numpy as np
from numba import njit

_FAST = {"fastmath": True, "error_model": "numpy", "cache": True}


@njit(**_FAST)
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


@njit(**_FAST)
def exponential_column(alpha, beta, t, column):
    """Write the first column of exp(i T t) into `column` (2, >= m): real and imaginary parts.

    Parameters
    ----------
    alpha, beta : (m,) float64
        The diagonal, and the one beside it (its last value is not used).
    t : float
        Factor of the exponent.
    column : (2, >= m) float64
        Filled up to m.
    """
    m = alpha.size
    low, high = spectral_bounds(alpha, beta)
    centre, half_width = 0.5 * (low + high), max(0.5 * (high - low), 1e-9)
    bessel = bessel_functions(half_width * t)
    real, imaginary = column[0, :m], column[1, :m]
    real[:] = 0
    imaginary[:] = 0
    before, current, following = np.zeros(m), np.zeros(m), np.zeros(m)
    current[0] = 1
    for n in range(bessel.size):
        weight = bessel[n] if n == 0 else 2 * bessel[n]
        part = imaginary if n % 2 else real
        sign = -1.0 if n % 4 > 1 else 1.0
        for k in range(m):
            part[k] += sign * weight * current[k]
        _scaled_product(alpha, beta, centre, half_width, current, following)
        if n > 0:
            for k in range(m):
                following[k] = 2 * following[k] - before[k]
        before, current, following = current, following, before
    cosine, sine = np.cos(centre * t), np.sin(centre * t)
    for k in range(m):
        u, v = real[k], imaginary[k]
        real[k], imaginary[k] = u * cosine - v * sine, u * sine + v * cosine


@njit(inline="always", fastmath=True, error_model="numpy")
def _scaled_product(alpha, beta, centre, half_width, x, y):
    """Write (T - centre) x / half_width into y."""
    m = x.size
    for k in range(m):
        value = (alpha[k] - centre) * x[k]
        if k > 0:
            value += beta[k - 1] * x[k - 1]
        if k < m - 1:
            value += beta[k] * x[k + 1]
        y[k] = value / half_width


@njit(**_FAST)
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
