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
# A product of probabilities is taken the logarithm of before it is too small a number.
_SMALL = 1e-200
# Gain of a step in the logarithm of the likelihood at which nothing more is to be won; largest damping.
_CLOSE, _MOST_DAMPING = 1e-3, 1e4
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
def fit_heights(points, spot, basis, wavelength, intensity, threshold, width, scale, steps):
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
    q = lengths_in_plane(points, basis)
    here = np.empty(5)
    here[:3], here[3:] = basis[:, 2], scale
    value, gradient, curvature = _gradient(here, points, spot, q, wavelength, intensity, threshold, width)
    damping = 0.1
    for _ in range(steps):
        damped = curvature.copy()
        for i in range(5):
            damped[i, i] += damping * damped[i, i] + 1e-9
        move = solve(damped, gradient.reshape(5, 1))[:, 0]
        # No step is longer than the likelihood is smooth.
        there = here + move / max(1.0, np.abs(move[:3]).max() / 0.02, np.abs(move[3:]).max())
        new, slope, bend = _gradient(there, points, spot, q, wavelength, intensity, threshold, width)
        if new > value:
            gain = new - value
            here, value, gradient, curvature = there, new, slope, bend
            damping = max(0.01, damping / 4)
            if gain < _CLOSE:
                break
        else:
            damping *= 8
            if damping > _MOST_DAMPING:
                break
    result = basis.copy()
    result[:, 2] = here[:3]
    return result, here[3:], value, curvature


@njit(error_model="numpy", cache=True)
def lengths_in_plane(points, basis):
    """Return the lengths (m,) of lattice points (m, 3) as the detector shows them, in 1/Å."""
    q = np.empty(len(points))
    for p in range(len(points)):
        x, y, _ = combined(points[p], basis)
        q[p] = math.sqrt(x * x + y * y)
    return q


@njit(error_model="numpy", cache=True)
def _gradient(parameters, points, spot, q, wavelength, intensity, threshold, width):
    """Return the logarithm of the likelihood, its gradient and the sum of the points' squared gradients."""
    c, b = parameters[3], parameters[4]
    value, unseen = -0.5 * ((b - FALLOFF) / FALLOFF_SPREAD) ** 2, 1.0
    half = 0.5 / (width * width)
    # Sums by h, k, l, c and b; one division a point, since divisions take most of the time.
    by_h = by_k = by_l = by_c = by_b = 0.0
    hh = kk = ll = hk = hl = kl = 0.0
    ch = ck = cl = bh = bk = bl = 0.0
    cc = cb = bb = 0.0
    for p in range(len(points)):
        h, k, l, length = points[p, 0], points[p, 1], points[p, 2], q[p]  # noqa: E741
        depth = h * parameters[0] + k * parameters[1] + l * parameters[2]
        s = -depth - 0.5 * wavelength * (length * length + depth * depth)
        square = width * width + s * s
        by_mean = math.exp(b * length - c) * square * half  # 1 / 2 m
        if spot[p] >= 0:
            ratio = intensity[spot[p]] * by_mean
            over = 1 / ((1 + ratio) * square)
            rest = over * square  # 1 / (1 + I / 2 m)
            value += math.log((1 - ABSENT) * 2 * ratio * rest * rest * rest)
            mine = -1 + 3 * ratio * rest
            tilt = 2 * s * over * (1 + ratio)
        else:
            ratio = threshold * by_mean
            more = 1 + ratio
            hidden = more * more - (1 - ABSENT)
            over = 1 / (more * hidden * square)
            rest = over * hidden * square
            unseen *= 1 - (1 - ABSENT) * rest * rest
            if unseen < _SMALL:  # one logarithm for many points
                value += math.log(unseen)
                unseen = 1.0
            mine = -2 * (1 - ABSENT) * ratio * over * square
            tilt = 2 * s * over * more * hidden
        deep, far = mine * tilt * (1 + wavelength * depth), -mine * length
        by_h += deep * h
        by_k += deep * k
        by_l += deep * l
        by_c += mine
        by_b += far
        two, one, other = deep * deep, deep * mine, deep * far
        hh += two * h * h
        kk += two * k * k
        ll += two * l * l
        hk += two * h * k
        hl += two * h * l
        kl += two * k * l
        ch += one * h
        ck += one * k
        cl += one * l
        bh += other * h
        bk += other * k
        bl += other * l
        cc += mine * mine
        cb += mine * far
        bb += far * far
    by_b -= (b - FALLOFF) / FALLOFF_SPREAD**2
    bb += 1 / FALLOFF_SPREAD**2
    gradient, curvature = np.empty(5), np.empty((5, 5))
    for i, slope in enumerate((by_h, by_k, by_l, by_c, by_b)):
        gradient[i] = slope
    for i, row in enumerate(
        (
            (hh, hk, hl, ch, bh),
            (hk, kk, kl, ck, bk),
            (hl, kl, ll, cl, bl),
            (ch, ck, cl, cc, cb),
            (bh, bk, bl, cb, bb),
        )
    ):
        for j in range(5):
            curvature[i, j] = row[j]
    return value + math.log(unseen), gradient, curvature


@njit(error_model="numpy", cache=True)
def fit_scale(points, spot, basis, wavelength, intensity, threshold, width, scale, steps):
    """Fit the scale and the fall-off of intensities alone, by Newton's steps.

    Parameters are those of `fit_heights`.

    Returns
    -------
    scale : (2,) float64
        New c and b.
    value : float
        Logarithm of the likelihood.
    """
    q = lengths_in_plane(points, basis)
    level = np.empty(len(points))  # 1 / 2 m by excitation errors alone
    for p in range(len(points)):
        s = -combined(points[p], basis)[2]
        s -= 0.5 * wavelength * (q[p] * q[p] + s * s)
        level[p] = 0.5 + 0.5 * (s / width) ** 2
    c, b = scale
    value, by_c, by_b, cc, cb, bb = _slopes_of_scale(c, b, q, level, spot, intensity, threshold)
    damping = 0.0
    for _ in range(steps):
        one, other = cc * (1 + damping) + 1e-9, bb * (1 + damping) + 1e-9
        det = one * other - cb * cb
        move_c, move_b = (other * by_c - cb * by_b) / det, (one * by_b - cb * by_c) / det
        shorter = max(1.0, abs(move_c), abs(move_b))
        new_c, new_b = c + move_c / shorter, b + move_b / shorter
        new = _slopes_of_scale(new_c, new_b, q, level, spot, intensity, threshold)
        if new[0] > value:
            gain = new[0] - value
            c, b = new_c, new_b
            value, by_c, by_b, cc, cb, bb = new
            damping /= 4
            if gain < _CLOSE:
                break
        else:
            if damping > _MOST_DAMPING or by_c * move_c + by_b * move_b < _CLOSE:
                break
            damping = max(0.1, 8 * damping)
    return np.array([c, b]), value


@njit(error_model="numpy", cache=True)
def _slopes_of_scale(c, b, q, level, spot, intensity, threshold):
    """Return the logarithm of the likelihood, its slopes by c and b, and minus its second ones.

    The latter without what makes it bend upwards.
    """
    value, unseen = -0.5 * ((b - FALLOFF) / FALLOFF_SPREAD) ** 2, 1.0
    by_c, by_b = 0.0, -(b - FALLOFF) / FALLOFF_SPREAD**2
    cc, cb, bb = 0.0, 0.0, 1 / FALLOFF_SPREAD**2
    for p in range(len(q)):
        by_mean = math.exp(b * q[p] - c) * level[p]
        if spot[p] >= 0:
            ratio = intensity[spot[p]] * by_mean
            rest = 1 / (1 + ratio)
            value += math.log((1 - ABSENT) * 2 * ratio * rest * rest * rest)
            slope, bend = -1 + 3 * ratio * rest, 3 * ratio * rest * rest
        else:
            ratio = threshold * by_mean
            more = 1 + ratio
            hidden = more * more - (1 - ABSENT)
            over = 1 / (more * hidden)
            rest = over * hidden
            unseen *= 1 - (1 - ABSENT) * rest * rest
            if unseen < _SMALL:
                value += math.log(unseen)
                unseen = 1.0
            slope = -2 * (1 - ABSENT) * ratio * over
            bend = max(0.0, slope * (rest - 2 * ratio * more * more * over))
        by_c += slope
        by_b -= slope * q[p]
        cc += bend
        cb -= bend * q[p]
        bb += bend * q[p] * q[p]
    return value + math.log(unseen), by_c, by_b, cc, cb, bb
