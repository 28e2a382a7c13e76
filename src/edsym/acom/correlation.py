"""The correlation of a pattern with all templates and all angles about the beam, compiled and sparse.

The pattern becomes the polar image of Ophus et al. (2022, equation 6),

    I(q, φ) = Σ_e w_e max(0, 1 - sqrt((|q_e| - q)² + q² (φ_e - φ)²) / δ),

on the shells of the templates, and the correlation with a template of points (q_t, φ_t) turned by γ is
C(γ) = Σ_t w_t I(q_t, φ_t + γ). As the image is zero nearly everywhere, its other values are listed shell by
shell, and each is added where it belongs. The mirror image of a template has -φ_t.
"""

import numpy as np
from numba import njit

from edsym.acom.templates import BINS, SHELL


@njit(cache=True, nogil=True)
def polar_image(radius, azimuth, weight, shells, delta):
    """Return the polar image of a pattern, by shells.

    Parameters
    ----------
    radius, azimuth, weight : (n,) arrays
        Of the spots, in 1/Å and radians.
    shells : int
        Number of shells.
    delta : float
        Distance in 1/Å at which a spot has faded.

    Returns
    -------
    offset : (shells + 1,) int64
        Shell s has the values ``offset[s]`` to ``offset[s + 1]``.
    angle : (m,) int32
        Their azimuths in steps of 360° / `BINS`.
    value : (m,) float32
        The values, above 0.
    """
    step = 2 * np.pi / BINS
    image = np.zeros((shells, BINS), np.float32)
    for i in range(len(radius)):
        first = max(1, int(np.ceil((radius[i] - delta) / SHELL)))
        last = min(shells - 1, int(np.floor((radius[i] + delta) / SHELL)))
        for s in range(first, last + 1):
            q = s * SHELL
            rest = delta * delta - (radius[i] - q) ** 2
            if rest <= 0:
                continue
            half = min(np.sqrt(rest) / q, np.pi)
            low, high = int(np.ceil((azimuth[i] - half) / step)), int(np.floor((azimuth[i] + half) / step))
            for a in range(low, min(high, low + BINS - 1) + 1):
                away = q * (azimuth[i] - a * step)
                share = 1 - np.sqrt((radius[i] - q) ** 2 + away * away) / delta
                if share > 0:
                    image[s, a % BINS] += weight[i] * share
    offset = np.zeros(shells + 1, np.int64)
    for s in range(shells):
        offset[s + 1] = offset[s] + np.count_nonzero(image[s])
    angle, value = np.empty(offset[-1], np.int32), np.empty(offset[-1], np.float32)
    n = 0
    for s in range(shells):
        for a in range(BINS):
            if image[s, a] != 0:
                angle[n], value[n] = a, image[s, a]
                n += 1
    return offset, angle, value


@njit(cache=True, nogil=True)
def correlate(image_offset, image_angle, image_value, offset, shell, angle, weight):
    """Return how well every template agrees with a pattern, at its best angle.

    Parameters
    ----------
    image_offset, image_angle, image_value : arrays
        A polar image, as `polar_image` returns it.
    offset, shell, angle, weight : arrays
        The templates, as in `edsym.acom.templates.Templates`.

    Returns
    -------
    best : (T, 2) float32
        The largest correlation of each template and of its mirror image.
    turn : (T, 2) int32
        The angle about the beam of each, in steps of 360° / `BINS`.
    """
    n, shells = len(offset) - 1, len(image_offset) - 1
    best, turn = np.zeros((n, 2), np.float32), np.zeros((n, 2), np.int32)
    # Twice as long as the circle: an angle needs no division.
    straight, mirrored = np.empty(2 * BINS, np.float32), np.empty(2 * BINS, np.float32)
    for t in range(n):
        straight[:], mirrored[:] = 0, 0
        for p in range(offset[t], offset[t + 1]):
            if shell[p] >= shells:
                continue
            a, w = angle[p], weight[p]
            for i in range(image_offset[shell[p]], image_offset[shell[p] + 1]):
                add = w * image_value[i]
                straight[image_angle[i] - a + BINS] += add
                mirrored[image_angle[i] + a] += add
        for k, sums in enumerate((straight, mirrored)):
            for a in range(BINS):
                value = sums[a] + sums[a + BINS]
                if value > best[t, k]:
                    best[t, k], turn[t, k] = value, a
    return best, turn


@njit(cache=True, nogil=True)
def distinct_best(best, turn, orientations, rotations, most, angle):
    """Return the orientations of the largest correlations, no two of them closer than an angle.

    Parameters
    ----------
    best, turn : (T, 2) arrays
        As `correlate` returns them.
    orientations : (T, 3, 3) array
        Those of the templates.
    rotations : (m, 3, 3) array
        Of the Laue class.
    most : int
        Largest number of orientations.
    angle : float
        In radians.

    Returns
    -------
    (k, 3, 3) array
        By decreasing correlation.
    """
    found, n = np.empty((most, 3, 3)), 0
    values = best.copy().ravel()
    for _ in range(4 * most):
        place = np.argmax(values)
        if values[place] <= 0 or n == most:
            break
        values[place] = 0
        t, k = place // 2, place % 2
        turned = turn[t, k] * 2 * np.pi / BINS
        c, s = np.cos(turned), np.sin(turned)
        x, y, z = orientations[t]
        if k == 1:  # the mirror image, y to -y, of the inverted crystal
            x, z = -x, -z
        found[n, 0], found[n, 1], found[n, 2] = c * x - s * y, s * x + c * y, z
        near = False
        for i in range(n):
            near = near or angle_between(found[i], found[n], rotations) < angle
        n += not near
    return found[:n]


@njit(cache=True, nogil=True)
def angle_between(first, second, rotations):
    """Return the smallest angle in radians between an orientation and the equivalents of another."""
    between = second.T @ first
    largest = -1.0
    for m in range(len(rotations)):
        trace = 0.0
        for i in range(3):
            for j in range(3):
                trace += between[i, j] * rotations[m, i, j]
        largest = max(largest, trace)
    return np.arccos(min(1.0, max(-1.0, (largest - 1) / 2)))
