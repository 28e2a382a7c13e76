"""Metrics against values worked out by hand."""

import numpy as np
import pytest

from edsym.evaluation.metrics import (
    accuracy,
    class_metrics,
    confusion_counts,
    confusion_shares,
    wilson_interval,
)

# Class 0: two right of three; class 1: one right of two; class 2: no patterns, never predicted;
# class 3: one pattern, never predicted.
TRUTH = np.array([0, 0, 0, 1, 1, 3])
PREDICTED = np.array([0, 0, 1, 1, 0, 0])


def test_accuracy_by_hand():
    assert accuracy(TRUTH, PREDICTED) == pytest.approx(3 / 6)


def test_class_metrics_by_hand():
    scores = class_metrics(TRUTH, PREDICTED, 4)
    np.testing.assert_allclose(scores.precision, [2 / 4, 1 / 2, np.nan, np.nan])
    np.testing.assert_allclose(scores.recall, [2 / 3, 1 / 2, np.nan, 0])
    np.testing.assert_allclose(scores.f1, [4 / 7, 1 / 2, np.nan, 0])
    assert scores.support.tolist() == [3, 2, 0, 1]


def test_class_without_patterns_is_unknown_even_if_predicted():
    scores = class_metrics(np.array([0, 0]), np.array([0, 1]), 2)
    assert scores.loc[1, ["precision", "recall", "f1"]].isna().all()


def test_nothing_to_decide_is_unknown():
    nothing = np.array([], dtype=int)
    assert np.isnan(accuracy(nothing, nothing))
    assert class_metrics(nothing, nothing, 2)[["precision", "recall", "f1"]].isna().all(axis=None)
    assert confusion_counts(nothing, nothing, 2).tolist() == [[0, 0], [0, 0]]


def test_confusion_by_hand():
    counts = confusion_counts(TRUTH, PREDICTED, 4)
    assert counts.tolist() == [[2, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
    shares = confusion_shares(counts)
    np.testing.assert_allclose(shares[0], [2 / 3, 1 / 3, 0, 0])
    assert np.isnan(shares[2]).all()


def test_wilson_interval_of_a_published_example():
    # 81 of 263: R. G. Newcombe, Statistics in Medicine 17, 857 (1998), table I: 0.2553 to 0.3662.
    assert wilson_interval(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(1.0, 20)[1] == 1
    assert np.isnan(wilson_interval(np.nan, 0)).all()
