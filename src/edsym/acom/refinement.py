"""An orientation between those of the templates, by least squares on matched spots.

A reflection g of the crystal is predicted at (1 + m) (R g)_xy + c with the scale error m and the centre c of
the pattern. Positions tell the angle about the beam; the zone axis is told by the excitation errors s, which
are small for what is seen. So the squares of the distances between spots and predictions, in units of one
uncertainty, are summed with those of s, in units of another, each weighted by the spot. Small rotations, m
and c are found by solving the linear equations, again and again with narrower bounds.
"""

import numpy as np
from numba import njit

from edsym.acom.reflections import two_beam_intensity

MATCHED = 4.0
"""Distance from a prediction, in standard deviations of a position, up to which a spot is matched."""
LARGEST_S = 0.06
"""Excitation error in 1/Å up to which a reflection is looked at."""

# Of each round: distance up to which spots are matched, in units of `MATCHED`, and uncertainty of s in 1/Å.
_ROUNDS = ((3.0, 0.03), (2.0, 0.02), (1.5, 0.015), (1.0, 0.01), (1.0, 0.01))
# Uncertainties of the scale, as a share, and of the centre, in standard deviations of a position.
_SCALE, _CENTRE = 0.01, 1.0
# Of a small rotation in radians, where nothing else tells it.
_FREE, _HELD = 0.1, 1e-4


@njit(cache=True, nogil=True)
def refine(rotation, vectors, potential, wavelength, thickness, q, weight, sigma):
    """Return the orientation that fits a pattern best near a given one.

    Parameters
    ----------
    rotation : (3, 3) array
        Rows are the laboratory's axes in the crystal frame.
    vectors, potential, wavelength, thickness
        The reflections, as in `edsym.acom.reflections.Reflections`.
    q, weight : (n, 2), (n,) arrays
        Positions in 1/Å and weights of the spots.
    sigma : float
        Standard deviation of a coordinate of a spot in 1/Å.

    Returns
    -------
    rotation : (3, 3) array
        Refined.
    frame : (3,) array
        The scale error m, and the centre c in 1/Å.
    """
    frame = np.zeros(3)
    for share, s_error in _ROUNDS:
        tolerance = share * MATCHED * sigma
        which, _, _ = match(rotation, frame, vectors, potential, wavelength, thickness, q, tolerance)
        rotation, frame = least_squares(rotation, vectors, wavelength, q, weight, which, sigma, s_error)
    return rotation, frame


@njit(cache=True, nogil=True)
def least_squares(rotation, vectors, wavelength, q, weight, which, sigma, s_error):
    """Return orientation and frame, as `refine` does, after one step with spots that are matched.

    Without an uncertainty of s (0) the zone axis stays.
    """
    normal, right, rows, values = np.zeros((6, 6)), np.zeros(6), np.zeros((3, 6)), np.zeros(3)
    usual = weight.mean()
    for k in range(3):
        normal[k, k] = usual / (_FREE if s_error > 0 or k == 2 else _HELD) ** 2
        normal[k + 3, k + 3] = usual / (_SCALE if k == 0 else _CENTRE * sigma) ** 2
    for i in range(len(q)):
        if which[i] < 0:
            continue
        gx, gy, gz = vectors[which[i]]
        x = rotation[0, 0] * gx + rotation[0, 1] * gy + rotation[0, 2] * gz
        y = rotation[1, 0] * gx + rotation[1, 1] * gy + rotation[1, 2] * gz
        z = rotation[2, 0] * gx + rotation[2, 1] * gy + rotation[2, 2] * gz
        # Turned by small angles ω, (x, y, z) moves by ω × (x, y, z), and s by the last of it, negative.
        rows[:] = 0
        rows[0, 1], rows[0, 2], rows[0, 3], rows[0, 4] = z, -y, x, 1
        rows[1, 0], rows[1, 2], rows[1, 3], rows[1, 5] = -z, x, y, 1
        rows[2, 0], rows[2, 1] = -y, x
        values[0], values[1] = q[i, 0] - x, q[i, 1] - y
        values[2] = z + 0.5 * wavelength * (x * x + y * y + z * z)
        for k in range(3 if s_error > 0 else 2):
            factor = weight[i] / (sigma if k < 2 else s_error) ** 2
            for m in range(6):
                right[m] += factor * rows[k, m] * values[k]
                for n in range(6):
                    normal[m, n] += factor * rows[k, m] * rows[k, n]
    found = np.linalg.solve(normal, right)
    return turned(rotation, found[0], found[1], found[2]), found[3:]


@njit(cache=True, nogil=True)
def turned(rotation, x, y, z):
    """Return an orientation turned by a vector of radians along the laboratory's axes (Rodrigues)."""
    angle = np.sqrt(x * x + y * y + z * z)
    if angle < 1e-12:
        return rotation.copy()
    k = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]]) / angle
    return (np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * (k @ k)) @ rotation


@njit(cache=True, nogil=True)
def match(rotation, frame, vectors, potential, wavelength, thickness, q, tolerance):
    """Return which reflection each spot is, and what is predicted there and where there is no spot.

    Parameters
    ----------
    rotation, frame
        As `refine` returns them.
    vectors, potential, wavelength, thickness, q
        As `refine` takes them.
    tolerance : float
        Distance in 1/Å up to which a spot is one that is predicted.

    Returns
    -------
    which : (n,) int64
        The brightest reflection within the tolerance whose nearest spot this one is; -1 where there is none.
    there : (n,) float64
        Intensities predicted for the spots.
    elsewhere : (k,) float64
        Intensities of reflections that have no spot.
    """
    n = len(q)
    which, there, brightest = np.full(n, -1), np.zeros(n), np.zeros(n)
    elsewhere, k = np.empty(len(vectors)), 0
    longest = (np.sqrt((q * q).sum(axis=1).max()) + tolerance) ** 2
    for g in range(len(vectors)):
        x, y, s = place(rotation, frame, vectors[g], wavelength)
        if abs(s) > LARGEST_S or x * x + y * y > longest:
            continue
        intensity = two_beam_intensity(potential[g], s, wavelength, thickness)
        nearest, at = tolerance * tolerance, -1
        for i in range(n):
            distance = (q[i, 0] - x) ** 2 + (q[i, 1] - y) ** 2
            if distance < nearest:
                nearest, at = distance, i
        if at < 0:
            elsewhere[k] = intensity
            k += 1
            continue
        there[at] += intensity
        if intensity > brightest[at]:
            brightest[at], which[at] = intensity, g
    return which, there, elsewhere[:k]


@njit(inline="always")
def place(rotation, frame, vector, wavelength):
    """Return where a reflection is predicted (x, y) and its excitation error, in 1/Å."""
    gx, gy, gz = vector
    x = rotation[0, 0] * gx + rotation[0, 1] * gy + rotation[0, 2] * gz
    y = rotation[1, 0] * gx + rotation[1, 1] * gy + rotation[1, 2] * gz
    z = rotation[2, 0] * gx + rotation[2, 1] * gy + rotation[2, 2] * gz
    s = -z - 0.5 * wavelength * (gx * gx + gy * gy + gz * gz)
    return x * (1 + frame[0]) + frame[1], y * (1 + frame[0]) + frame[2], s
