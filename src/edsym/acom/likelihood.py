"""How likely a pattern's spots are in an orientation of a phase; it decides between orientations and phases.

Each spot is a draw among all predicted ones, by the square roots of their intensities, and lies near the
one drawn; a share of the spots are none of the phase's, and lie anywhere. That share is the likeliest of a
few. A phase that predicts many spots where there are none explains those that there are less well. What a
pattern does not show bounds the zone axis where few spots are seen, as of a single row. Faint spots count
less: those of a film's speckle are many.
"""

import numpy as np
from numba import njit

from edsym.acom.refinement import LARGEST_S, MATCHED, least_squares, match, place, turned
from edsym.acom.reflections import two_beam_intensity

BACKGROUNDS = np.array([0.05, 0.2, 0.5, 0.8])
"""Shares of the spots that may be none of the phase's."""

# Steps in radians in which the zone axis climbs.
_STEPS = np.radians(np.array([2.0, 1.0, 0.5, 0.25]))
_MOST_STEPS = 12
# Reflections that may come near the sphere while it climbs: their length times this angle in radians.
_REACH = 0.2


@njit(cache=True, nogil=True)
def log_likelihood(rotation, frame, vectors, potential, wavelength, thickness, q, trust, sigma):
    """Return the logarithm of the likelihood of spots, of positions in units of 1/Å.

    Parameters
    ----------
    rotation, frame : (3, 3), (3,) arrays
        The orientation, and the pattern's scale error and centre, as `edsym.acom.refinement.refine` returns
        them.
    vectors, potential, wavelength, thickness, q, sigma
        As it takes them.
    trust : (n,) array
        Weight of the logarithm of each spot, 0 to 1.
    """
    n = len(q)
    density, total = np.zeros(n), 0.0
    longest = np.sqrt((q * q).sum(axis=1).max())
    reach = MATCHED * sigma
    for g in range(len(vectors)):
        x, y, s = place(rotation, frame, vectors[g], wavelength)
        if abs(s) > LARGEST_S or x * x + y * y > (longest + reach) ** 2:
            continue
        weight = np.sqrt(two_beam_intensity(potential[g], s, wavelength, thickness))
        total += weight
        for i in range(n):
            distance = (q[i, 0] - x) ** 2 + (q[i, 1] - y) ** 2
            if distance < reach * reach:
                density[i] += weight * np.exp(-0.5 * distance / sigma**2)
    density /= 2 * np.pi * sigma**2 * max(total, 1e-12)
    best = -np.inf
    for background in BACKGROUNDS:
        mixed = (1 - background) * density + background / (np.pi * longest**2)
        best = max(best, (trust * np.log(mixed)).sum())
    return best


@njit(cache=True, nogil=True)
def climb(rotation, frame, vectors, potential, wavelength, thickness, q, weight, trust, sigma):
    """Return orientation, frame and logarithm of the likelihood where it is largest near an orientation.

    The zone axis goes in four directions in ever smaller steps; then the angle about the beam is fitted
    again. Parameters are those of `log_likelihood` and `edsym.acom.refinement.refine`.
    """
    length = np.sqrt((vectors * vectors).sum(axis=1))
    s = -(vectors @ rotation[2]) - 0.5 * wavelength * length**2
    near = np.abs(s) < LARGEST_S + _REACH * length
    vectors, potential = vectors[near], potential[near]
    best = log_likelihood(rotation, frame, vectors, potential, wavelength, thickness, q, trust, sigma)
    for step in _STEPS:
        for _ in range(_MOST_STEPS):
            start = rotation
            for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                tried = turned(start, step * x, step * y, 0.0)
                value = log_likelihood(
                    tried, frame, vectors, potential, wavelength, thickness, q, trust, sigma
                )
                if value > best:
                    best, rotation = value, tried
            if rotation is start:
                break
    which, _, _ = match(rotation, frame, vectors, potential, wavelength, thickness, q, MATCHED * sigma)
    fitted, its_frame = least_squares(rotation, vectors, wavelength, q, weight, which, sigma, 0.0)
    value = log_likelihood(fitted, its_frame, vectors, potential, wavelength, thickness, q, trust, sigma)
    if value > best:
        return fitted, its_frame, value
    return rotation, frame, best


@njit(cache=True, nogil=True)
def correlation_score(there, elsewhere, intensity, power):
    """Return the cosine, 0 to 1, between powers of measured and of predicted intensities.

    Spots that nothing predicts and predictions without a spot lower it.

    Parameters
    ----------
    there, elsewhere : arrays
        As `edsym.acom.refinement.match` returns them.
    intensity : (n,) array
        Of the spots.
    power : float
        The power.
    """
    product = seen = predicted = 0.0
    for i in range(len(there)):
        product += (there[i] * intensity[i]) ** power
        predicted += there[i] ** (2 * power)
        seen += intensity[i] ** (2 * power)
    for value in elsewhere:
        predicted += value ** (2 * power)
    return product / np.sqrt(seen * predicted) if predicted > 0 else 0.0
