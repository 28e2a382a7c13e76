"""Shares of crystal systems in a map: by counting, and as the notebook of the paper's authors does."""

import numpy as np

from edsym.symmetry import CRYSTAL_SYSTEMS

PUBLISHED_SYSTEMS = ("cubic", "hexagonal", "tetragonal")
"""The systems that the notebook looks at; it leaves out all others."""
WINDOW, LEAST = 5, 0.005
"""Of its median filter in positions, and the confidence above which it sums."""


def counted(system: np.ndarray) -> dict[str, float]:
    """Return the share of each crystal system in percent of the positions that have an answer.

    Parameters
    ----------
    system : (n,) array of int
        Number of the system at each position; -1 where there is no answer.
    """
    n = np.bincount(system[system >= 0], minlength=len(CRYSTAL_SYSTEMS))
    return dict(zip(CRYSTAL_SYSTEMS, 100 * n / max(n.sum(), 1), strict=True))


def by_filtered_confidence(system: np.ndarray, confidence: np.ndarray) -> dict[str, float]:
    """Return the shares in percent of three systems in the sum of filtered confidences.

    For each of three systems there is a map of the confidence where it is the most probable system, and 0
    elsewhere. The median of 5 × 5 positions goes over each; of what is above 0.005, the sum is the system's
    weight. That is not a count of positions: it grows with the confidence, and other systems are left out.

    Parameters
    ----------
    system, confidence : (rows, columns) arrays
        The most probable system, -1 where there is no answer, and its probability.
    """
    from scipy.ndimage import median_filter  # takes a while to load, and most tables are of no scan

    sums = {}
    for name in PUBLISHED_SYSTEMS:
        own = np.where(system == CRYSTAL_SYSTEMS.index(name), confidence, 0.0)
        smooth = median_filter(own, size=WINDOW, mode="reflect")
        sums[name] = smooth[smooth > LEAST].sum()
    total = sum(sums.values())
    return {name: 100 * value / total if total else 0.0 for name, value in sums.items()}
