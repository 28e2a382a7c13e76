"""How likely a pattern is for a lattice: every lattice point near the Ewald sphere counts, seen or not.

A point with the excitation error s has the expected intensity
m = exp(c - b q) / (1 + (s / w)²); its intensity I has the density (1 + I / ν m)^-(ν + 1) / m about it, a mean
of exponential ones (Wilson's) over gamma-distributed m, since cells differ from one reflection to the next.
A point that is not seen was below the threshold, or is absent, with the probability p₀.
"""

import math

import numpy as np
from numba import njit

from edsym.lattice.elementary import SUMS, exp
from edsym.lattice.linear import combined, solve

# Fitted to simulated patterns of development materials (300 kV, 200 Å): docs/lattice.md.
WIDTH = 0.0013
"""w, in 1/Å."""
FALLOFF, FALLOFF_SPREAD = 2.4, 0.6
"""b and the standard deviation of its normal distribution, in Å."""
ABSENT = 0.18
"""p₀: extinct, lost or too weak."""
AT_ONCE = 256
"""Probabilities, each `ABSENT` or more, of whose product the logarithm is taken: it is above 1e-191."""
CLOSE, MOST_DAMPING = 1e-3, 1e4
"""Gain of a step in the logarithm of the likelihood at which nothing more is to be won; largest damping."""
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
    columns, unseen = by_visibility(points, spot, basis)
    level = levels(spot, intensity, threshold)
    here = np.empty(5)
    here[:3], here[3:] = basis[:, 2], scale
    at = columns, unseen, level, wavelength, width
    value, gradient, curvature = _gradient(here, *at)
    damping = 0.1
    for _ in range(steps):
        damped = curvature.copy()
        for i in range(5):
            damped[i, i] += damping * damped[i, i] + 1e-9
        move = solve(damped, gradient.reshape(5, 1))[:, 0]
        # No step is longer than the likelihood is smooth.
        there = here + move / max(1.0, np.abs(move[:3]).max() / 0.02, np.abs(move[3:]).max())
        new, slope, bend = _gradient(there, *at)
        if new > value:
            gain = new - value
            here, value, gradient, curvature = there, new, slope, bend
            damping = max(0.01, damping / 4)
            if gain < CLOSE:
                break
        else:
            damping *= 8
            if damping > MOST_DAMPING:
                break
    result = basis.copy()
    result[:, 2] = here[:3]
    return result, here[3:], value, curvature


@njit(error_model="numpy", cache=True)
def by_visibility(points, spot, basis):
    """Return h, k, l and the length in the plane (1/Å) of points (4, m), and how many are not seen.

    Those that are not seen come first.
    """
    unseen = 0
    for p in range(len(points)):
        unseen += spot[p] < 0
    columns, hidden, shown = np.empty((4, len(points))), 0, unseen
    for p in range(len(points)):
        if spot[p] < 0:
            at, hidden = hidden, hidden + 1
        else:
            at, shown = shown, shown + 1
        x, y, _ = combined(points[p], basis)
        columns[0, at], columns[1, at], columns[2, at] = points[p]
        columns[3, at] = math.sqrt(x * x + y * y)
    return columns, unseen


@njit(error_model="numpy", cache=True)
def levels(spot, intensity, threshold):
    """Return what each point's 2 m is compared with (m,), in their order: the threshold, or its intensity."""
    found = np.full(len(spot), threshold)
    shown = len(spot)
    for p in range(len(spot) - 1, -1, -1):
        if spot[p] >= 0:
            shown -= 1
            found[shown] = intensity[spot[p]]
    return found


@njit(error_model="numpy", cache=True)
def _gradient(parameters, columns, unseen, level, wavelength, width):
    """Return the logarithm of the likelihood, its gradient and the sum of the points' squared gradients.

    Parameters
    ----------
    parameters : (5,) float64
        Three heights, c and b.
    columns : (4, m) float64
        Of points, see `by_visibility`, of which the first `unseen` are not seen.
    level : (m,) float64
        See `levels`.
    """
    value, gradient, curvature = _summed(parameters, columns, unseen, level, wavelength, width)
    for p in range(unseen, len(level)):
        q = columns[3, p]
        depth = columns[0, p] * parameters[0] + columns[1, p] * parameters[1] + columns[2, p] * parameters[2]
        s = -depth - 0.5 * wavelength * (q * q + depth * depth)
        ratio = level[p] * exp(parameters[4] * q - parameters[3]) * (0.5 + 0.5 * (s / width) ** 2)  # I / 2 m
        value += log_density(ratio)
    off = (parameters[4] - FALLOFF) / FALLOFF_SPREAD
    gradient[4] -= off / FALLOFF_SPREAD
    curvature[4, 4] += 1 / FALLOFF_SPREAD**2
    return value - 0.5 * off**2, gradient, curvature


@njit(error_model="numpy", cache=True)
def log_density(ratio):
    """Return the logarithm of the density of the logarithm of an intensity I, by I / 2 m."""
    rest = 1 / (1 + ratio)
    return math.log((1 - ABSENT) * 2 * ratio * rest * rest * rest)


@njit(error_model="numpy", cache=True, fastmath=SUMS)
def _summed(parameters, columns, unseen, level, wavelength, width):
    """Return what `_gradient` does, but the value of points that are not seen alone, whatever b is."""
    at_h, at_k, at_l, scale, falloff = parameters
    value, half, narrow = 0.0, 0.5 / (width * width), width * width
    by_h = by_k = by_l = by_c = by_b = 0.0
    hh = kk = ll = hk = hl = kl = 0.0
    ch = ck = cl = bh = bk = bl = 0.0
    cc = cb = bb = 0.0
    for start in range(0, len(level), AT_ONCE):
        stop, hidden_here, product = start + AT_ONCE, unseen - start, 1.0
        h, k, l = columns[0, start:stop], columns[1, start:stop], columns[2, start:stop]  # noqa: E741
        q, compared = columns[3, start:stop], level[start:stop]
        for p in range(len(q)):  # from 0 on, or numbers are fetched one by one
            depth = h[p] * at_h + k[p] * at_k + l[p] * at_l
            s = -depth - 0.5 * wavelength * (q[p] * q[p] + depth * depth)
            square = narrow + s * s
            ratio = compared[p] * exp(falloff * q[p] - scale) * square * half
            more = 1 + ratio
            hidden = more * more - (1 - ABSENT)
            over = 1 / (more * hidden * square)  # one division a point, since divisions take long
            rest = over * hidden * square  # 1 / more
            product *= 1 - (1 - ABSENT) * rest * rest if p < hidden_here else 1.0
            on_c = -2 * (1 - ABSENT) * ratio * over * square if p < hidden_here else -1 + 3 * ratio * rest
            deep = on_c * 2 * s * over * more * hidden * (1 + wavelength * depth)
            on_h, on_k, on_l, on_b = deep * h[p], deep * k[p], deep * l[p], -on_c * q[p]
            by_h += on_h
            by_k += on_k
            by_l += on_l
            by_c += on_c
            by_b += on_b
            hh += on_h * on_h
            kk += on_k * on_k
            ll += on_l * on_l
            hk += on_h * on_k
            hl += on_h * on_l
            kl += on_k * on_l
            ch += on_c * on_h
            ck += on_c * on_k
            cl += on_c * on_l
            bh += on_b * on_h
            bk += on_b * on_k
            bl += on_b * on_l
            cc += on_c * on_c
            cb += on_c * on_b
            bb += on_b * on_b
        value += math.log(product)
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
    return value, gradient, curvature
