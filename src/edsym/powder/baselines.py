"""What the powder network is compared with: the most similar training pattern, and a random forest."""

import numpy as np
import torch

from edsym.powder.features import clean
from edsym.powder.model import PowderModel
from edsym.powder.settings import PowderEvaluationSettings, PowderSettings
from edsym.symmetry import N_SPACE_GROUPS

_AT_ONCE = 1024
# Bins of a profile that the forest sees as one: their maximum.
_JOINED = 5
# Of the similarity of a group to its probability: that of the neighbour itself weighs e to this power.
_SHARPNESS = 20.0


def nearest(
    shown: np.ndarray, groups: np.ndarray, patterns: np.ndarray, settings: PowderSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities (n, 230) by the cosine to the most similar training pattern of each space group.

    With them comes the largest cosine (n,): how similar the most similar training pattern is.

    Parameters
    ----------
    shown : (t, bins) array
        A pattern of each training material.
    groups : (t,) array of int
        Their space groups, from 1.
    patterns : (n, bins) array
        What is asked for.
    settings : PowderSettings
        The axis.
    """
    order = np.argsort(groups, kind="stable")
    present, start = np.unique(groups[order], return_index=True)
    known = _unit(clean(shown[order], settings)).T
    best = np.full((len(patterns), N_SPACE_GROUPS), -np.inf)
    for i in range(0, len(patterns), _AT_ONCE):
        cosine = _unit(clean(patterns[i : i + _AT_ONCE], settings)) @ known
        best[i : i + _AT_ONCE, present - 1] = np.maximum.reduceat(cosine, start, axis=1)
    top = best.max(1)
    p = np.exp(_SHARPNESS * (best - top[:, None]))
    return p / p.sum(1, keepdims=True), top


def forest(
    shown: np.ndarray,
    groups: np.ndarray,
    patterns: np.ndarray,
    model: PowderModel,
    settings: PowderEvaluationSettings,
) -> np.ndarray:
    """Return probabilities (n, 230) by a random forest on the network's inputs, bins of profiles joined.

    Parameters are those of `nearest`; `model` has the axis and the autocorrelations.
    """
    from sklearn.ensemble import RandomForestClassifier

    trees = RandomForestClassifier(
        settings.trees, min_samples_leaf=2, n_jobs=model.settings.threads, random_state=settings.seed
    )
    trees.fit(_features(shown, model), groups)
    p = np.zeros((len(patterns), N_SPACE_GROUPS))
    p[:, trees.classes_ - 1] = trees.predict_proba(_features(patterns, model))
    return p


@torch.inference_mode()
def _features(patterns: np.ndarray, model: PowderModel) -> np.ndarray:
    """Return features (n, F) of the forest."""
    parts = []
    for i in range(0, len(patterns), _AT_ONCE):
        profiles = clean(patterns[i : i + _AT_ONCE], model.powder)
        joined = profiles[:, : profiles.shape[1] // _JOINED * _JOINED].reshape(len(profiles), -1, _JOINED)
        correlations = model.network.correlations(torch.from_numpy(profiles)).numpy()
        parts.append(np.concatenate([joined.max(2), correlations], axis=1))
    return np.concatenate(parts)


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
