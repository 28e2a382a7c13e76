"""What a detector makes of one pattern, compiled.

In the order of an instrument: lengths are off by scale and ellipse, and the pattern is shifted; what is too
close merges; intensities are off, and counted; places are off. Then come spots that are none, and those that
are not found are taken out.
"""

import math

import numpy as np
from numba import njit

from edsym.detector.numbers import key_of, normal_pair, poisson, uniform
from edsym.spots.merging import by_brightness, merge

FEWEST = 5
"""Spots that a pattern keeps at least, if it has so many: of those left, then of others, the brightest."""

# What becomes of a spot; of those taken out, a smaller number comes back first.
_SEEN, _FAINT, _NOT_FOUND, _OUTSIDE = 0, 1, 2, 3
# Places of random numbers: of a material, and of its views; of a pattern; then so many of each spot.
_VIEWS = np.uint64(2**32)
_SCALE, _AXIS = 0, 2
_CENTRE, _THRESHOLD, _SPURIOUS, _SPURIOUS_KEY = 0, 2, 3, 5
_SPOTS, _OF_A_SPOT = 8, 8
_PLACE, _INTENSITY, _COUNTS, _LOST = 0, 2, 4, 6


@njit(cache=True, nogil=True)
def show(qx, qy, intensity, offset, material_key, view, quantities):
    """Return the spots that a detector shows of patterns.

    Parameters
    ----------
    qx, qy, intensity : (S,) arrays of float32
        The spots as they are.
    offset : (P + 1,) array of int64
        Pattern p owns the spots ``offset[p]`` to ``offset[p + 1]``.
    material_key : (P,) array of uint64
        Key of the random numbers of each pattern's material.
    view : (P,) array of int64
        Which view of its material each pattern is.
    quantities : tuple of float
        The values of an `edsym.detector.levels.Detector`.

    Returns
    -------
    counts : (P,) array of int64
        Number of spots of each pattern.
    spots : (S', 3) array of float32
        qx, qy, intensity of all of them, those of a pattern by decreasing intensity.
    source : (S',) array of int64
        The spot of the input that each is, of merged ones the brightest; -1 for a spurious one.
    """
    counts = np.zeros(len(offset) - 1, dtype=np.int64)
    parts, origins = [], []
    for p in range(len(counts)):
        begin, end = offset[p], offset[p + 1]
        rows = np.empty((end - begin, 3))
        for i in range(end - begin):
            rows[i, 0], rows[i, 1], rows[i, 2] = qx[begin + i], qy[begin + i], intensity[begin + i]
        key = key_of(material_key[p], np.uint64(view[p]) + _VIEWS)
        shown, origin = _show_one(rows, material_key[p], key, quantities)
        parts.append(shown)
        origins.append(origin)
        counts[p] = len(shown)
    spots, source = np.empty((counts.sum(), 3), dtype=np.float32), np.empty(counts.sum(), dtype=np.int64)
    total = 0
    for p in range(len(counts)):
        for i in range(counts[p]):
            spots[total, 0], spots[total, 1] = parts[p][i, 0], parts[p][i, 1]
            spots[total, 2] = parts[p][i, 2]
            source[total] = offset[p] + origins[p][i] if origins[p][i] >= 0 else -1
            total += 1
    return counts, spots, source


@njit(cache=True, nogil=True)
def _show_one(rows, material_key, key, quantities):
    (
        position, centre, scale, ellipse, brightness, low, high, dynamic_range, electrons, lost, spurious,
        q_max, resolution,
    ) = quantities  # fmt: skip
    _distort(rows, material_key, scale, ellipse)
    shift_x, shift_y = normal_pair(key, _CENTRE)
    for i in range(len(rows)):
        rows[i, 0] += centre * shift_x
        rows[i, 1] += centre * shift_y
    origin = np.arange(len(rows))
    if resolution > 0:
        order = by_brightness(rows)
        rows, first = merge(rows[order], resolution)
        origin = order[first]
    rows, origin = _with_spurious(rows, origin, key, spurious)
    fate = np.full(len(rows), float(_SEEN))
    _measure(rows, origin, fate, key, brightness, electrons, position, lost)
    threshold = 0.0
    if high > 0:
        share = uniform(key, _THRESHOLD)
        threshold = high if low == high else max(low, 1e-12) ** (1 - share) * high**share
    if dynamic_range > 0 and len(rows):
        threshold = max(threshold, rows[:, 2].max() / dynamic_range)
    for i in range(len(rows)):
        if q_max > 0 and rows[i, 0] ** 2 + rows[i, 1] ** 2 > q_max**2:
            fate[i] = _OUTSIDE
        elif fate[i] == _SEEN and rows[i, 2] < threshold:
            fate[i] = _FAINT
    order = _rising(-rows[:, 2])
    order = order[_rising(fate[order])]
    kept = order[: max(np.sum(fate == _SEEN), min(FEWEST, len(rows)))]
    kept = kept[_rising(-rows[kept, 2])]
    return rows[kept], origin[kept]


@njit(cache=True, nogil=True)
def _rising(values):
    """Return the order by increasing values, (n,) of float; the first of equal ones comes first."""
    return np.argsort(values, kind="mergesort")


@njit(cache=True, nogil=True)
def _distort(rows, material_key, scale, ellipse):
    """Stretch all lengths, and those along an axis more than those across it."""
    if scale == 0 and ellipse == 0:
        return  # a turn and back would change last digits
    off, eccentric = normal_pair(material_key, _SCALE)
    angle = math.pi * uniform(material_key, _AXIS)
    cos, sin = math.cos(angle), math.sin(angle)
    factor = max(1.0 + scale * off, 0.1)
    along, across = factor * (1.0 + 0.5 * ellipse * eccentric), factor * (1.0 - 0.5 * ellipse * eccentric)
    for i in range(len(rows)):
        x, y = rows[i, 0], rows[i, 1]
        a, b = along * (cos * x + sin * y), across * (cos * y - sin * x)
        rows[i, 0], rows[i, 1] = cos * a - sin * b, sin * a + cos * b


@njit(cache=True, nogil=True)
def _with_spurious(rows, origin, key, share):
    """Return the spots and, behind them, those that are none.

    They lie anywhere within the longest spot of the pattern, each as bright as one of its spots.
    """
    n = len(rows)
    more = int(poisson(key, _SPURIOUS, share * n)) if share > 0 else 0
    if more == 0:
        return rows, origin
    longest = 0.0
    for i in range(n):
        longest = max(longest, math.sqrt(rows[i, 0] ** 2 + rows[i, 1] ** 2))
    own = key_of(key, _SPURIOUS_KEY)
    both, sources = np.empty((n + more, 3)), np.full(n + more, -1)
    for i in range(n):
        both[i, 0], both[i, 1], both[i, 2] = rows[i, 0], rows[i, 1], rows[i, 2]
        sources[i] = origin[i]
    for j in range(more):
        length = longest * math.sqrt(uniform(own, 3 * j))
        angle = 2.0 * math.pi * uniform(own, 3 * j + 1)
        both[n + j, 0], both[n + j, 1] = length * math.cos(angle), length * math.sin(angle)
        both[n + j, 2] = rows[int(n * uniform(own, 3 * j + 2)), 2]
    return both, sources


@njit(cache=True, nogil=True)
def _measure(rows, origin, fate, key, brightness, electrons, position, lost):
    """Let intensities and places be off, and spots not be found; their sum stays below the incident beam."""
    limit = max(1.0, rows[:, 2].sum())
    for i in range(len(rows)):
        off, _ = normal_pair(key, _SPOTS + _OF_A_SPOT * i + _INTENSITY)
        rows[i, 2] *= math.exp(brightness * off)
    factor = min(1.0, limit / rows[:, 2].sum()) if len(rows) else 1.0
    for i in range(len(rows)):
        at = _SPOTS + _OF_A_SPOT * i
        rows[i, 2] *= factor
        if electrons > 0:
            counted = poisson(key, at + _COUNTS, rows[i, 2] * electrons)
            if counted == 0:
                fate[i] = _NOT_FOUND
            rows[i, 2] = max(counted, 1.0) / electrons
        if origin[i] >= 0:
            if uniform(key, at + _LOST) < lost:
                fate[i] = _NOT_FOUND
            x, y = normal_pair(key, at + _PLACE)
            rows[i, 0] += position * x
            rows[i, 1] += position * y
