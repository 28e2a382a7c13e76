"""The symmetry of a lattice that is known badly along the beam: found from agreement, then used."""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from edsym.lattice.constraint import LARGEST_CHI, constrained, costs
from edsym.lattice.holohedry import CONDITIONS, group_table
from edsym.lattice.linear import determinant, dual
from edsym.lattice.refinement import FLAT, Pattern, evaluate, offsets, precision, refined, scale_of

_MOST_AXES = 14
_MOST_GROUPS = 10
# Heights are worse than the curvature of their likelihood says: it is no parabola.
_HEIGHTS = 1 / 2
_LEAST_ERROR = 3e-5  # 1/Å: cells of one crystal differ by more


class Solutions(NamedTuple):
    """Lattices (m) that were fitted to a pattern of n spots.

    Attributes
    ----------
    score : (m,) float64
        Log-likelihood ratio over spots without a lattice, the evidence for its symmetry in it.
    basis : (m, 3, 3) float64
        Rows are reciprocal vectors in 1/Å; free of an ellipse of the detector if the symmetry tells one.
    origin : (m, 2) float64
        Where the direct beam is, in 1/Å.
    plane : (m, 3, 2) float64
        The vectors as they lie on the detector.
    hkl, indexed : (m, n, 3) int64, (m, n) bool
        Indices of each spot, and whether it has any.
    points : (m,) int64
        Number of points near the Ewald sphere.
    axes : (m,) int64
        Number of twofold axes.
    cost, gain : (m,) float64
        What the symmetry costs, χ², and its evidence: see `constrained`.
    looseness : (m,) float64
        Standard deviation of the logarithm of its volume.
    """

    score: np.ndarray
    basis: np.ndarray
    origin: np.ndarray
    plane: np.ndarray
    hkl: np.ndarray
    indexed: np.ndarray
    points: np.ndarray
    axes: np.ndarray
    cost: np.ndarray
    gain: np.ndarray
    looseness: np.ndarray

    def take(self, rows) -> "Solutions":
        """Return some of the lattices."""
        return Solutions(*(column[rows] for column in self))


def joined(parts: list[Solutions]) -> Solutions:
    """Return lattices of one pattern, one after the other."""
    return Solutions(*map(np.concatenate, zip(*parts, strict=True)))


def symmetrised(bases: np.ndarray, pattern: Pattern) -> Solutions:
    """Return lattices fitted to a pattern, each as it was fitted and with each symmetry that it may have.

    Parameters
    ----------
    bases : (k, 3, 3) array
        Rows are vectors of the direct lattices in Å, from which fits start.
    pattern : Pattern
        The spots.
    """
    most, n, scale = len(bases) * (1 + _MOST_GROUPS), len(pattern.x), scale_of(pattern)
    found = Solutions(
        np.empty(most), np.empty((most, 3, 3)), np.empty((most, 2)), np.empty((most, 3, 2)),
        np.zeros((most, n, 3), np.int64), np.zeros((most, n), bool), np.empty(most, np.int64),
        np.zeros(most, np.int64), np.zeros(most), np.zeros(most), np.empty(most),
    )  # fmt: skip
    m = 0
    for basis in bases:
        m = _add_fits(basis, scale, pattern, *group_table(), found, m)
    return found.take(slice(m))


@njit(error_model="numpy", cache=True)
def _add_fits(start, scale, pattern, groups, sizes, found, m):
    """Write what `symmetrised` returns of one lattice from place m on; return the next free place."""
    fit = refined(dual(start), scale, pattern)
    if not math.isfinite(fit.score):
        return m
    off = offsets(fit.points, fit.spot, fit.basis, fit.origin, pattern)
    square = 0.0
    for k in range(len(off)):
        square += off[k, 0] ** 2 + off[k, 1] ** 2
    error = max(_LEAST_ERROR, math.sqrt(square / max(1, 2 * len(off) - 8)))
    plane, heights = precision(fit, error)
    likely, bases, value = _constrained_groups(fit.basis, plane, heights * _HEIGHTS, error, groups, sizes)
    _write(fit, fit.basis, value[3, 0], found, m)
    m += 1
    tried = 0
    for k in np.argsort(value[4], kind="mergesort"):
        cost = value[0, k] + value[1, k]
        if k == 0 or not cost < LARGEST_CHI:
            continue
        if tried == _MOST_GROUPS:
            break
        tried += 1
        start = fit.basis.copy()
        for i in range(3):
            start[i, 2] = bases[k, i, 2]
        if abs(determinant(start)) < FLAT:  # nearly flat, it has points without end near the sphere
            continue
        seen = evaluate(start, fit.origin, fit.scale, False, pattern)
        if math.isfinite(seen.score):
            _write(seen, bases[k], value[3, k], found, m)
            found.score[m] += value[2, k] - value[0, k] / 2
            found.axes[m], found.cost[m], found.gain[m] = sizes[likely[k]], cost, value[2, k]
            m += 1
    return m


@njit(error_model="numpy", cache=True)
def _constrained_groups(basis, plane, heights, error, groups, sizes):
    """Return the groups (k,) of the likeliest axes, and what `constrained` does of each.

    That is a basis (k, 3, 3), and (5, k) across, along, gain and looseness, and half the cost less the gain.
    The first group is the empty one.
    """
    known = basis, plane, heights, error
    likely = _likely_groups(*costs(*known, CONDITIONS), groups, sizes)
    bases, value = np.empty((len(likely), 3, 3)), np.empty((5, len(likely)))
    for k, g in enumerate(likely):
        moved, value[0, k], value[1, k], value[2, k], value[3, k] = constrained(
            *known, CONDITIONS[groups[g, : sizes[g]]]
        )
        value[4, k] = (value[0, k] + value[1, k]) / 2 - value[2, k]
        for i in range(3):
            for c in range(3):
                bases[k, i, c] = moved[i, c]
    return likely, bases, value


@njit(error_model="numpy", cache=True)
def _likely_groups(cost, gain, groups, sizes):
    """Return the groups (k,) of the likeliest axes, by what each costs alone and its gain."""
    allowed, n_allowed = np.zeros(len(cost), np.bool_), 0
    for axis in np.argsort(cost - gain, kind="mergesort"):
        if cost[axis] < LARGEST_CHI and n_allowed < _MOST_AXES:
            allowed[axis] = True
            n_allowed += 1
    likely, k = np.empty(len(groups), np.int64), 0
    for g in range(len(groups)):
        some = 0
        while some < sizes[g] and allowed[groups[g, some]]:
            some += 1
        if some == sizes[g]:
            likely[k] = g
            k += 1
    return likely[:k]


@njit(error_model="numpy", cache=True)
def _write(fit, basis, looseness, found, m):
    """Write a fit, with a basis that may be free of a distortion, as lattice m."""
    found.score[m], found.points[m], found.looseness[m] = fit.score, len(fit.points), looseness
    for c in range(2):
        found.origin[m, c] = fit.origin[c]
    for i in range(3):
        for c in range(3):
            found.basis[m, i, c] = basis[i, c]
        for c in range(2):
            found.plane[m, i, c] = fit.basis[i, c]
    for p in range(len(fit.points)):
        if fit.spot[p] >= 0:
            found.indexed[m, fit.spot[p]] = True
            for i in range(3):
                found.hkl[m, fit.spot[p], i] = np.int64(fit.points[p, i])
