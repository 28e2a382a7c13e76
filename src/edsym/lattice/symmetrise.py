"""The symmetry of a lattice that is known badly along the beam: found from agreement, then used."""

from typing import NamedTuple

import numpy as np

from edsym.lattice.constraint import LARGEST_CHI, constrained, costs
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
    *_, looseness = constrained(*known, CONDITIONS[:0])
    solutions = [Solution(score, basis, origin, basis[:, :2], points, spot, 0, 0.0, 0.0, looseness)]
    tried = []
    for members in groups(sorted(axes.tolist())):
        moved, across, along, gain, looseness = constrained(*known, CONDITIONS[members])
        if across + along < LARGEST_CHI:
            tried.append((gain - (across + along) / 2, moved, across, along, gain, looseness, len(members)))
    tried.sort(key=lambda one: -one[0])
    for _, moved, across, along, gain, looseness, n_axes in tried[:_MOST_GROUPS]:
        start = basis.copy()
        start[:, 2] = moved[:, 2]
        if abs(determinant(start)) < FLAT:  # nearly flat, it has points without end near the sphere
            continue
        seen = evaluate(start, origin, scale, False, pattern)
        if np.isfinite(seen.score):
            solutions.append(
                Solution(
                    score=seen.score - across / 2 + gain,
                    basis=moved,
                    origin=seen.origin,
                    plane=seen.basis[:, :2],
                    points=seen.points,
                    spot=seen.spot,
                    axes=n_axes,
                    cost=across + along,
                    gain=gain,
                    looseness=looseness,
                )
            )
    return sorted(solutions, key=lambda one: -one.score)
