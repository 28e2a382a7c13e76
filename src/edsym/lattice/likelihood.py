"""How likely a pattern is for a lattice: every lattice point near the Ewald sphere counts, seen or not.

A point with the excitation error s has the expected intensity
m = exp(c - b q) / (1 + (s / w)²); its intensity I has the density (1 + I / ν m)^-(ν + 1) / m about it, a mean
of exponential ones (Wilson's) over gamma-distributed m, since cells differ from one reflection to the next.
A point that is not seen was below the threshold, or is absent, with the probability p₀.
"""

import math

import numpy as np
from numba import njit

from edsym.lattice.linear import combined, solve

# Fitted to simulated patterns of development materials (300 kV, 200 Å): docs/lattice.md.
WIDTH = 0.0013
"""w, in 1/Å."""
FALLOFF, FALLOFF_SPREAD = 2.4, 0.6
"""b and the standard deviation of its normal distribution, in Å."""
ABSENT = 0.18
"""p₀: extinct, lost or too weak."""
# ν is 2: its powers are products.


def first_scale(q, intensity) -> np.ndarray:
    """Return c and b as the brightest tenth of the spots (n,) suggests them: these lie on the sphere."""
    level = np.sort(np.log(intensity) + FALLOFF * q)
    return np.array([level[len(level) - 1 - len(level) // 10] - 0.7, FALLOFF])


def spreads(q, intensity) -> np.ndarray:
    """Return the standard deviations (n,) of excitation errors in 1/Å, from lengths and intensities alone."""
    ratio = np.exp(first_scale(q, intensity)[0] - FALLOFF * q) / intensity
    return np.clip(WIDTH * np.sqrt(ratio + 0.3), 0.0015, 0.04)


@njit(error_model="numpy", cache=True)
def fit_heights(points, spot, basis, wavelength, intensity, threshold, width, scale, steps, free):
    """Fit the heights of a basis, and the scale and fall-off of intensities, to a pattern.

    Steps are those of Berndt, Hall, Hall and Hausman (1974): the curvature is the sum of the squares of the
    points' gradients; they are damped where the likelihood falls.

    Parameters
    ----------
    points : (m, 3) float64
        Indices of all points that could show.
    spot : (m,) int64
        The spot of each, or -1.
    basis : (3, 3) float64
        Start; the plane's components stay.
    wavelength : float
        In Å.
    intensity : (n,) float64
        Of the spots.
    threshold : float
        Least intensity that is seen.
    width : float
        w, in 1/Å.
    scale : (2,) float64
        Start of c and b.
    steps : int
        How many at most.
    free : bool
        Whether the heights are fitted, or the scale and fall-off alone.

    Returns
    -------
    basis : (3, 3) float64
        With new heights.
    scale : (2,) float64
        New c and b.
    value : float
        Logarithm of the likelihood.
    curvature : (5, 5) float64
        Of minus that, about three heights, c and b.
    """
    square = np.empty(len(points))
    for p in range(len(points)):
        x, y, _ = combined(points[p], basis)
        square[p] = x * x + y * y
    here = np.empty(5)
    here[:3], here[3:] = basis[:, 2], scale
    value, gradient, curvature = _gradient(
        here, points, spot, square, wavelength, intensity, threshold, width
    )
    damping = 0.1
    for _ in range(steps):
        damped = curvature.copy()
        for i in range(5):
            damped[i, i] += damping * damped[i, i] + 1e-9
        if not free:
            damped[:3] = damped[:, :3] = 0
        move = solve(damped, gradient.reshape(5, 1))[:, 0]
        # No step is longer than the likelihood is smooth.
        there = here + move / max(1.0, np.abs(move[:3]).max() / 0.02, np.abs(move[3:]).max())
        new, slope, bend = _gradient(there, points, spot, square, wavelength, intensity, threshold, width)
        if new > value:
            gain = new - value
            here, value, gradient, curvature = there, new, slope, bend
            damping = max(0.01, damping / 4)
            if gain < 1e-3:
                break
        else:
            damping *= 8
            if damping > 1e4:
                break
    result = basis.copy()
    result[:, 2] = here[:3]
    return result, here[3:], value, curvature


@njit(error_model="numpy", cache=True)
def _gradient(parameters, points, spot, square, wavelength, intensity, threshold, width):
    """Return the logarithm of the likelihood, its gradient and the sum of the points' squared gradients."""
    gradient, curvature = np.zeros(5), np.zeros((5, 5))
    slope = np.empty(5)
    c, b = parameters[3], parameters[4]
    value = -0.5 * ((b - FALLOFF) / FALLOFF_SPREAD) ** 2
    gradient[4] = -(b - FALLOFF) / FALLOFF_SPREAD**2
    curvature[4, 4] = 1 / FALLOFF_SPREAD**2
    for p in range(len(points)):
        depth = points[p, 0] * parameters[0] + points[p, 1] * parameters[1] + points[p, 2] * parameters[2]
        s = -depth - 0.5 * wavelength * (square[p] + depth * depth)
        q = math.sqrt(square[p])
        mean = math.exp(c - b * q) / (1 + (s / width) ** 2)
        if spot[p] >= 0:
            ratio = intensity[spot[p]] / (2 * mean)
            value += math.log((1 - ABSENT) * 2 * ratio) - 3 * math.log(1 + ratio)
            by_mean = -1 + 3 * ratio / (1 + ratio)
        else:
            ratio = threshold / (2 * mean)
            shown = (1 - ABSENT) / (1 + ratio) ** 2
            value += math.log(1 - shown)
            by_mean = -2 * shown * ratio / (1 + ratio) / (1 - shown)
        by_error = by_mean * -2 * s / (width**2 + s * s)
        factor = -by_error * (1 + wavelength * depth)
        for i in range(3):
            slope[i] = factor * points[p, i]
        slope[3], slope[4] = by_mean, -by_mean * q
        for i in range(5):
            gradient[i] += slope[i]
            for j in range(5):
                curvature[i, j] += slope[i] * slope[j]
    return value, gradient, curvature
