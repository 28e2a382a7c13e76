"""Random numbers that are functions of a key and a place, so that no order of drawing matters.

Each is an output of the generator SplitMix64 (G. L. Steele et al., OOPSLA 2014, doi:10.1145/2660193.2660195),
whose n-th number is a hash of its state n steps on. What one spot draws is the same whatever the others do,
and the same numbers serve an effect whatever its size: two detectors that differ in one quantity differ in
that alone.
"""

import math

import numpy as np
from numba import njit

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_MANY = 50.0
_HALF_STEP = 2.0**-53


@njit(cache=True, nogil=True)
def key_of(key, place):
    """Return the random number at a place of a key as 64 bits: a key of its own."""
    z = key + _STEP * (np.uint64(place) + np.uint64(1))
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))


@njit(cache=True, nogil=True)
def uniform(key, place):
    """Return a number between 0 and 1, neither of them included."""
    return np.float64(key_of(key, place) >> np.uint64(12)) * (2.0 * _HALF_STEP) + _HALF_STEP


@njit(cache=True, nogil=True)
def normal_pair(key, place):
    """Return two independent normal numbers, of this place and the next (Box and Muller)."""
    length = math.sqrt(-2.0 * math.log(uniform(key, place)))
    angle = 2.0 * math.pi * uniform(key, place + 1)
    return length * math.cos(angle), length * math.sin(angle)


@njit(cache=True, nogil=True)
def poisson(key, place, mean):
    """Return a Poisson number, of this place and the next; above a mean of 50 the nearest normal one."""
    if mean > _MANY:
        normal, _ = normal_pair(key, place)
        return max(0.0, np.rint(mean + math.sqrt(mean) * normal))
    share = uniform(key, place)
    count, term = 0.0, math.exp(-mean)
    total = term
    while share > total and count < 4 * _MANY:
        count += 1.0
        term *= mean / count
        total += term
    return count
