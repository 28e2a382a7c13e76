"""Triples of periods whose lattice explains the spots of a pattern best."""

import math

import numpy as np
from numba import njit

from edsym.lattice.linear import determinant, dual

STRAY = 0.05
"""Share of spots that may lie on no lattice."""
SMALLEST, LARGEST = 5.0, 2500.0
"""Volumes of primitive cells in Å³."""


@njit(error_model="numpy", cache=True)
def explained(phases, inverse, volume, error, spread):
    """Return the log-likelihood ratio of spots on a lattice over spots anywhere.

    A spot is a lattice point moved by the errors of its position and by its excitation error, all Gaussian;
    without a lattice it is spread evenly over the reciprocal cell, of the volume 1 / V.

    Parameters
    ----------
    phases : (n, 3) float64
        Products q · t of the spots with the three vectors.
    inverse : (3, 3) float64
        Columns are the reciprocal vectors in 1/Å: turns phases into q.
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
        x = inverse[0, 0] * a + inverse[0, 1] * b + inverse[0, 2] * c
        y = inverse[1, 0] * a + inverse[1, 1] * b + inverse[1, 2] * c
        z = inverse[2, 0] * a + inverse[2, 1] * b + inverse[2, 2] * c
        chi = (x * x + y * y) / (error * error) + (z / spread[i]) ** 2
        density = math.exp(-0.5 * chi) / (15.75 * error * error * spread[i])  # (2π)^(3/2)
        total += math.log(STRAY + (1 - STRAY) * density / volume)
    return total


@njit(error_model="numpy", cache=True)
def best_bases(q, spread, error, periods, most):
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
    k, n = len(periods), len(q)
    bases, scores = np.zeros((most, 3, 3)), np.zeros(most)
    phases, basis = np.empty((n, 3)), np.empty((3, 3))
    products = q @ periods.T
    for i in range(k):
        for j in range(i):
            for m in range(j):
                basis[0], basis[1], basis[2] = periods[i], periods[j], periods[m]
                volume = abs(determinant(basis))
                sizes = np.sqrt((basis**2).sum(axis=1))
                if volume < max(SMALLEST, 0.15 * sizes.prod()) or volume > LARGEST:
                    continue
                inverse = dual(basis).T
                for s in range(n):
                    phases[s, 0], phases[s, 1], phases[s, 2] = products[s, i], products[s, j], products[s, m]
                score = explained(phases, inverse, volume, error, spread)
                if score <= scores[most - 1]:
                    continue
                place = most - 1
                while place > 0 and scores[place - 1] < score:
                    scores[place] = scores[place - 1]
                    bases[place] = bases[place - 1]
                    place -= 1
                scores[place], bases[place] = score, basis
    return bases[: np.count_nonzero(scores)]
