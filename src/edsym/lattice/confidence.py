"""The probability that a lattice found in several views is right."""

import numpy as np

from edsym.lattice.indexing import Indexing
from edsym.lattice.views import Solution

WEIGHTS = np.array([-0.221, 0.922, 0.632, -6.285, 1.336, 0.424, -0.923, 1.539])
"""Of the `features`, in the logarithm of the odds; fitted to 100 sets of 2 to 10 views of 25 materials."""


def features(solution: Solution, indexed: list[Indexing]) -> np.ndarray:
    """Return what tells right lattices from wrong ones.

    Parameters
    ----------
    solution : Solution
        The lattice, with at least two views that agree.
    indexed : list of Indexing
        What it makes of each view.

    Returns
    -------
    (8,) array
        1; the odds of a spot to lie on the lattice, as a logarithm; that of the number of views that agree;
        their share; the logarithm of the gain a spot; how much sharper the positions are than they might be;
        the logarithms of the volume and of the number of spots.
    """
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
