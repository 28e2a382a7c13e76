"""Combining the views of a material into one distribution.

The logarithmic opinion pool (C. Genest & J. V. Zidek, Statist. Sci. 1, 114 (1986)) multiplies the
distributions p_k of K views, each to the power of a weight: ``p ∝ Π p_k^(w_k / K)``. Equal weights of one are
the geometric mean. The learned pool has ``w_k = θ · (1, certainty of the view's crystal system, certainty of
its space group)``, so that a view that tells little counts for little; θ has one value for each target and
is fitted on validation materials. Certainty is 1 less the entropy over its largest value.
"""

import numpy as np

from edsym.predictions.loglinear import log_probabilities, softmax
from edsym.predictions.table import Predictions


def view_features(predictions: Predictions, rows: np.ndarray) -> np.ndarray:
    """Return the features of views that their weights are made of, (K, 3)."""
    certainties = [_certainty(p[rows]) for p in (predictions.p_system, predictions.p_spacegroup)]
    return np.column_stack([np.ones(len(rows)), *certainties])


def _certainty(probabilities: np.ndarray) -> np.ndarray:
    p = probabilities.astype(np.float64)
    entropy = -(p * log_probabilities(p)).sum(axis=1)
    return 1 - entropy / np.log(p.shape[1])


def pool_scores(probabilities: np.ndarray, features: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return the mean over the views of feature times log-probability, the scores that θ weighs.

    Parameters
    ----------
    probabilities : (K, C) array
        Probabilities of the views, those of one material one after the other.
    features : (K, F) array
        Features of the views.
    start : (M,) array of int
        Where each material starts.

    Returns
    -------
    (M, F, C) array
        Scores for `edsym.predictions.loglinear.fit_weights`.
    """
    logarithms = log_probabilities(probabilities)
    n_views = np.diff(np.append(start, len(probabilities)))
    sums = [np.add.reduceat(logarithms * feature[:, None], start) for feature in features.T]
    return np.stack(sums, axis=1) / n_views[:, None, None]


def geometric_mean(probabilities: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return the normalised geometric mean of each material's views, (M, C)."""
    return softmax(pool_scores(probabilities, np.ones((len(probabilities), 1)), start)[:, 0])


def pool(
    probabilities: np.ndarray, features: np.ndarray, start: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return the learned pool of each material's views, (M, C); `weights` is θ, (F,)."""
    return softmax(np.einsum("f,mfc->mc", weights, pool_scores(probabilities, features, start)))
