"""The probability that a lattice found in several views is right."""

import numpy as np

from edsym.lattice.indexing import Indexing
from edsym.lattice.views import Solution

WEIGHTS = np.zeros(8)
"""Fitted."""


def features(solution: Solution, indexed: list[Indexing]) -> np.ndarray:
    """Return what tells right lattices from wrong ones."""
    active = solution.active
    inlier = np.array([one.inlier.mean() for one in indexed])
    spots = np.array([len(one.inlier) for one in indexed])
    share = inlier[active].dot(spots[active]) / spots.sum()
    per_spot = solution.gain.sum() / spots[active].sum()
    fit = solution.fit
    return np.array(
        [
            1.0,
            np.log((share + 0.01) / (1.01 - share)),
            np.log(len(active)),
            len(active) / len(indexed),
            np.log(max(per_spot, 0.1)),
            min(fit.largest_sigma / fit.sigma, 3.0),
            np.log(1 / abs(np.linalg.det(fit.basis))),
            np.log(spots.sum()),
        ]
    )


def probability_of_views(solution: Solution, indexed: list[Indexing]) -> float:
    """Return the probability that the lattice of at least two views is right."""
    return float(1 / (1 + np.exp(-features(solution, indexed) @ WEIGHTS)))
