"""Intervals by a bootstrap over materials, and an exact test of two models on the same materials.

Patterns of one material stand or fall together, so that materials are drawn, each with all its patterns
(B. Efron & R. J. Tibshirani, An Introduction to the Bootstrap, 1993, chapter 8).
"""

from collections.abc import Mapping

import numpy as np

from edsym.seeds import generator

_LEVELS = (2.5, 97.5)


class Bootstrap:
    """Draws of M materials out of M, with replacement.

    Parameters
    ----------
    material_id : (N,) array of str
        Material of each decision.
    draws : int
        How many draws.
    seed : int
        Seed of the draws; they depend on it and on the number of materials.
    """

    def __init__(self, material_id: np.ndarray, draws: int, seed: int):
        self.materials, self.first, self._of = np.unique(
            np.asarray(material_id, dtype=str), return_index=True, return_inverse=True
        )
        n, rng = len(self.materials), generator(seed, "bootstrap")
        drawn = (np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(draws))
        # the first row is the sample itself
        self.times = np.stack([np.ones(n), *drawn]).astype(np.float32)
        self.counts = np.bincount(self._of).astype(np.float64)

    def share(self, hits: np.ndarray) -> np.ndarray:
        """Return the share of hits (N,), 0 to 1 each, in the sample and in every draw, (1 + draws,)."""
        return self.times @ self._sums(hits) / (self.times @ self.counts)

    def recall(self, hits: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Return the mean over the classes (N,) that occur of their shares of hits, as `share` does.

        A class of which a draw has no material counts with its share in the sample. Left out, the rare
        classes, which are mostly missed, would raise the mean of nearly all draws above that of the sample.
        """
        of_material = np.asarray(classes)[self.first]
        order = np.argsort(of_material, kind="stable")
        starts = np.flatnonzero(np.diff(of_material[order], prepend=-1))
        times = self.times[:, order]
        right, all_ = (
            np.add.reduceat(times * values[order], starts, axis=1)
            for values in (self._sums(hits), self.counts)
        )
        sample = np.broadcast_to(right[0] / all_[0], right.shape)
        return np.divide(right, all_, out=sample.copy(), where=all_ > 0).mean(axis=1)

    def _sums(self, hits: np.ndarray) -> np.ndarray:
        return np.bincount(self._of, np.asarray(hits, dtype=np.float64))


def interval_in_percent(values: np.ndarray, name: str) -> dict[str, float]:
    """Return the value of a sample ``{name}``, and the 95 % interval of its draws, ``_low`` and ``_high``.

    Parameters
    ----------
    values : (1 + draws,) array
        Shares of the sample and of the draws, or differences of such.
    name : str
        Name of the column.
    """
    low, high = np.percentile(values[1:], _LEVELS)
    return {name: 100 * float(values[0]), f"{name}_low": 100 * float(low), f"{name}_high": 100 * float(high)}


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the two-sided p-value of McNemar's exact test.

    Parameters
    ----------
    only_first, only_second : int
        Numbers of materials of which only one of two models is right.

    Returns
    -------
    float
        Probability that so uneven a division, or one more uneven, comes by chance: of a binomial
        distribution of one half. 1 if the models never differ.

    Notes
    -----
    Q. McNemar, Psychometrika 12, 153 (1947).
    """
    n, least = only_first + only_second, min(only_first, only_second)
    tail = term = 1
    for k in range(1, least + 1):
        term = term * (n - k + 1) // k
        tail += term
    return min(1.0, 2 * tail / 2**n)


def of_nulls(classes: np.ndarray, training: Mapping[int, int]) -> dict[str, np.ndarray]:
    """Return how often what knows nothing is right of each decision, 0 to 1.

    Parameters
    ----------
    classes : (N,) array of int
        True classes.
    training : mapping of int to int
        Training patterns of each class.

    Returns
    -------
    dict of str to (N,) array
        "majority": always the class of most training patterns; "prior": a class drawn by the training's
        shares.
    """
    classes, total = np.asarray(classes), sum(training.values())
    most = max(sorted(training), key=training.get)
    shares = np.array([training.get(c, 0) / total for c in classes])
    return {"majority": (classes == most).astype(float), "prior": shares}
