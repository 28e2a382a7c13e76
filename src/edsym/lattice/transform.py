"""The Fourier transform of a pattern along with the beam's phase, and its highest peaks.

It is summed up row by row, three depths at once in memory, so that it never leaves the processor's cache.
"""

import math

import numpy as np
from numba import njit

from edsym.lattice.elementary import SUMS

SHORTEST = 2.0
"""Shortest vector that is looked for, in Å: atoms are no closer."""
_STEP = 0.2  # Å across the beam
_LEAST_PEAK = 2.5  # standard deviations
_TOGETHER = 4  # spots that are added at once
_WIDE = 32  # a multiple of the numbers that processors add at once: nothing is left over
_LINE = 16  # numbers of a line of the cache
_WORD = 8  # marks that are looked at together
_PEAKS = 1024  # for which there is room from the beginning


def highest_peaks(q, spread, depths, radius, most):
    """Return the vectors t on a grid at which the weighted sum of cos 2π q · t over the spots peaks highest.

    Parameters
    ----------
    q : (n, 3) array
        Spots on the Ewald sphere, in 1/Å.
    spread : (n,) array
        Standard deviation of each one's excitation error, in 1/Å: it blurs the phase.
    depths : (d,) array
        Components of t along the beam, in Å, ascending, as far apart from each other.
    radius : float
        Longest t in Å.
    most : int
        How many to return at most.

    Returns
    -------
    (k, 3) float64
        In Å, with y >= 0, the best first: by the sum over its standard deviation for spots at random places.
    """
    more = -len(q) % _TOGETHER
    q = np.concatenate([q, np.zeros((more, 3))])
    weight = np.exp(-2 * (np.pi * np.outer(depths, spread)) ** 2)
    deviation = np.sqrt((weight**2).sum(axis=1) / 2)
    weight = np.concatenate([weight, np.zeros((len(depths), more))], axis=1)
    grid = _STEP * np.arange(-(-(round(radius / _STEP) + 3) // _WIDE) * _WIDE)
    turns = np.ascontiguousarray(q[:, :2].T)[:, :, None] * grid
    waves = np.float32(2 * np.pi) * (turns - np.rint(turns)).astype(np.float32)  # faster than at full length
    along = 2 * np.pi * np.outer(depths, q[:, 2])
    scores, places = _peaks(
        np.cos(waves, out=_aligned(waves.shape)),
        np.sin(waves, out=_aligned(waves.shape)),
        (weight * np.cos(along)).astype(np.float32),
        (weight * np.sin(along)).astype(np.float32),
        deviation,
        depths,
        radius,
        _aligned((3, 2, len(grid), _LINE + len(grid))),
    )
    return places[np.argsort(-scores, kind="stable")[:most]]


def _aligned(shape):
    """Return room for float32 whose rows begin with lines of the cache, if they are multiples of these."""
    size = math.prod(shape)
    room = np.empty(size + _LINE, np.float32)
    first = -room.ctypes.data // room.itemsize % _LINE
    return room[first : first + size].reshape(shape)


@njit(error_model="numpy", cache=True)
def _peaks(cosines, sines, along_cosines, along_sines, deviation, depths, radius, sums):
    """Return the scores (k,) and the places (k, 3) of all high local maxima.

    `cosines` and `sines` (2, n, g) are of the phases across the beam, by x and y; those along it are (d, n).
    `sums` is room for three depths: for x >= 0 and x <= 0, by y and |x|. These come after `_LINE` numbers, of
    which the last one is that on the other side.
    """
    scores, places, found = np.empty(_PEAKS), np.empty((_PEAKS, 3)), 0
    n_depths, marks = along_cosines.shape[0], np.empty(cosines.shape[2], np.uint8)
    room = np.zeros(n_depths)  # square of the longest vector across the beam whose neighbours are looked at
    for d in range(n_depths):
        nearest = abs(depths[d])
        for e in range(max(0, d - 1), min(n_depths, d + 2)):
            nearest = min(nearest, abs(depths[e]))
        room[d] = max(0.0, radius**2 - nearest**2)
    for d in range(-1, n_depths):
        if d + 1 < n_depths:
            _sum_up(cosines, sines, along_cosines[d + 1], along_sines[d + 1], room[d + 1], sums[(d + 1) % 3])
        if d >= 0:
            found, scores, places = _look(sums, d, depths, deviation[d], radius, marks, found, scores, places)
    return scores[:found], places[:found]


@njit(error_model="numpy", cache=True)
def _sum_up(cosines, sines, along_cosines, along_sines, room, sums):
    """Write the sums at one depth, as far as vectors across the beam have a square of `room`."""
    n, size = cosines.shape[1:]
    even, odd = np.empty(size, np.float32), np.empty(size, np.float32)
    left_cosines, left_sines = np.empty(n, np.float32), np.empty(n, np.float32)
    for j in range(min(size, int(math.sqrt(room) / _STEP) + 3)):
        for i in range(n):
            left_cosines[i] = cosines[1, i, j] * along_cosines[i] - sines[1, i, j] * along_sines[i]
            left_sines[i] = cosines[1, i, j] * along_sines[i] + sines[1, i, j] * along_cosines[i]
        before = max(0, j - 1) * _STEP
        reach = int(math.sqrt(max(0.0, room - before * before)) / _STEP) + 3
        reach = min(size, -(-reach // _WIDE) * _WIDE)
        _add_up(left_cosines, cosines[0], reach, even)
        _add_up(left_sines, sines[0], reach, odd)
        _write(even, odd, reach, sums[0, j, _LINE:], sums[1, j, _LINE:])
        sums[0, j, _LINE - 1] = sums[1, j, _LINE + 1]


@njit(error_model="numpy", cache=True, fastmath=SUMS, forceinline=True)
def _add_up(factors, rows, reach, total):
    """Write the sum of rows (n, g), each times its factor (n,), up to a reach; n is a multiple of four."""
    for i in range(0, len(factors), _TOGETHER):
        a, b, c, d = factors[i], factors[i + 1], factors[i + 2], factors[i + 3]
        if i == 0:
            for x in range(reach):
                total[x] = a * rows[i, x] + b * rows[i + 1, x] + c * rows[i + 2, x] + d * rows[i + 3, x]
        else:
            for x in range(reach):
                total[x] += a * rows[i, x] + b * rows[i + 1, x] + c * rows[i + 2, x] + d * rows[i + 3, x]


@njit(error_model="numpy", cache=True, forceinline=True)
def _write(even, odd, reach, right, left):
    """Write the sums for x >= 0 and for x <= 0, by |x|: of cosines less sines, and of both."""
    for x in range(reach):
        right[x] = even[x] - odd[x]
        left[x] = even[x] + odd[x]


@njit(error_model="numpy", cache=True)
def _look(sums, d, depths, deviation, radius, marks, found, scores, places):
    """Add the peaks at one depth to those found, by y and x; return their number, scores and places."""
    z, least, words = depths[d], _LEAST_PEAK * deviation, marks.view(np.uint64)
    for j in range(sums.shape[2]):
        y = j * _STEP
        room = radius**2 - y * y - z * z
        if room < 0:
            break
        n_words = (int(math.sqrt(room) / _STEP) + 1) // _WORD + 1
        for side in (1, 0):
            rows = sums[d % 3, side]
            _mark(rows[max(0, j - 1)], rows[j], rows[j + 1], n_words * _WORD, least, marks)
            for word in range(n_words):
                w = n_words - 1 - word if side else word
                if words[w] == 0:
                    continue
                for at in range(_WORD):
                    i = w * _WORD + (_WORD - 1 - at if side else at)
                    value = sums[d % 3, side, j, _LINE + i]
                    if not marks[i] or value <= least or i < side:
                        continue
                    x = -i * _STEP if side else i * _STEP
                    square = x * x + y * y + z * z
                    if square > radius**2 or square < SHORTEST**2:
                        continue
                    if not _is_peak(sums, d, len(depths), side, j, _LINE + i):
                        continue
                    if found == len(scores):
                        scores, places = _twice(scores, places)
                    scores[found] = value / deviation
                    places[found, 0], places[found, 1], places[found, 2] = x, y, z
                    found += 1
    return found, scores, places


@njit(error_model="numpy", cache=True, forceinline=True)
def _mark(above, row, below, n, least, marks):
    """Mark values of a row that may be peaks: they are large, and none beside, above or below is larger."""
    least = np.float32(least * (1 - 1e-6))
    here, before, after = row[_LINE:], row[_LINE - 1 :], row[_LINE + 1 :]
    above, below = above[_LINE:], below[_LINE:]
    for i in range(n):
        value = here[i]
        beside = (value >= before[i]) & (value >= after[i])
        marks[i] = (value > least) & beside & (value >= above[i]) & (value >= below[i])


@njit(error_model="numpy", cache=True)
def _twice(scores, places):
    """Return arrays with twice the room, filled as far as these are."""
    n = len(scores)
    more_scores, more_places = np.empty(2 * n), np.empty((2 * n, 3))
    for k in range(n):
        more_scores[k] = scores[k]
        for c in range(3):
            more_places[k, c] = places[k, c]
    return more_scores, more_places


@njit(error_model="numpy", cache=True, forceinline=True)
def _is_peak(sums, d, n_depths, side, j, i):
    value = sums[d % 3, side, j, i]
    for e in range(max(0, d - 1), min(n_depths, d + 2)):
        for k in range(max(0, j - 1), j + 2):
            for m in range(i - 1, i + 2):
                if sums[e % 3, side, k, m] > value:
                    return False
    return True
