"""Metrics, calibration and pools beside other implementations, and values that must stay."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax
from scipy.stats import binomtest, entropy
from test_aggregation import make_predictions

from edsym.evaluation.metrics import BINS, class_metrics, confusion_shares, reliability, wilson_interval
from edsym.predictions.calibration import Calibration, scale_temperature
from edsym.predictions.conditional import decide_given_system
from edsym.predictions.decisions import (
    class_indices,
    read_decisions,
    single_decisions,
    write_decisions,
)
from edsym.predictions.draw import draw_views
from edsym.predictions.loglinear import fit_weights
from edsym.predictions.pooling import pool, pool_scores, view_features
from edsym.predictions.settings import EvaluationSettings
from edsym.predictions.views import aggregate, majority_vote

SETTINGS = EvaluationSettings(views=4, seed=3)
TEMPERATURE = {
    method: {"system": 1 + 0.1 * i, "spacegroup": 2 + 0.1 * i}
    for i, method in enumerate(("single", "logsum", "pooled"))
}
FITTED = Calibration(4, 120, TEMPERATURE, {"system": [1.0, 0.5, 0.0], "spacegroup": [1.0, 0.0, 0.5]})


@pytest.mark.parametrize(("successes", "n"), [(0, 1), (1, 1), (1, 7), (7, 7), (81, 263), (500, 501)])
def test_wilson_intervals_are_those_of_scipy(successes, n):
    expected = binomtest(successes, n).proportion_ci(0.95, "wilson")
    assert wilson_interval(successes / n, n) == pytest.approx(tuple(expected), abs=1e-12)


def test_shares_of_a_class_of_one_pattern_are_known():
    np.testing.assert_array_equal(confusion_shares(np.array([[1, 0], [0, 0]])), [[1, 0], [np.nan, np.nan]])


def test_scores_are_numbers_where_there_is_nothing_to_score():
    assert class_metrics(np.array([], int), np.array([], int), 2).recall.dtype.kind == "f"


def test_bins_of_confidence_are_open_below_and_closed_above():
    edge, just_above = 2 / BINS, np.nextafter(2 / BINS, 1)
    confidence = np.array([0, edge, just_above, 1, 1])
    bins = reliability(confidence, np.array([True, False, True, True, False]))
    expected = np.zeros(BINS, int)
    expected[[0, 1, 2, -1]] = 1, 1, 1, 2
    assert bins["count"].tolist() == expected.tolist()
    np.testing.assert_allclose(bins.confidence[expected > 0], [0, edge, just_above, 1])
    np.testing.assert_allclose(bins.accuracy[expected > 0], [1, 0, 1, 0.5])
    empty = bins[expected == 0]
    assert empty[["confidence", "accuracy"]].isna().all(axis=None)


def test_a_temperature_is_a_power():
    p = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    expected = p ** (1 / 3) / (p ** (1 / 3)).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(scale_temperature(p, 3), expected)


def test_confidences_have_the_temperature_of_their_method_and_target():
    p = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    expected = scale_temperature(p, TEMPERATURE["pooled"]["system"]).max(axis=1)
    np.testing.assert_array_equal(FITTED.confidence(p, "pooled", "system"), expected)
    unknown = Calibration().confidence(p, "single", "system")
    assert unknown.dtype == float
    assert np.isnan(unknown).all()


@pytest.mark.parametrize("separable", [False, True])
def test_weights_are_those_of_the_largest_posterior(separable):
    """Few and separable trials, where the prior decides, and Newton's whole step overshoots."""
    rng = np.random.default_rng(1)
    scores = rng.normal(0, 3, (12, 2, 4))
    truth = scores[:, 0].argmax(axis=1) if separable else rng.integers(0, 4, 12)

    def negative_log_posterior(weights):
        likelihood = log_softmax(np.tensordot(weights, scores, (0, 1)), axis=1)
        # a normal prior of width 10 about (1, 0)
        return -likelihood[np.arange(12), truth].sum() + ((weights - [1, 0]) ** 2).sum() / (2 * 10**2)

    expected = minimize(negative_log_posterior, [1, 0], method="BFGS", options={"gtol": 1e-9}).x
    np.testing.assert_allclose(fit_weights(scores, truth), expected, rtol=1e-4, atol=1e-5)


def test_pools_are_weighted_geometric_means_by_certainty():
    predictions = make_predictions()
    rows, start = draw_views(predictions.material_id, predictions.view, SETTINGS)
    features = view_features(predictions, rows)
    p = predictions.p_system[rows].astype(float)
    certainty = 1 - entropy(p, axis=1) / np.log(7)
    assert any(np.allclose(column, certainty, atol=1e-6) for column in features.T)
    weights = np.linspace(0.5, 1.5, features.shape[1])
    logarithms = np.log(np.maximum(p, 1e-6))
    stop = [*start[1:], len(rows)]
    means = [(features[a:b] @ weights) @ logarithms[a:b] / (b - a) for a, b in zip(start, stop, strict=True)]
    shares = np.exp(means)
    np.testing.assert_allclose(
        pool(p, features, start, weights), shares / shares.sum(axis=1, keepdims=True), rtol=1e-9
    )
    assert pool_scores(p, features, start).shape == (len(start), features.shape[1], 7)


def test_tied_votes_are_decided_by_sums_in_double_precision():
    views = np.array([[0.6, 0.4]] * 500 + [[0.4, 0.6]] * 500, np.float32)
    views[-1, 1] += 3e-5  # lost in a sum of single precision
    decided, confidence = majority_vote(views, np.array([0]))
    assert (decided.tolist(), confidence.tolist()) == ([1], [0.5])


def test_drawn_views_stay_what_they_are():
    """The same configuration and seed give the same tables, in every version."""
    predictions = make_predictions(n_materials=2, n_views=30)
    rows, start = draw_views(predictions.material_id, predictions.view, SETTINGS)
    names = [f"{predictions.material_id[row]}/{predictions.view[row]}" for row in rows]
    assert start.tolist() == [0, 4]
    assert names == ["mp-0/4", "mp-0/6", "mp-0/11", "mp-0/13", "mp-1/8", "mp-1/12", "mp-1/25", "mp-1/28"]


def test_single_decisions_have_the_truth_the_answer_and_how_sure_it_is():
    predictions = make_predictions()
    frame = single_decisions(predictions, FITTED)
    assert frame.material_id.tolist() == predictions.material_id.tolist()
    assert frame["view"].tolist() == predictions.view.tolist()
    for target, first in (("system", 0), ("spacegroup", 1)):
        p = getattr(predictions, f"p_{target}")
        assert frame[target].tolist() == getattr(predictions, target).tolist()
        assert (class_indices(predictions, target) == frame[target] - first).all()
        assert (frame[f"predicted_{target}"] == p.argmax(axis=1) + first).all()
        np.testing.assert_array_equal(frame[f"{target}_confidence"], p.max(axis=1))
        calibrated = scale_temperature(p, TEMPERATURE["single"][target]).max(axis=1)
        np.testing.assert_allclose(frame[f"{target}_calibrated"], calibrated)
    given = decide_given_system(predictions.p_spacegroup, frame.predicted_system)
    assert frame.given_spacegroup.tolist() == given.tolist()
    assert len(frame.columns) == 15


@pytest.mark.parametrize("method", ["vote", "logsum", "pooled"])
def test_decisions_by_a_method_are_read_as_single_ones_are(tmp_path, method):
    predictions = make_predictions()
    frame = aggregate(predictions, SETTINGS, FITTED)
    write_decisions(frame, tmp_path / "views.parquet")
    read = read_decisions(tmp_path / "views.parquet", method)
    own = [name for name in frame if name.startswith(f"{method}_")]
    expected = frame[["material_id", "system", "spacegroup", *own]]
    pd.testing.assert_frame_equal(read, expected.rename(columns=lambda name: name.removeprefix(f"{method}_")))
    assert ("given_spacegroup" in read) == ("system_calibrated" in read) == (method != "vote")
