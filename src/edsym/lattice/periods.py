"""Periods of a pattern: vectors of the direct lattice, each found by itself.

A spot q of a crystal with a lattice vector t has a whole number q · t. A still pattern gives three
components of q: two on the detector, and the third from the Ewald sphere up to the excitation error. So the
sum over the spots of cos 2π q · t, which is a Fourier transform with the phase of a defocus for t along the
beam, peaks at lattice vectors. All spots count for every vector, so a few are enough.
"""

import math

import numpy as np
from numba import njit

from edsym.lattice.linear import solve

SHORTEST = 2.0
"""Shortest one, in Å: atoms are no closer."""
_STEP = 0.2  # Å across the beam
_STILL = 1e-7  # Å: at the top
_LEAST_PEAK = 2.5  # standard deviations
_DEPTH_STEP = 4.0  # Å along the beam: the sphere is flat


def periodicity(q, spread, depths, grid, radius=np.inf):
    """Return the weighted sum of cos 2π q · t over a grid of vectors t, and its standard deviation by chance.

    Parameters
    ----------
    q : (n, 3) array
        Spots on the Ewald sphere, in 1/Å.
    spread : (n,) array
        Standard deviation of each one's excitation error, in 1/Å: it blurs the phase.
    depths : (d,) array
        Components of t along the beam, in Å.
    grid : (g,) array
        Components of t across the beam, along x and, those that are not negative, along y.
    radius : float
        Longest t in Å that is looked at, and the neighbours of which are.

    Returns
    -------
    sums : (d, h, g) float32
        By depth, y and x; 0 beyond the longest t.
    deviation : (d,) float64
        The standard deviation for spots at random places.
    """
    wave_x = np.exp(2j * np.pi * np.outer(q[:, 0], grid)).astype(np.complex64)
    wave_y = np.exp(2j * np.pi * np.outer(grid[grid >= 0], q[:, 1])).astype(np.complex64)
    right = np.concatenate([wave_x.real, wave_x.imag])
    weight = np.exp(-2 * (np.pi * np.outer(depths, spread)) ** 2)
    along = (weight * np.exp(2j * np.pi * np.outer(depths, q[:, 2]))).astype(np.complex64)
    sums = np.zeros((len(depths), wave_y.shape[0], len(grid)), np.float32)
    next_depth = np.maximum(np.abs(depths) - _DEPTH_STEP, 0.0)
    reach = np.sqrt(np.maximum(radius**2 - next_depth**2, 0.0)) + 2 * _STEP
    for d in range(len(depths)):
        rows, columns = (
            np.searchsorted(grid[grid >= 0], reach[d]),
            np.searchsorted(grid, [-reach[d], reach[d]]),
        )
        left = wave_y[:rows] * along[d]
        mine = slice(*columns)
        np.matmul(np.concatenate([left.real, -left.imag], axis=1), right[:, mine], out=sums[d, :rows, mine])
    return sums, np.sqrt((weight**2).sum(axis=1) / 2)


def find_periods(q, spread, most, radius):
    """Return the vectors at which a pattern is most nearly periodic.

    Parameters
    ----------
    q, spread : (n, 3), (n,) arrays
        See `periodicity`.
    most : int
        How many to return at most.
    radius : float
        Longest period that is sought, in Å.

    Returns
    -------
    (k, 3) float64
        In Å, the best first: by the sum of the cosines over its standard deviation by chance.
    """
    depths = _DEPTH_STEP * np.arange(-round(radius / _DEPTH_STEP), round(radius / _DEPTH_STEP) + 1)
    return _best_periods(q, spread, depths, most, radius)


def find_planar_periods(q, most, radius):
    """Return the vectors on the detector's plane (k, 2) at which spots (n, 2) are most nearly periodic.

    Parameters are those of `find_periods`; heights and excitation errors play no part.
    """
    flat = np.column_stack([q, np.zeros(len(q))])
    return _best_periods(flat, np.ones(len(q)), np.zeros(1), most, radius)[:, :2]


def _best_periods(q, spread, depths, most, radius):
    grid = _STEP * np.arange(-round(radius / _STEP), round(radius / _STEP) + 1)
    sums, deviation = periodicity(q, spread, depths, grid, radius)
    starts = _peaks(sums, deviation, grid, depths, radius, 4 * most)
    periods, scores = _climb(q, spread, starts)
    return periods[np.argsort(-scores, kind="stable")[:most]]


@njit(error_model="numpy", cache=True)
def _peaks(sums, deviation, grid, depths, radius, most):
    """Return the (k, 3) places of the highest local maxima."""
    scores, places = np.zeros(most), np.zeros((most, 3))
    n_depths, n_y, n_x = sums.shape
    y_zero = len(grid) - n_y
    for d in range(n_depths):
        least = max(_LEAST_PEAK, scores[most - 1]) * deviation[d] * (1 - 1e-9)
        for j in range(n_y):
            y, z = grid[y_zero + j], depths[d]
            room = radius**2 - y * y - z * z
            if room < 0:
                continue
            half = int(math.sqrt(room) / _STEP) + 1
            for i in range(max(1, y_zero - half), min(n_x - 1, y_zero + half + 1)):
                value = sums[d, j, i]
                if value <= least or value < sums[d, j, i + 1]:
                    continue
                x, score = grid[i], value / deviation[d]
                square = x * x + y * y + z * z
                if square > radius**2 or square < SHORTEST**2 or not _is_peak(sums, d, j, i):
                    continue
                if score <= max(_LEAST_PEAK, scores[most - 1]):
                    continue
                k = most - 1
                while k > 0 and scores[k - 1] < score:
                    scores[k], places[k, 0] = scores[k - 1], places[k - 1, 0]
                    places[k, 1], places[k, 2] = places[k - 1, 1], places[k - 1, 2]
                    k -= 1
                scores[k], places[k, 0], places[k, 1], places[k, 2] = score, x, y, z
                least = max(_LEAST_PEAK, scores[most - 1]) * deviation[d] * (1 - 1e-9)
    found = 0
    while found < most and scores[found] > 0:
        found += 1
    return places[:found]


@njit(error_model="numpy", cache=True)
def _is_peak(sums, d, j, i):
    value = sums[d, j, i]
    for e in range(max(0, d - 1), min(sums.shape[0], d + 2)):
        for k in range(max(0, j - 1), min(sums.shape[1], j + 2)):
            for m in range(i - 1, i + 2):
                if sums[e, k, m] > value:
                    return False
    return True


@njit(error_model="numpy", cache=True)
def _climb(q, spread, starts):
    """Move each start to the top of its peak by Gauss–Newton steps; return those that differ, and scores."""
    n = len(q)
    periods, scores = np.zeros((len(starts), 3)), np.zeros(len(starts))
    found = 0
    t = np.empty(3)
    for start in range(len(starts)):
        t[:] = starts[start]
        for _ in range(6):
            normal, right = np.zeros((3, 3)), np.zeros((3, 1))
            total = norm = 0.0
            for i in range(n):
                phase = q[i, 0] * t[0] + q[i, 1] * t[1] + q[i, 2] * t[2]
                off = phase - np.round(phase)
                weight = np.exp(-2 * (np.pi * spread[i] * t[2]) ** 2)
                wave = np.cos(2 * np.pi * off)
                total += weight * wave
                norm += weight * weight / 2
                weight *= max(0.0, wave)  # far from a whole number: not of this lattice
                for a in range(3):
                    right[a, 0] -= weight * off * q[i, a]
                    for b in range(3):
                        normal[a, b] += weight * q[i, a] * q[i, b]
            # The depth is known badly: this holds it where it is if nothing tells.
            normal[2, 2] += 1e-4
            normal[0, 0] += 1e-6
            normal[1, 1] += 1e-6
            move = solve(normal, right)
            for a in range(3):
                t[a] += move[a, 0]
            if np.abs(move).max() < _STILL:
                break
        new = t[0] ** 2 + t[1] ** 2 + t[2] ** 2 > SHORTEST**2
        for k in range(found):
            for sign in (-1, 1):
                across = (t[0] - sign * periods[k, 0]) ** 2 + (t[1] - sign * periods[k, 1]) ** 2
                if across < 0.04 and abs(t[2] - sign * periods[k, 2]) < 1.5:
                    new = False
        if new:
            periods[found] = t
            scores[found] = total / np.sqrt(norm)
            found += 1
    return periods[:found], scores[:found]


def out_of_plane(periods, most):
    """Return periods of which not nearly all lie in one plane: along a zone axis too many of that plane fit.

    Parameters
    ----------
    periods : (k, 3) array
        The best first.
    most : int
        How many to return at most.

    Returns
    -------
    periods : (m, 3) array
        A pair that spans the plane of the best ones, then the best of those that the pair does not give.
    """
    if len(periods) < 3:
        return periods
    sizes = np.linalg.norm(periods, axis=1)
    near = np.argsort(sizes[: most // 2])
    one = periods[near[0]]
    apart = np.linalg.norm(np.cross(one, periods[near]), axis=1) > 0.3 * sizes[near] * sizes[near[0]]
    if not apart.any():
        return periods[:most]
    other = periods[near[apart.argmax()]]
    whole = np.round(periods @ np.linalg.pinv(np.stack([one, other])))
    off = periods - whole @ np.stack([one, other])
    new = (np.hypot(off[:, 0], off[:, 1]) > 0.25) | (np.abs(off[:, 2]) > 2)
    return np.concatenate([[one, other], periods[new][: most - 2]])
