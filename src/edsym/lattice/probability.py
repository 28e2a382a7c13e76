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
def _model() -> tuple[float, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Return the constant term, and knots and values of the function of each feature."""
    read = json.loads(_FILE.read_text(encoding="utf-8"))
    bias = read.pop("bias")
    return bias, {name: (np.array(one["knots"]), np.array(one["values"])) for name, one in read.items()}


def features(solutions, n_spots: int) -> dict[str, np.ndarray]:
    """Return what the fits (m) of one pattern tell, each a column (m,).

    Parameters
    ----------
    solutions : Solutions
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
    scores, indexed = solutions.score, solutions.indexed.sum(axis=1)
    best = scores.argmax()
    others = np.full(len(scores), scores[best])
    others[best] = np.delete(scores, best).max() if len(scores) > 1 else 0.0
    return {
        "lead": scores - others,
        "score": scores / n_spots,
        "spots": np.full(len(scores), np.log(n_spots)),
        "stray": 1 - indexed / n_spots,
        "seen": np.log(indexed / solutions.points),
        "axes": solutions.axes,
        "loose": np.log(np.maximum(solutions.looseness, 1e-6)),
        "cost": solutions.cost,
        "gain": solutions.gain,
    }


def probabilities(solutions, n_spots: int) -> np.ndarray:
    """Return the probability (m,) of each lattice of a pattern that its vectors are right within 3 %.

    Parameters are those of `features`. The sum may exceed 1: two lattices that differ by 4 % may both be
    right within 3 %.
    """
    if not len(solutions.score):
        return np.empty(0)
    bias, functions = _model()
    odds = np.full(len(solutions.score), bias)
    for name, column in features(solutions, n_spots).items():
        odds += np.interp(column, *functions[name])
    return 1 / (1 + np.exp(-odds))
