"""How surely counts are more than their background, and where that is at its most."""

import numpy as np
from numba import njit

LEAST = 1e-9  # counts: the correlation of nothing is as near to 0


@njit(cache=True, nogil=True)
def significance(on, off, share, grain):
    """Return by how many standard deviations counts exceed a background that was measured and is grainy.

    The background on the area of a spot has a gamma distribution, counts a negative binomial one; this is the
    root of its deviance. Without grain it is eq. 17 of T.-P. Li and Y.-Q. Ma, Astrophys. J. 272, 317 (1983).

    Parameters
    ----------
    on : float
        Counts.
    off : float
        Counts expected of the background, above 0.
    share : float
        Area of the counts over that in which the background was measured (their alpha).
    grain : float
        Relative variance of the background itself.
    """
    k = 1 / (share / off + grain)
    first = on * np.log(on / off) if on > 0 else 0.0
    value = np.sqrt(2 * max(first - (on + k) * np.log((on + k) / (off + k)), 0.0))
    return value if on > off else -value


@njit(cache=True, nogil=True)
def significances(on, off, share, levels, grains, least):
    """Return `significance` of every pixel of two images where it may be as large as ``least``, 0 elsewhere.

    A normal distribution gives more than `significance` wherever counts exceed their background: what is
    not enough by it need not be worked out. ``levels`` and ``grains`` are as
    `edsym.experiment.spots.grain.measured_grain` returns them.
    """
    out = np.zeros(on.shape)
    for i in range(on.shape[0]):
        for j in range(on.shape[1]):
            expected = max(off[i, j], LEAST)
            above = on[i, j] - expected
            if above <= 0 or above * above < least * least * expected:
                continue
            grain = grain_at(expected, levels, grains)
            if above * above >= least * least * expected * (1 + share + grain * expected):
                out[i, j] = significance(on[i, j], expected, share, grain)
    return out


@njit(cache=True, nogil=True)
def grain_at(off, levels, grains):
    """Return the grain of a background of so many counts: a straight line between those of two zones."""
    if off <= levels[0]:
        return grains[0]
    for k in range(1, len(levels)):
        if off < levels[k]:
            return grains[k - 1] + (grains[k] - grains[k - 1]) * (off - levels[k - 1]) / (
                levels[k] - levels[k - 1]
            )
    return grains[-1]


@njit(cache=True, nogil=True)
def local_maxima(values, allowed, least, spacing, ay, ax):
    """Return where values are the largest within a distance, the largest first.

    Parameters
    ----------
    values : (H, W) array
        The values.
    allowed : (H, W) array of bool
        Where a maximum may be.
    least : float
        The least one.
    spacing : float
        No two are nearer, in pixels.
    ay, ax : float
        Height and width of a pixel over their geometric mean.

    Returns
    -------
    (n, 2) array of int
        Rows and columns.
    """
    height, width = values.shape
    found, where = [0.0], [0]
    for i in range(height):
        for j in range(width):
            if allowed[i, j] and values[i, j] >= least and _highest(values, i, j):
                found.append(values[i, j])
                where.append(i * width + j)
    order = np.argsort(-np.array(found[1:]), kind="mergesort")
    out, n = np.empty((len(order), 2), np.int64), 0
    for k in order:
        i, j = where[k + 1] // width, where[k + 1] % width
        apart = True
        for m in range(n):
            if ((out[m, 0] - i) * ay) ** 2 + ((out[m, 1] - j) * ax) ** 2 < spacing**2:
                apart = False
                break
        if apart:
            out[n] = i, j
            n += 1
    return out[:n]


@njit(cache=True, nogil=True)
def _highest(values, i, j):
    """Return whether no neighbour is higher; of equal ones the first is the highest."""
    for a in range(max(i - 1, 0), min(i + 2, values.shape[0])):
        for b in range(max(j - 1, 0), min(j + 2, values.shape[1])):
            before = a < i or (a == i and b < j)
            if values[a, b] > values[i, j] or (before and values[a, b] == values[i, j]):
                return False
    return True


@njit(cache=True, nogil=True)
def apart(y, x, order, kept, spacing, ay, ax):
    """Set those to False, in place, that are too near to an earlier one that is kept."""
    for a in range(len(order)):
        for b in range(a):
            k, m = order[a], order[b]
            near = ((y[k] - y[m]) * ay) ** 2 + ((x[k] - x[m]) * ax) ** 2 < spacing**2
            if near and kept[m]:
                kept[k] = False
                break


@njit(cache=True, nogil=True)
def cover(free, y, x, radius, ay, ax):
    """Set what lies within a radius of points to False, in place."""
    height, width = free.shape
    for k in range(len(y)):
        n, m = int(radius / ay) + 1, int(radius / ax) + 1
        i0, j0 = int(np.rint(y[k])), int(np.rint(x[k]))
        for i in range(max(i0 - n, 0), min(i0 + n + 1, height)):
            for j in range(max(j0 - m, 0), min(j0 + m + 1, width)):
                if ((i - y[k]) * ay) ** 2 + ((j - x[k]) * ax) ** 2 <= radius**2:
                    free[i, j] = False


@njit(cache=True, nogil=True)
def brightest(values, allowed, cy, cx, radius, ay, ax):
    """Return row and column of the largest value above 0 within a radius of a point; -1, -1 if none is."""
    best, row, column = 0.0, -1, -1
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            near = ((i - cy) * ay) ** 2 + ((j - cx) * ax) ** 2 <= radius**2
            if near and allowed[i, j] and values[i, j] > best:
                best, row, column = values[i, j], i, j
    return row, column
