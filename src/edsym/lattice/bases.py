"""Triples of periods whose lattice explains the spots of a pattern best."""

import math

import numpy as np
from numba import njit

from edsym.lattice.elementary import SUMS, exp

STRAY = 0.05
"""Share of spots that may lie on no lattice."""
SMALLEST, LARGEST = 5.0, 2500.0
"""Volumes of primitive cells in Å³."""
_FLAT = 0.15  # of the box of three vectors: others have shorter ones
_AT_ONCE = 8  # spots whose likelihoods are multiplied: processors do so many at once


def best_bases(q, spread, error: float, periods, most: int) -> np.ndarray:
    """Return the triples of periods that explain most, the best first.

    Parameters
    ----------
    q, spread : (n, 3), (n,) float64
        Spots on the Ewald sphere and the standard deviations of their excitation errors, in 1/Å.
    error : float
        Standard deviation of a coordinate, in 1/Å.
    periods : (k, 3) float64
        In Å.
    most : int
        How many to return at most.

    Returns
    -------
    (m, 3, 3) float64
        Rows are vectors of the direct lattice in Å; the best first, of those that `score_triples` returns.
    """
    scores, triples = score_triples(q @ periods.T, spread, error, periods)
    if len(scores) > most:
        some = scores >= np.partition(scores, -most)[-most]
        scores, triples = scores[some], triples[some]
    return periods[triples[np.argsort(-scores, kind="stable")[:most]]]


@njit(error_model="numpy", cache=True)
def score_triples(products, spread, error, periods):
    """Return the triples of periods that span a cell and explain spots, with scores above 0.

    A score is the log-likelihood ratio of spots on a lattice over spots anywhere. A spot is a lattice point
    moved by the errors of its position and by its excitation error, all Gaussian; without a lattice it is
    spread evenly over the reciprocal cell, of the volume 1 / V.

    Parameters
    ----------
    products : (n, k) float64
        q · t of the spots with the periods.
    spread, error, periods
        As `best_bases` takes them.

    Returns
    -------
    scores, triples : (m,) float64, (m, 3) int64
    """
    k = len(periods)
    scores = np.empty(k * (k - 1) * (k - 2) // 6)
    triples, found = np.empty((len(scores), 3), np.int64), 0
    off, known = _off_whole(products, spread, error)
    squares = np.empty(k)
    for i in range(k):
        squares[i] = periods[i, 0] ** 2 + periods[i, 1] ** 2 + periods[i, 2] ** 2
    for i in range(k):
        for j in range(i):
            by_third = _cross(periods[i], periods[j])
            for m in range(j):
                third = periods[m]
                volume = by_third[0] * third[0] + by_third[1] * third[1] + by_third[2] * third[2]
                flattest = _FLAT**2 * squares[i] * squares[j] * squares[m]
                if volume**2 < max(SMALLEST**2, flattest) or abs(volume) > LARGEST:
                    continue
                rows = _cross(periods[j], third), _cross(third, periods[i]), by_third
                score = _explained(off, i, j, m, rows, 1 / abs(volume), known, error)
                if score > 0:
                    scores[found] = score
                    triples[found, 0], triples[found, 1], triples[found, 2] = i, j, m
                    found += 1
    return scores[:found], triples[:found]


@njit(error_model="numpy", cache=True, forceinline=True)
def _cross(a, b):
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@njit(error_model="numpy", cache=True)
def _off_whole(products, spread, error):
    """Return how far products are from whole numbers (k, b, 8), and what is known of the spots (3, b, 8).

    That is the share of spots on the lattice times the largest density of places, in Å³, the share of
    others, and the inverse variance of the excitation error by that of a coordinate. Spots are filled up by
    such as say nothing.
    """
    n, k = products.shape
    blocks = -(-n // _AT_ONCE)
    off, known = np.zeros((k, blocks, _AT_ONCE)), np.zeros((3, blocks, _AT_ONCE))
    for s in range(blocks * _AT_ONCE):
        block, at = s // _AT_ONCE, s % _AT_ONCE
        known[1, block, at] = 1.0
        if s < n:
            known[0, block, at] = (1 - STRAY) / (15.75 * error * error * spread[s])  # (2π)^(3/2)
            known[1, block, at] = STRAY
            known[2, block, at] = (error / spread[s]) ** 2
            for i in range(k):
                off[i, block, at] = products[s, i] - np.round(products[s, i])
    return off, known


@njit(error_model="numpy", cache=True, fastmath=SUMS, forceinline=True)
def _explained(off, i, j, m, rows, inverse, known, error):
    """Return the score of three periods: `rows` are the reciprocal vectors times V, `inverse` is 1 / V."""
    (x1, y1, z1), (x2, y2, z2), (x3, y3, z3) = rows
    total, half = 0.0, -0.5 * (inverse / error) ** 2
    for b in range(off.shape[1]):
        product = 1.0
        for s in range(_AT_ONCE):  # known beforehand, or numbers are fetched one by one
            x = off[i, b, s] * x1 + off[j, b, s] * x2 + off[m, b, s] * x3
            y = off[i, b, s] * y1 + off[j, b, s] * y2 + off[m, b, s] * y3
            z = off[i, b, s] * z1 + off[j, b, s] * z2 + off[m, b, s] * z3
            density = exp(half * (x * x + y * y + known[2, b, s] * z * z))
            product *= known[1, b, s] + known[0, b, s] * inverse * density
        total += math.log(product)
    return total
