"""Metrics against values worked out by hand."""

import numpy as np
import pytest
from scipy.stats import binomtest

from edsym.evaluation.bootstrap import Bootstrap, interval_in_percent, mcnemar, of_nulls
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
    assert all(wilson_interval(0.0, n)[0] == 0 and wilson_interval(1.0, n)[1] == 1 for n in range(1, 60))
    assert np.isnan(wilson_interval(np.nan, 0)).all()


def test_draws_take_materials_whole_and_begin_with_the_sample():
    materials = np.array(["a", "a", "a", "b", "c", "c"])
    hits, classes = np.array([1, 0, 1, 0, 1, 1]), np.array([5, 5, 5, 5, 2, 2])
    boot = Bootstrap(materials, 200, 0)
    share, recall = boot.share(hits), boot.recall(hits, classes)
    assert share[0] == pytest.approx(4 / 6) and recall[0] == pytest.approx((2 / 4 + 1) / 2)
    for draw in range(1, 30):
        rows = np.repeat(np.arange(6), boot.times[draw].astype(int)[[0, 0, 0, 1, 2, 2]])
        assert boot.times[draw].sum() == 3
        assert share[draw] == pytest.approx(hits[rows].mean())
        # a class that was not drawn has its share in the sample
        drawn = {c: rows if c in classes[rows] else slice(None) for c in set(classes)}
        recalls = [hits[own][classes[own] == c].mean() for c, own in drawn.items()]
        assert recall[draw] == pytest.approx(np.mean(recalls))
    np.testing.assert_array_equal(share, Bootstrap(materials, 200, 0).share(hits))


def test_intervals_of_many_materials_are_those_of_a_binomial():
    n = 1000
    hits = np.arange(n) < 300
    row = interval_in_percent(Bootstrap(np.arange(n).astype(str), 2000, 1).share(hits), "x")
    assert row["x"] == pytest.approx(30)
    half = 1.96 * 100 * np.sqrt(0.3 * 0.7 / n)
    assert (row["x_low"], row["x_high"]) == pytest.approx((30 - half, 30 + half), abs=0.3)


def test_mcnemar_is_the_binomial_test_of_one_half():
    for first, second in ((0, 0), (2, 0), (5, 5), (3, 11), (40, 12), (4000, 3800)):
        expected = binomtest(first, first + second).pvalue if first + second else 1
        assert mcnemar(first, second) == pytest.approx(expected)
        assert mcnemar(second, first) == mcnemar(first, second)


def test_what_knows_nothing_is_right_as_often_as_the_training_says():
    nulls = of_nulls(np.array([1, 2, 2, 9]), {1: 30, 2: 10})
    assert nulls["majority"].tolist() == [1, 0, 0, 0]
    assert nulls["prior"].tolist() == [0.75, 0.25, 0.25, 0]
