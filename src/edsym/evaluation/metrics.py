"""Metrics of a classification. What no pattern tells is NaN, never 0.

They are written out here, as scikit-learn takes longer to load than a table to make.
"""

from collections.abc import Iterable
from statistics import NormalDist

import numpy as np
import pandas as pd

BINS = 15
"""Bins of confidence, of equal width, as in Guo et al. (Proc. ICML 2017, PMLR 70, 1321)."""


def accuracy(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Return the share of right decisions, 0 to 1; NaN where there is nothing to decide."""
    return float(np.mean(np.asarray(truth) == np.asarray(predicted))) if len(truth) else np.nan


def accuracy_in_percent(frame: pd.DataFrame, target: str, name: str, *, interval: bool = True) -> dict:
    """Return the accuracy of decisions, ``{name}``, with its 95 % interval, ``{name}_low`` and ``_high``.

    ``{name}_macro`` is the mean recall: that of the shares of right decisions in each class that occurs.
    """
    right = frame[target] == frame[f"predicted_{target}"]
    share, macro = (
        accuracy(frame[target], frame[f"predicted_{target}"]),
        right.groupby(frame[target]).mean().mean(),
    )
    low, high = wilson_interval(share, frame.material_id.nunique()) if interval else (np.nan, np.nan)
    values = {name: share, f"{name}_low": low, f"{name}_high": high, f"{name}_macro": macro}
    return {column: 100 * value for column, value in values.items()}


def accuracy_columns(names: Iterable[str]) -> list[str]:
    """Return the columns that `accuracy_in_percent` gives for these names."""
    return [f"{name}{end}" for name in names for end in ("", "_low", "_high", "_macro")]


def sizes(frame: pd.DataFrame) -> dict[str, int]:
    """Return the numbers of decisions, materials and space groups in a table of decisions."""
    counts = {"patterns": len(frame), "materials": frame.material_id.nunique()}
    return counts | {"spacegroups": frame.spacegroup.nunique()}


def class_metrics(truth: np.ndarray, predicted: np.ndarray, n_classes: int) -> pd.DataFrame:
    """Return precision, recall, F1 and support of every class.

    Parameters
    ----------
    truth, predicted : (P,) array of int
        Class indices, 0 to `n_classes` - 1.
    n_classes : int
        Number of classes.

    Returns
    -------
    pandas.DataFrame
        One row a class: precision, recall, f1 (0 to 1) and support. All three are NaN for a class
        without patterns; the precision is NaN as well for a class that was never predicted.
    """
    counts = confusion_counts(truth, predicted, n_classes)
    right, support, called = counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0)
    occurs = np.where(support > 0, 1.0, np.nan)
    scores = {"precision": called, "recall": support, "f1": (support + called) / 2}
    shares = {
        name: occurs * np.divide(right, total, out=np.full(n_classes, np.nan), where=total > 0)
        for name, total in scores.items()
    }
    return pd.DataFrame(shares | {"support": support})


def confusion_counts(truth: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the confusion matrix: counts, rows the truth and columns the prediction, (n, n)."""
    pairs = np.asarray(truth, int) * n_classes + np.asarray(predicted, int)
    return np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)


def confusion_shares(counts: np.ndarray) -> np.ndarray:
    """Return each row of a confusion matrix as shares of its class; NaN for a class without patterns."""
    total = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, total, out=np.full(counts.shape, np.nan), where=total > 0)


def wilson_interval(share: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval of a share that was observed in `n` independent trials.

    For accuracies, `n` is the number of materials: patterns of one material are not independent, and
    counting each of them would make the interval far too narrow.

    Notes
    -----
    E. B. Wilson, J. Am. Stat. Assoc. 22, 209 (1927).
    """
    if n == 0 or np.isnan(share):
        return np.nan, np.nan
    z = NormalDist().inv_cdf(0.5 + level / 2)
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # the share is within its interval, whatever rounding makes of 0 and 1
    return float(max(min(centre - half, share), 0)), float(min(max(centre + half, share), 1))


def reliability(confidence: np.ndarray, right: np.ndarray) -> pd.DataFrame:
    """Return the reliability diagram of decisions.

    Parameters
    ----------
    confidence : (N,) array
        Confidence of each decision, 0 to 1.
    right : (N,) array of bool
        Whether it was right.

    Returns
    -------
    pandas.DataFrame
        One row for each of `BINS` intervals (low, high]: count, confidence and accuracy, the means of
        its decisions; NaN for one without decisions.
    """
    index = np.clip(np.ceil(np.asarray(confidence, float) * BINS).astype(int) - 1, 0, BINS - 1)
    count = np.bincount(index, minlength=BINS)
    sums = {"confidence": confidence, "accuracy": right}
    means = {
        name: np.divide(
            np.bincount(index, values, minlength=BINS), count, out=np.full(BINS, np.nan), where=count > 0
        )
        for name, values in sums.items()
    }
    return pd.DataFrame({"count": count, **means})


def expected_calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """Return the mean distance of confidence and accuracy over the bins (Guo et al., equation 3), 0 to 1.

    NaN if there is no decision or no confidence.
    """
    if not len(confidence) or np.isnan(confidence).any():
        return np.nan
    bins = reliability(confidence, right)
    distance = (bins.confidence - bins.accuracy).abs()
    return float((distance * bins["count"]).sum() / len(confidence))
