"""The scale and fall-off of intensities alone, on a lattice that is held: see `edsym.lattice.likelihood`."""

import math

import numpy as np
from numba import njit

from edsym.lattice.elementary import SUMS, exp
from edsym.lattice.likelihood import (
    ABSENT,
    AT_ONCE,
    CLOSE,
    FALLOFF,
    FALLOFF_SPREAD,
    MOST_DAMPING,
    by_visibility,
    levels,
    log_density,
)


@njit(error_model="numpy", cache=True)
def fit_scale(points, spot, basis, wavelength, intensity, threshold, width, scale, steps):
    """Fit the scale and the fall-off of intensities alone, by Newton's steps.

    Parameters are those of `edsym.lattice.likelihood.fit_heights`.

    Returns
    -------
    scale : (2,) float64
        New c and b.
    value : float
        Logarithm of the likelihood.
    """
    columns, unseen = by_visibility(points, spot, basis)
    q, factor = columns[3], levels(spot, intensity, threshold)  # times that of exp(b q - c) in 1 / 2 m
    for p in range(len(points)):
        s = -columns[0, p] * basis[0, 2] - columns[1, p] * basis[1, 2] - columns[2, p] * basis[2, 2]
        s -= 0.5 * wavelength * (q[p] * q[p] + s * s)
        factor[p] *= 0.5 + 0.5 * (s / width) ** 2
    c, b = scale
    value, by_c, by_b, cc, cb, bb = _slopes(c, b, q, factor, unseen)
    damping = 0.0
    for _ in range(steps):
        one, other = cc * (1 + damping) + 1e-9, bb * (1 + damping) + 1e-9
        det = one * other - cb * cb
        move_c, move_b = (other * by_c - cb * by_b) / det, (one * by_b - cb * by_c) / det
        shorter = max(1.0, abs(move_c), abs(move_b))
        new_c, new_b = c + move_c / shorter, b + move_b / shorter
        new = _slopes(new_c, new_b, q, factor, unseen)
        if new[0] > value:
            gain = new[0] - value
            c, b = new_c, new_b
            value, by_c, by_b, cc, cb, bb = new
            damping /= 4
            if gain < CLOSE:
                break
        else:
            if damping > MOST_DAMPING or by_c * move_c + by_b * move_b < CLOSE:
                break
            damping = max(0.1, 8 * damping)
    return np.array([c, b]), value


@njit(error_model="numpy", cache=True)
def _slopes(c, b, q, factor, unseen):
    """Return the logarithm of the likelihood, its slopes by c and b, and minus its second ones.

    The latter without what makes it bend upwards. Of the points the first `unseen` are not seen.
    """
    value, by_c, by_b, cc, cb, bb = _slopes_of_unseen(c, b, q[:unseen], factor[:unseen])
    for p in range(unseen, len(q)):
        ratio = exp(b * q[p] - c) * factor[p]
        rest = 1 / (1 + ratio)
        value += log_density(ratio)
        slope, bend = -1 + 3 * ratio * rest, 3 * ratio * rest * rest
        by_c += slope
        by_b -= slope * q[p]
        cc += bend
        cb -= bend * q[p]
        bb += bend * q[p] * q[p]
    off = (b - FALLOFF) / FALLOFF_SPREAD
    value, by_b = value - 0.5 * off**2, by_b - off / FALLOFF_SPREAD
    return value, by_c, by_b, cc, cb, bb + 1 / FALLOFF_SPREAD**2


@njit(error_model="numpy", cache=True, fastmath=SUMS)
def _slopes_of_unseen(c, b, q, factor):
    """Return what `_slopes` does, of points that are not seen, and without what is known of b beforehand."""
    value = by_c = by_b = cc = cb = bb = 0.0
    for start in range(0, len(q), AT_ONCE):
        lengths, factors, product = q[start : start + AT_ONCE], factor[start : start + AT_ONCE], 1.0
        for p in range(len(lengths)):  # from 0 on, or numbers are fetched one by one
            ratio = exp(b * lengths[p] - c) * factors[p]
            more = 1 + ratio
            hidden = more * more - (1 - ABSENT)
            over = 1 / (more * hidden)
            rest = over * hidden
            product *= 1 - (1 - ABSENT) * rest * rest
            slope = -2 * (1 - ABSENT) * ratio * over
            bend = max(0.0, slope * (rest - 2 * ratio * more * more * over))
            by_c += slope
            by_b -= slope * lengths[p]
            cc += bend
            cb -= bend * lengths[p]
            bb += bend * lengths[p] * lengths[p]
        value += math.log(product)
    return value, by_c, by_b, cc, cb, bb
