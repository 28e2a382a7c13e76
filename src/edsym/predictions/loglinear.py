"""Log-linear models of class probabilities: softmax over classes of sums of weighted scores.

Temperature scaling is such a model with one score, the log-probabilities, and a logarithmic opinion pool one
with several. The likelihood is concave in the weights, so that Newton's method finds the one optimum without
a random start.
"""

import numpy as np

MIN_PROBABILITY = 1e-6
"""Smaller probabilities count as this one in logarithms, so that one view cannot veto a class."""

# Inverse square of the width of the prior.
_PRECISION = 1e-2
_STEPS = 50
_CONVERGED = 1e-8


def log_probabilities(probabilities: np.ndarray) -> np.ndarray:
    """Return logarithms of probabilities, clipped at `MIN_PROBABILITY`, in double precision."""
    return np.log(np.maximum(probabilities, MIN_PROBABILITY, dtype=np.float64))


def softmax(scores: np.ndarray) -> np.ndarray:
    """Return the distributions over the last axis that are proportional to exp(scores)."""
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


def fit_weights(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the weights of scores that make the true classes most probable.

    Parameters
    ----------
    scores : (N, F, C) array
        F scores of every class in each of N trials.
    truth : (N,) array of int
        True classes, 0 to C - 1.

    Returns
    -------
    (F,) array
        Weights w of the largest posterior, where ``p = softmax(w @ scores)`` and w has a normal prior of
        width 10 about (1, 0, 0, …), which is the first score as it stands. It bounds the weights where the
        trials are few and all of them decided right, and weighs nothing where they are many.
    """
    prior = np.eye(scores.shape[1])[0]
    weights, value = prior, _objective(scores, truth, prior, prior)
    for _ in range(_STEPS):
        p = softmax(np.einsum("f,nfc->nc", weights, scores))
        mean = np.einsum("nc,nfc->nf", p, scores)
        gradient = (mean - scores[np.arange(len(truth)), :, truth]).sum(axis=0) + _PRECISION * (
            weights - prior
        )
        curvature = np.einsum("nc,nfc,ngc->fg", p, scores, scores, optimize=True)
        step = np.linalg.solve(curvature - mean.T @ mean + _PRECISION * np.eye(len(weights)), gradient)
        # Far from the optimum a whole step may overshoot.
        while (new := _objective(scores, truth, weights - step, prior)) > value:
            step = step / 2
            if np.abs(step).max() < _CONVERGED:
                return weights
        weights, value = weights - step, new
        if np.abs(step).max() < _CONVERGED:
            break
    return weights


def _objective(scores: np.ndarray, truth: np.ndarray, weights: np.ndarray, prior: np.ndarray) -> float:
    """Return the negative logarithm of the posterior."""
    logits = np.einsum("f,nfc->nc", weights, scores)
    top = logits.max(axis=1)
    likelihood = (
        logits[np.arange(len(truth)), truth] - top - np.log(np.exp(logits - top[:, None]).sum(axis=1))
    )
    return float(-likelihood.sum() + _PRECISION * ((weights - prior) ** 2).sum() / 2)
