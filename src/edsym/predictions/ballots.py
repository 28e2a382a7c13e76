"""Ways to count the answers of views beside the vote: those of the published forest.

S. P. Gleason et al., Phys. Rev. Materials 8, 093802 (2024), with shares of the trees' votes in place of any
model's probabilities.
"""

from collections.abc import Callable

import numpy as np


def weighted(probabilities: np.ndarray) -> np.ndarray:
    """Return what each view gives to classes, (K, C): its largest probability to its class."""
    return _given(probabilities, probabilities.max(axis=1))


def difference(probabilities: np.ndarray) -> np.ndarray:
    """Return what each view gives to classes, (K, C): the lead of its class over the second to its class.

    For a forest this lead is its difference confidence: votes of the first less votes of the second class by
    the number of trees.
    """
    second, first = np.partition(probabilities.astype(np.float64), -2, axis=1)[:, -2:].T
    return _given(probabilities, first - second)


def histogram(probabilities: np.ndarray) -> np.ndarray:
    """Return what each view gives to classes, (K, C): all of its probabilities."""
    return probabilities.astype(np.float64)


BALLOTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "weighted": weighted,
    "difference": difference,
    "histogram": histogram,
}
"""These ways by the prefixes of their columns (`edsym.predictions.views`)."""


def count(given: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Decide for each material by what its views give.

    Parameters
    ----------
    given : (K, C) array
        What each view gives to each class, those of one material one after the other.
    start : (M,) array of int
        Where each material starts.

    Returns
    -------
    decision : (M,) array of int
        The class that is given most; of several the first.
    confidence : (M,) array
        Its share of all that is given, 0 if nothing is.
    """
    sums = np.add.reduceat(given, start)
    total = sums.sum(axis=1)
    return sums.argmax(axis=1), sums.max(axis=1) / np.where(total > 0, total, 1)


def _given(probabilities: np.ndarray, weight: np.ndarray) -> np.ndarray:
    given = np.zeros(probabilities.shape)
    given[np.arange(len(given)), probabilities.argmax(axis=1)] = weight
    return given
