"""Periods of a pattern: vectors of the direct lattice, each found by itself.

A spot q of a crystal with a lattice vector t has a whole number q · t. A still pattern gives three
components of q: two on the detector, and the third from the Ewald sphere up to the excitation error. So the
sum over the spots of cos 2π q · t, which is a Fourier transform with the phase of a defocus for t along the
beam, peaks at lattice vectors. All spots count for every vector, so a few are enough.
"""

import math

import numpy as np
from numba import njit

from edsym.lattice.elementary import SUMS, cos_turns, exp
from edsym.lattice.transform import SHORTEST, highest_peaks

_STILL = 1e-7  # Å: at the top
_STEPS = 6
_DEPTH_STEP = 4.0  # Å along the beam: the sphere is flat
_ACROSS, _ALONG = 0.2, 1.5  # Å: tops that are no further apart are the same
_OFF_ACROSS, _OFF_ALONG = 0.25, 2.0  # Å: what two periods do not give is further off their multiples
_APART = 0.3  # sine of the angle of two periods that span a plane
_HELD, _HELD_DEPTH = 1e-6, 1e-4  # added to the normal matrix, in 1/Å²


def find_periods(q, spread, most, radius):
    """Return the vectors at which a pattern is most nearly periodic.

    Parameters
    ----------
    q : (n, 3) array
        Spots on the Ewald sphere, in 1/Å.
    spread : (n,) array
        Standard deviation of each one's excitation error, in 1/Å: it blurs the phase.
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
    starts = highest_peaks(q, spread, depths, radius, 4 * most)
    periods, scores = _climb(np.ascontiguousarray(q.T), -2 * (np.pi * spread) ** 2, starts)
    return periods[np.argsort(-scores, kind="stable")[:most]]


@njit(error_model="numpy", cache=True)
def _climb(q, blur, starts):
    """Move each start to the top of its peak by Gauss–Newton steps; return those that differ, and scores.

    `q` is (3, n); the weight of a spot is exp(`blur` t_z²).
    """
    periods, scores = np.zeros((len(starts), 3)), np.zeros(len(starts))
    across_x, across_y, along = np.empty(len(starts)), np.empty(len(starts)), np.empty(len(starts))
    found = 0
    for start in range(len(starts)):
        x, y, z = starts[start]
        total = norm = 0.0
        for _ in range(_STEPS):
            total, norm, xx, yy, zz, xy, xz, yz, right_x, right_y, right_z = _pull(q, blur, x, y, z)
            # The depth is known badly: this holds it where it is if nothing tells.
            xx, yy, zz = xx + _HELD, yy + _HELD, zz + _HELD_DEPTH
            by_x, by_y, by_z = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
            det = xx * by_x + xy * by_y + xz * by_z
            move_x = (by_x * right_x + by_y * right_y + by_z * right_z) / det
            move_y = (by_y * right_x + (xx * zz - xz * xz) * right_y + (xy * xz - xx * yz) * right_z) / det
            move_z = (by_z * right_x + (xy * xz - xx * yz) * right_y + (xx * yy - xy * xy) * right_z) / det
            x, y, z = x + move_x, y + move_y, z + move_z
            if max(abs(move_x), abs(move_y), abs(move_z)) < _STILL:
                break
        if x * x + y * y + z * z > SHORTEST**2 and not _known(x, y, z, across_x, across_y, along, found):
            periods[found, 0], periods[found, 1], periods[found, 2] = x, y, z
            across_x[found], across_y[found], along[found] = x, y, z
            scores[found] = total / math.sqrt(norm)
            found += 1
    return periods[:found], scores[:found]


@njit(error_model="numpy", cache=True, fastmath=SUMS)
def _pull(q, blur, x, y, z):
    """Return the sum of the cosines, its variance by chance, and the elements of normal equations."""
    total = norm = xx = yy = zz = xy = xz = yz = right_x = right_y = right_z = 0.0
    for i in range(len(blur)):
        phase = q[0, i] * x + q[1, i] * y + q[2, i] * z
        off = phase - np.floor(phase + 0.5)
        weight, wave = exp(blur[i] * z * z), cos_turns(off)
        total += weight * wave
        norm += weight * weight / 2
        weight *= max(0.0, wave)  # far from a whole number: not of this lattice
        by_x, by_y, by_z = weight * q[0, i], weight * q[1, i], weight * q[2, i]
        right_x -= by_x * off
        right_y -= by_y * off
        right_z -= by_z * off
        xx += by_x * q[0, i]
        yy += by_y * q[1, i]
        zz += by_z * q[2, i]
        xy += by_x * q[1, i]
        xz += by_x * q[2, i]
        yz += by_y * q[2, i]
    return total, norm, xx, yy, zz, xy, xz, yz, right_x, right_y, right_z


@njit(error_model="numpy", cache=True)
def _known(x, y, z, across_x, across_y, along, found):
    """Return whether a top, or the one opposite, is among those found: counted, several at once."""
    same = 0
    for k in range(found):
        near = (x - across_x[k]) ** 2 + (y - across_y[k]) ** 2 < _ACROSS**2
        opposite = (x + across_x[k]) ** 2 + (y + across_y[k]) ** 2 < _ACROSS**2
        same += (near & (abs(z - along[k]) < _ALONG)) | (opposite & (abs(z + along[k]) < _ALONG))
    return same > 0


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
    kept = _out_of_plane(periods, most)
    return periods[kept[:most]]


@njit(error_model="numpy", cache=True)
def _out_of_plane(periods, most):
    """Return which periods `out_of_plane` returns, or more of them."""
    n = len(periods)
    if n < 3:
        return np.arange(n)
    squares = np.array([_dot(period, period) for period in periods])
    near = np.argsort(squares[: most // 2], kind="mergesort")
    first, second, product = near[0], -1, 0.0
    for k in near:
        product = _dot(periods[first], periods[k])
        room = squares[first] * squares[k]
        if room - product**2 > _APART**2 * room:
            second = k
            break
    if second < 0:
        return np.arange(n)
    one, other = periods[first], periods[second]
    determinant = squares[first] * squares[second] - product**2
    kept, m = np.empty(n + 2, np.int64), 2
    kept[0], kept[1] = first, second
    for k in range(n):
        by_one, by_other = _dot(periods[k], one), _dot(periods[k], other)
        i = np.rint((by_one * squares[second] - by_other * product) / determinant)
        j = np.rint((by_other * squares[first] - by_one * product) / determinant)
        x = periods[k, 0] - i * one[0] - j * other[0]
        y = periods[k, 1] - i * one[1] - j * other[1]
        z = periods[k, 2] - i * one[2] - j * other[2]
        if math.hypot(x, y) > _OFF_ACROSS or abs(z) > _OFF_ALONG:
            kept[m] = k
            m += 1
    return kept[:m]


@njit(error_model="numpy", cache=True)
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
