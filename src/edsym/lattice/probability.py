"""The probability that a lattice found in a pattern is the crystal's, from what the fit tells of itself.

The logarithm of its odds is a sum of functions of single features, each linear between knots. They were
fitted to simulated patterns of development materials, ideal and as detectors show them: docs/lattice.md.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np

_FILE = Path(__file__).with_name("probability.json")


@cache
def _model() -> dict:
    return json.loads(_FILE.read_text(encoding="utf-8"))


def features(solutions, n_spots: int) -> dict[str, np.ndarray]:
    """Return what the fits (m) of one pattern tell, each a column (m,).

    Parameters
    ----------
    solutions : list of Solution
        Lattices that differ, by their score.
    n_spots : int
        Spots of the pattern that were used.

    Returns
    -------
    dict
        ``lead``, score above the best of the others; ``score``, for each spot; ``spots``, logarithm of their
        number; ``stray``, share of spots without a lattice point; ``seen``, logarithm of the share of points
        near the Ewald sphere that have a spot; ``axes``, number of twofold axes; ``loose``, logarithm of the
        standard deviation of ln V; ``cost`` and ``gain`` of the symmetry, see `Solution`.
    """
    scores = np.array([one.score for one in solutions])
    others = np.array([max(np.delete(scores, i), default=0.0) for i in range(len(scores))])
    indexed = np.array([(one.spot >= 0).sum() for one in solutions])
    return {
        "lead": scores - others,
        "score": scores / n_spots,
        "spots": np.full(len(scores), np.log(n_spots)),
        "stray": 1 - indexed / n_spots,
        "seen": np.log(indexed / np.array([len(one.points) for one in solutions])),
        "axes": np.array([one.axes for one in solutions], dtype=np.float64),
        "loose": np.log(np.maximum([one.looseness for one in solutions], 1e-6)),
        "cost": np.array([one.cost for one in solutions]),
        "gain": np.array([one.gain for one in solutions]),
    }


def probabilities(solutions, n_spots: int) -> np.ndarray:
    """Return the probability (m,) of each lattice of a pattern that its vectors are right within 3 %.

    Parameters are those of `features`. The sum may exceed 1: two lattices that differ by 4 % may both be
    right within 3 %.
    """
    if not solutions:
        return np.empty(0)
    model = _model()
    odds = np.full(len(solutions), model["bias"])
    for name, column in features(solutions, n_spots).items():
        odds += np.interp(column, model[name]["knots"], model[name]["values"])
    return 1 / (1 + np.exp(-odds))
