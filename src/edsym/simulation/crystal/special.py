"""Exponential integral and interpolation in NumPy alone: a simulation may run where there is no SciPy."""

import numpy as np

# Below it the continued fraction takes fewer terms than the power series.
_SERIES_FROM = -2.0
_FRACTION_LEVELS = 50


def expi(x: np.ndarray) -> np.ndarray:
    """Return the exponential integral Ei(x) for 0 ≠ x <= 50.

    Sources: Abramowitz & Stegun (1972), 5.1.10 (power series) and 5.1.22 (continued fraction of E1).

    Parameters
    ----------
    x : array
        Real numbers; those below -700 give 0.
    """
    x = np.asarray(x, dtype=np.float64)
    return np.where(
        x < _SERIES_FROM, -_e1(np.maximum(-x, -_SERIES_FROM)), _series(np.maximum(x, _SERIES_FROM))
    )


def _series(x: np.ndarray) -> np.ndarray:
    """Return γ + ln|x| + Σ xᵏ / (k k!)."""
    total, power = np.zeros_like(x), np.ones_like(x)
    largest = np.abs(x).max(initial=0.0)
    # As many terms as the largest x takes: xᵏ / k! has fallen to 1e-17 of its peak by then.
    for k in range(1, int(20 + 3 * largest)):
        power *= x / k
        total += power / k
    return np.euler_gamma + np.log(np.abs(x)) + total


def _e1(z: np.ndarray) -> np.ndarray:
    """Return E1(z) = exp(-z) / (z + 1 - 1 / (z + 3 - 4 / (z + 5 - ...))) for z >= 2."""
    fraction = np.zeros_like(z)
    for k in range(_FRACTION_LEVELS, 0, -1):
        fraction = k * k / (z + 2 * k + 1 - fraction)
    return np.exp(-z) / (z + 1 - fraction)


def interpolate(values: np.ndarray, step: float, x: np.ndarray) -> np.ndarray:
    """Interpolate a smooth function between uniform nodes by polynomials of degree 5.

    Parameters
    ----------
    values : (n,) array
        The function at 0, step, 2 step, ...; n >= 6.
    step : float
        Distance of the nodes.
    x : (m,) array
        Where it is wanted, within the nodes.
    """
    place = x / step
    # Six nodes around each point, at the ends the last six.
    first = np.clip(place.astype(int) - 2, 0, len(values) - 6)
    t = place - first
    total = np.zeros_like(t)
    for j in range(6):
        others = [k for k in range(6) if k != j]
        weight = np.prod([(t - k) / (j - k) for k in others], axis=0)
        total += weight * values[first + j]
    return total
