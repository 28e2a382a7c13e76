"""Triples of periods whose lattice explains the spots of a pattern best."""

import math

import numpy as np
from numba import njit

from edsym.lattice.linear import determinant, dual

STRAY = 0.05
"""Share of spots that may lie on no lattice."""
SMALLEST, LARGEST = 5.0, 2500.0
"""Volumes of primitive cells in Å³."""
_FLAT = 0.15  # of the box of three vectors: others have shorter ones


@njit(error_model="numpy", cache=True)
def explained(phases, reciprocal, volume, error, spread):
    """Return the log-likelihood ratio of spots on a lattice over spots anywhere.

    A spot is a lattice point moved by the errors of its position and by its excitation error, all Gaussian;
    without a lattice it is spread evenly over the reciprocal cell, of the volume 1 / V.

    Parameters
    ----------
    phases : (n, 3) float64
        Products q · t of the spots with the three vectors.
    reciprocal : (3, 3) float64
        Rows are the reciprocal vectors in 1/Å.
    volume : float
        V, of the direct cell, in Å³.
    error : float
        Standard deviation of a position's coordinate in 1/Å.
    spread : (n,) float64
        Standard deviation of the excitation errors in 1/Å.
    """
    total = 0.0
    for i in range(len(phases)):
        a = phases[i, 0] - np.round(phases[i, 0])
        b = phases[i, 1] - np.round(phases[i, 1])
        c = phases[i, 2] - np.round(phases[i, 2])
        x = a * reciprocal[0, 0] + b * reciprocal[1, 0] + c * reciprocal[2, 0]
        y = a * reciprocal[0, 1] + b * reciprocal[1, 1] + c * reciprocal[2, 1]
        z = a * reciprocal[0, 2] + b * reciprocal[1, 2] + c * reciprocal[2, 2]
        chi = (x * x + y * y) / (error * error) + (z / spread[i]) ** 2
        density = math.exp(-0.5 * chi) / (15.75 * error * error * spread[i])  # (2π)^(3/2)
        total += math.log(STRAY + (1 - STRAY) * density / volume)
    return total


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
        Rows are vectors of the direct lattice in Å; the best first, by `explained`.
    """
    scores, triples = _score_triples(q @ periods.T, spread, error, periods)
    order = np.argsort(-scores, kind="stable")[:most]
    return periods[triples[order[scores[order] > 0]]]


@njit(error_model="numpy", cache=True)
def _score_triples(products, spread, error, periods):
    """Return the scores of all triples of periods that span a cell, and the triples."""
    n, k = products.shape
    scores, triples = (
        np.zeros(k * (k - 1) * (k - 2) // 6),
        np.zeros((k * (k - 1) * (k - 2) // 6, 3), np.int64),
    )
    phases, basis, sizes = np.empty((n, 3)), np.empty((3, 3)), np.empty(3)
    found = 0
    for i in range(k):
        for j in range(i):
            for m in range(j):
                for row, period in enumerate((i, j, m)):
                    sizes[row] = 0.0
                    for a in range(3):
                        basis[row, a] = periods[period, a]
                        sizes[row] += periods[period, a] ** 2
                volume = abs(determinant(basis))
                box = math.sqrt(sizes[0] * sizes[1] * sizes[2])
                if volume < max(SMALLEST, _FLAT * box) or volume > LARGEST:
                    continue
                for s in range(n):
                    phases[s, 0], phases[s, 1], phases[s, 2] = products[s, i], products[s, j], products[s, m]
                scores[found] = explained(phases, dual(basis), volume, error, spread)
                triples[found, 0], triples[found, 1], triples[found, 2] = i, j, m
                found += 1
    return scores[:found], triples[:found]
