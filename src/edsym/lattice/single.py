"""The lattice from one still pattern at unknown orientation: see docs/lattice.md."""

import math

import numpy as np
from numba import njit

from edsym.errors import InputError
from edsym.lattice.bases import best_bases
from edsym.lattice.candidate import Candidate
from edsym.lattice.compare import N_SHORTEST, reduce_rows, shortest_of_reduced
from edsym.lattice.differences import differences, position_error
from edsym.lattice.linear import combined, determinant, dual
from edsym.lattice.periods import find_periods, out_of_plane
from edsym.lattice.probability import probabilities
from edsym.lattice.refinement import Pattern
from edsym.lattice.symmetrise import Solutions, joined, symmetrised

FEWEST_SPOTS = 5
"""Spots below which nothing is said."""
_MOST_SPOTS = 120  # the brightest: weak ones are far from the sphere, and many
_PERIODS, _MORE_PERIODS = 30, 150
_RADIUS, _LONG_RADIUS = 20.0, 36.0  # of periods, in Å
_BASES = 60
_LATTICES = 6
_MOST_SOLUTIONS = 8
_ERRORS = 3e-4, 0.01  # bounds of the standard deviation of a coordinate in 1/Å
_MARGIN = 1.2  # the error is rather over- than underestimated
_LEAST_ERROR, _SMALL_ERROR = 0.001, 0.003  # 1/Å
_LEAST_SEARCH_ERROR = 0.002  # 1/Å: periods are not refined
_WEAK = 5.5  # score of a spot below which more is tried: right lattices have more
_SAME = 0.03
_ACROSS, _ALONG = 0.3, 2.0  # Å: vectors that are no further apart are the same


def single_view(qx, qy, intensity, wavelength, *, tolerance=None, n=5) -> list[Candidate]:
    """Return the lattices that may have made one pattern, the likeliest first.

    Parameters
    ----------
    qx, qy : (s,) array_like
        Positions of the spots from the direct beam, in 1/Å.
    intensity : (s,) array_like
        Intensities, above 0, in any unit.
    wavelength : float
        Of the electrons, in Å.
    tolerance : float, optional
        Standard deviation of a coordinate of a spot in 1/Å; by default the pattern itself tells.
    n : int
        How many lattices to return at most.

    Returns
    -------
    list of Candidate
        None if there are fewer than `FEWEST_SPOTS` spots, or no lattice in three dimensions explains them, as
        along a zone axis, where the spots lie on one plane of the reciprocal lattice.

    Raises
    ------
    InputError
        If a value is not finite, an intensity not above 0, or lengths differ.
    """
    columns = _checked(qx, qy, intensity, wavelength)
    if columns.shape[1] < FEWEST_SPOTS:
        return []
    bright = np.argsort(-columns[2], kind="stable")[:_MOST_SPOTS]
    bright = bright[np.argsort(columns[0, bright], kind="stable")]
    x, y, brightness = np.ascontiguousarray(columns[:, bright])
    error = position_error(*differences(x, y), *_ERRORS) if tolerance is None else float(tolerance)
    pattern = Pattern.of(wavelength, x, y, brightness, max(_MARGIN * error, _LEAST_ERROR))
    sphere = np.column_stack([x, y, -wavelength / 2 * (x**2 + y**2)])
    solutions = _solutions(sphere, find_periods(sphere, pattern.spread, _PERIODS, _RADIUS), pattern)
    if solutions.score.max(initial=0.0) < _WEAK * len(x):
        # A zone axis, whose plane takes all places, or a long cell, whose spots look as if they scattered.
        periods = find_periods(sphere, pattern.spread, _MORE_PERIODS, _LONG_RADIUS)
        if tolerance is None:
            pattern = pattern._replace(error=min(pattern.error, _SMALL_ERROR))
        more = _solutions(sphere, out_of_plane(periods, _PERIODS), pattern)
        solutions = joined([solutions, more])
    solutions = _distinct(solutions)
    chances = probabilities(solutions, len(x))
    order = np.argsort(-chances, kind="stable")[:n]
    return [_candidate(columns, bright, solutions.take(i), chances[i]) for i in order]


def _checked(qx, qy, intensity, wavelength) -> np.ndarray:
    """Return the columns (3, s), checked."""
    columns = [np.asarray(values, dtype=np.float64) for values in (qx, qy, intensity)]
    if columns[0].ndim != 1 or len({values.shape for values in columns}) != 1:
        shapes = ", ".join(str(values.shape) for values in columns)
        raise InputError(f"qx, qy and intensity have the shapes {shapes}; expected (s,) for all three")
    if not all(np.isfinite(values).all() for values in columns):
        raise InputError("a spot is not three finite numbers")
    if (columns[2] <= 0).any():
        raise InputError(f"an intensity is {columns[2].min():.4g}; expected more than 0")
    if not 0.001 < wavelength < 0.2:
        raise InputError(f"wavelength: {wavelength:.4g} Å is not allowed; electrons have 0.001 to 0.2 Å")
    return np.stack(columns)


def _solutions(sphere, periods, pattern: Pattern) -> Solutions:
    """Return the lattices that some periods span, fitted and symmetrised."""
    bases = best_bases(sphere, pattern.spread, max(pattern.error, _LEAST_SEARCH_ERROR), periods, _BASES)
    return symmetrised(_apart(bases), pattern)


def _apart(bases) -> np.ndarray:
    """Return the first bases whose lattices differ, as far as badly known heights tell; all are reduced."""
    return bases[_first_apart(bases)]


@njit(error_model="numpy", cache=True)
def _first_apart(bases):
    """Return which bases `_apart` returns, after these were reduced in place."""
    kept, found = np.empty(_LATTICES, np.int64), 0
    for i in range(len(bases)):
        reduce_rows(bases[i])
        same = False
        for k in range(found):
            same = same or _alike(bases[i], bases[kept[k]])
        if not same:
            kept[found] = i
            found += 1
            if found == _LATTICES:
                break
    return kept[:found]


@njit(error_model="numpy", cache=True)
def _alike(basis, other):
    to_other = dual(other)
    whole = np.empty((3, 3))
    for i in range(3):
        for k in range(3):
            whole[i, k] = np.round(
                basis[i, 0] * to_other[k, 0] + basis[i, 1] * to_other[k, 1] + basis[i, 2] * to_other[k, 2]
            )
    for i in range(3):
        x, y, z = combined(whole[i], other)
        off_x, off_y, off_z = basis[i, 0] - x, basis[i, 1] - y, basis[i, 2] - z
        if not (math.hypot(off_x, off_y) < _ACROSS and abs(off_z) < _ALONG):
            return False
    return abs(round(determinant(whole))) == 1


def _distinct(solutions: Solutions) -> Solutions:
    """Return the best solutions by their score, without those that a better one is the same as."""
    order = np.argsort(-solutions.score, kind="stable")
    return solutions.take(order[_first_of_each(solutions.basis[order])])


@njit(error_model="numpy", cache=True)
def _first_of_each(bases):
    """Return which reciprocal bases (n, 3, 3) are of no lattice before, at most so many as are kept."""
    kept, known, found = np.empty(_MOST_SOLUTIONS, np.int64), np.empty((_MOST_SOLUTIONS, N_SHORTEST + 1)), 0
    for i in range(len(bases)):
        rows = dual(bases[i])
        reduce_rows(rows)
        lengths = shortest_of_reduced(rows)
        for v in range(N_SHORTEST):  # one by one: numba compiles seconds at an array put into another
            known[found, v] = lengths[v]
        known[found, N_SHORTEST] = np.cbrt(1 / determinant(bases[i]))
        same = False
        for k in range(found):
            most = 0.0
            for v in range(N_SHORTEST + 1):
                most = max(most, abs(known[found, v] / known[k, v] - 1))
            same = same or most < _SAME
        if not same:
            kept[found] = i
            found += 1
            if found == _MOST_SOLUTIONS:
                break
    return kept[:found]


def _candidate(columns, bright, solution, probability) -> Candidate:
    n = columns.shape[1]
    hkl, residual = np.zeros((n, 3), dtype=np.int64), np.full(n, np.inf)
    at, indices = bright[solution.indexed], solution.hkl[solution.indexed]
    hkl[at] = indices
    off = columns[:2, at].T - indices @ solution.plane - solution.origin
    residual[at] = np.hypot(*off.T)
    # Three vectors and the origin, of two components each, were fitted.
    spread = np.sqrt((off**2).sum() / max(1, 2 * len(at) - 8))
    return Candidate(
        basis=solution.basis,
        hkl=hkl,
        indexed=np.isfinite(residual),
        residual=residual,
        score=float(solution.score),
        probability=float(probability),
        position_error=float(spread),
    )
