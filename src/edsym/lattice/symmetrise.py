"""The symmetry of a lattice that is known badly along the beam: found from agreement, then used."""

import math
from typing import NamedTuple

import numpy as np

from edsym.lattice.constraint import LARGEST_CHI, constrained_each, costs
from edsym.lattice.holohedry import CONDITIONS, groups
from edsym.lattice.linear import determinant
from edsym.lattice.refinement import FLAT, Fit, Pattern, evaluate, offsets, precision

_MOST_AXES = 14
_MOST_GROUPS = 10
# Heights are worse than the curvature of their likelihood says: it is no parabola.
_HEIGHTS = 1 / 2
_LEAST_ERROR = 3e-5  # 1/Å: cells of one crystal differ by more


class Solution(NamedTuple):
    """A lattice that was fitted to a pattern.

    Attributes
    ----------
    score : float
        Log-likelihood ratio over spots without a lattice, the evidence for its symmetry in it.
    basis : (3, 3) float64
        Rows are reciprocal vectors in 1/Å; free of an ellipse of the detector if the symmetry tells one.
    origin : (2,) float64
        Where the direct beam is, in 1/Å.
    plane : (3, 2) float64
        The vectors as they lie on the detector.
    points, spot
        Points near the Ewald sphere and their spots, as `evaluate` returns them.
    axes : int
        Number of twofold axes.
    cost, gain : float
        What the symmetry costs, χ², and its evidence: see `constrained`.
    looseness : float
        Standard deviation of the logarithm of its volume.
    """

    score: float
    basis: np.ndarray
    origin: np.ndarray
    plane: np.ndarray
    points: np.ndarray
    spot: np.ndarray
    axes: int
    cost: float
    gain: float
    looseness: float


def symmetrised(fit: Fit, pattern: Pattern) -> list[Solution]:
    """Return a lattice as it was fitted and with each symmetry that it may have, the most probable first."""
    basis, origin, scale, points, spot, score, _ = fit
    off = offsets(points, spot, basis, origin, pattern)
    error = max(_LEAST_ERROR, np.sqrt((off**2).sum() / max(1, 2 * len(off) - 8)))
    plane, heights = precision(fit, error)
    known = basis, plane, heights * _HEIGHTS, error
    cost, gain = costs(*known, CONDITIONS)
    likely = np.argsort(cost - gain, kind="stable")
    axes = likely[cost[likely] < LARGEST_CHI][:_MOST_AXES]
    members = [[], *groups(axes.tolist())]  # without symmetry, and with each
    conditions = CONDITIONS[[axis for one in members for axis in one]]
    begin = np.cumsum([0, *map(len, members)])
    bases, across, along, gain, looseness = constrained_each(*known, conditions, begin)
    solutions = [Solution(score, basis, origin, basis[:, :2], points, spot, 0, 0.0, 0.0, looseness[0])]
    cost = across + along
    order = np.argsort(cost / 2 - gain, kind="stable")
    for i in order[(order > 0) & (cost[order] < LARGEST_CHI)][:_MOST_GROUPS].tolist():
        start = basis.copy()
        start[:, 2] = bases[i, :, 2]
        if abs(determinant(start)) < FLAT:  # nearly flat, it has points without end near the sphere
            continue
        seen = evaluate(start, origin, scale, False, pattern)
        if math.isfinite(seen.score):
            solutions.append(
                Solution(
                    score=seen.score - across[i] / 2 + gain[i],
                    basis=bases[i],
                    origin=seen.origin,
                    plane=seen.basis[:, :2],
                    points=seen.points,
                    spot=seen.spot,
                    axes=len(members[i]),
                    cost=cost[i],
                    gain=gain[i],
                    looseness=looseness[i],
                )
            )
    return sorted(solutions, key=lambda one: -one.score)
