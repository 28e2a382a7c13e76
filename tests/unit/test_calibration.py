"""Temperatures, pools and the calibration error against hand counts and synthetic truth."""

from dataclasses import replace

import numpy as np
import pytest
from test_aggregation import make_predictions, take

from edsym.errors import InputError
from edsym.evaluation.metrics import expected_calibration_error
from edsym.predictions.calibration import (
    Calibration,
    fit_temperature,
    read_calibration,
    scale_temperature,
    write_calibration,
)
from edsym.predictions.conditional import decide_given_system, given_system
from edsym.predictions.draw import draw_views
from edsym.predictions.fit import fit_calibration
from edsym.predictions.loglinear import softmax
from edsym.predictions.pooling import geometric_mean, pool, view_features
from edsym.predictions.settings import EvaluationSettings
from edsym.predictions.table import Predictions
from edsym.predictions.views import aggregate
from edsym.symmetry import system_index

SETTINGS = EvaluationSettings(views=4, seed=0)


def sample(p, rng):
    """Draw a class from every row, so that the rows are calibrated."""
    return (p.cumsum(axis=1) > rng.random((len(p), 1))).argmax(axis=1)


def test_calibration_error_by_hand():
    # Bins of a fifteenth: 0.9 and 0.92 share one, with mean 0.91 and one of two right; 0.5 is right.
    confidence, right = np.array([0.9, 0.92, 0.5]), np.array([True, False, True])
    assert expected_calibration_error(confidence, right) == pytest.approx((2 * 0.41 + 0.5) / 3)
    assert expected_calibration_error(np.ones(4), np.ones(4, bool)) == 0
    assert np.isnan(expected_calibration_error(np.array([np.nan]), np.array([True])))


def test_calibrated_synthetic_decisions_have_no_error():
    rng = np.random.default_rng(0)
    confidence = rng.random(200_000)
    assert expected_calibration_error(confidence, rng.random(200_000) < confidence) < 0.01


@pytest.mark.parametrize("temperature", [0.5, 1, 3])
def test_the_temperature_of_scaled_calibrated_logits_is_found(temperature):
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.ones(7), 20_000)
    distorted = softmax(np.log(p) * temperature)
    assert fit_temperature(distorted, sample(p, rng)) == pytest.approx(temperature, rel=0.05)


def test_temperature_changes_no_decision_and_stays_positive():
    rng = np.random.default_rng(2)
    p = rng.dirichlet(np.ones(7), 500).astype(np.float32)
    for t in (0.1, 1, 20):
        np.testing.assert_array_equal(scale_temperature(p, t).argmax(axis=1), p.argmax(axis=1))
    np.testing.assert_allclose(scale_temperature(p, 1), p, atol=1e-5)
    # Always wrong: the likelihood would turn the order of the classes round.
    assert fit_temperature(p, p.argmin(axis=1)) == pytest.approx(20)
    assert np.isfinite(fit_temperature(np.array([[0.9, 0.1]]), np.array([0])))


def test_given_the_system_no_pair_is_impossible():
    predictions = make_predictions(6, 20)
    system = predictions.p_system.argmax(axis=1)
    given = decide_given_system(predictions.p_spacegroup, system)
    np.testing.assert_array_equal(system_index(given), system)
    assert (system_index(predictions.p_spacegroup.argmax(axis=1) + 1) != system).any()
    frame = aggregate(predictions, SETTINGS, fit_calibration(predictions, SETTINGS))
    for method in ("logsum", "pooled"):
        np.testing.assert_array_equal(
            system_index(frame[f"{method}_given_spacegroup"]), frame[f"{method}_predicted_system"]
        )


def test_groups_of_an_impossible_system_are_equally_probable():
    p = np.zeros((2, 230))
    p[:, [0, 224]] = 0.4, 0.6
    found = given_system(p, np.array([0, 5]))
    assert found[0, 0] == 1
    np.testing.assert_allclose(found[1, 167:194], 1 / 27)
    assert found[1].sum() == pytest.approx(1)


def one_informative_view(n, seed) -> Predictions:
    """Make four views a material: a sure and right one, three that favour a wrong class slightly."""
    rng = np.random.default_rng(seed)
    group = rng.integers(1, 231, n)
    wrong = (system_index(group) + 1) % 7
    p = np.full((n, 4, 7), 0.12)
    p[np.arange(n), 1:, wrong] = 0.28
    p[:, 0] = 0.04
    p[np.arange(n), 0, system_index(group)] = 0.76
    p[np.arange(n), 0, wrong] = 0.04
    p[np.arange(n), 1:, system_index(group)] = 0.05
    groups = np.repeat(group, 4)
    p_group = np.full((4 * n, 230), 1 / 230, np.float32)
    ids = np.repeat([f"m{seed}-{i}" for i in range(n)], 4)
    views = np.tile(np.arange(4), n)
    p = (p / p.sum(axis=2, keepdims=True)).reshape(-1, 7).astype(np.float32)
    return Predictions(ids, views, p, p_group, groups)


def test_a_learned_pool_listens_to_the_view_that_knows():
    calibration = fit_calibration(one_informative_view(60, 1), SETTINGS)
    frame = aggregate(one_informative_view(40, 2), SETTINGS, calibration)
    assert (frame.vote_predicted_system == frame.system).mean() == 0
    assert (frame.logsum_predicted_system == frame.system).mean() == 0
    assert (frame.pooled_predicted_system == frame.system).mean() == 1


def test_pools_do_not_depend_on_the_order_of_views_and_equal_weights_are_the_geometric_mean():
    predictions = make_predictions(1, 6)
    start, rows = np.array([0]), np.arange(6)
    weights = np.array([0.7, 2.0, -0.3])
    pools = [
        pool(predictions.p_system[order], view_features(predictions, order), start, weights)
        for order in (rows, rows[::-1])
    ]
    np.testing.assert_allclose(*pools, rtol=1e-12)
    features = view_features(predictions, rows)
    plain = pool(predictions.p_system, features, start, np.array([1.0, 0, 0]))
    np.testing.assert_allclose(plain, geometric_mean(predictions.p_system, start))


def test_the_fit_does_not_depend_on_the_order_of_patterns():
    predictions = make_predictions(5, 8)
    shuffled = take(predictions, np.random.default_rng(1).permutation(len(predictions)))
    first, second = (fit_calibration(p, SETTINGS) for p in (predictions, shuffled))
    for target in ("system", "spacegroup"):
        np.testing.assert_allclose(first.pooling[target], second.pooling[target], rtol=1e-6)
        for method in ("single", "logsum", "pooled"):
            assert first.temperature[method][target] == pytest.approx(
                second.temperature[method][target], rel=1e-6
            )


def test_views_read_together_have_a_temperature_of_their_own_and_must_be_the_drawn_ones():
    rng = np.random.default_rng(5)
    truth = rng.dirichlet(np.full(7, 0.5), 4000)
    one = one_view_each(truth, sample(truth, rng))
    views = Predictions(**{name: np.repeat(values, 2, axis=0) for name, values in vars(one).items()})
    views = replace(views, view=np.tile(np.arange(2), 4000))
    together = replace(one, p_system=softmax(3 * np.log(truth.clip(1e-6))), view=np.full(4000, 2))
    calibration = fit_calibration(views, SETTINGS, together)
    assert calibration.temperature["together"]["system"] == pytest.approx(3, rel=0.1)
    assert "together" not in fit_calibration(views, SETTINGS).temperature
    frame = aggregate(views, SETTINGS, calibration, together)
    np.testing.assert_array_equal(frame.together_predicted_system, truth.argmax(axis=1))
    confidence = scale_temperature(together.p_system, calibration.temperature["together"]["system"]).max(
        axis=1
    )
    np.testing.assert_allclose(frame.together_system_calibrated, confidence)
    for wrong in (one, take(together, slice(0, 3999))):  # of one view each, and without the last material
        with pytest.raises(InputError, match=r"not of the 8000 views that are drawn of 4000 materials"):
            fit_calibration(views, SETTINGS, wrong)
        with pytest.raises(InputError, match=r"not of the 8000 views that are drawn of 4000 materials"):
            aggregate(views, SETTINGS, calibration, wrong)


def test_what_is_switched_off_is_not_fitted(tmp_path):
    predictions = make_predictions(3, 5)
    off = fit_calibration(predictions, EvaluationSettings(views=4, calibration="none", pooling="none"))
    assert (off.temperature, off.pooling) == (None, None)
    frame = aggregate(predictions, SETTINGS, off)
    assert not [name for name in frame if name.startswith("pooled")]
    assert frame.logsum_system_calibrated.isna().all()
    write_calibration(Calibration(2, 5, None, {"system": [1.0, 0.5, 0]}), tmp_path / "c.json")
    assert read_calibration(tmp_path / "c.json").pooling == {"system": [1.0, 0.5, 0]}
    (tmp_path / "c.json").write_text('{"weights": 1}')
    with pytest.raises(InputError, match=r"c\.json is not a calibration"):
        read_calibration(tmp_path / "c.json")


def test_as_many_views_are_pooled_in_the_fit_as_in_the_test():
    predictions = make_predictions(3, 9)
    rows, start = draw_views(predictions.material_id, predictions.view, SETTINGS)
    assert np.diff(np.append(start, len(rows))).tolist() == [4, 4, 4]
    assert (fit_calibration(predictions, SETTINGS).materials, len(predictions)) == (3, 27)


@pytest.mark.parametrize("temperature", [0.5, 3])
def test_single_patterns_and_means_of_views_have_temperatures_of_their_own(temperature):
    rng = np.random.default_rng(3)
    truth = rng.dirichlet(np.full(7, 0.5), 6000)
    # one view a material: its pattern and the mean of its views are the same distribution
    one = one_view_each(softmax(np.log(truth.clip(1e-6)) * temperature), sample(truth, rng))
    fitted = fit_calibration(one, SETTINGS).temperature
    assert fitted["single"]["system"] == pytest.approx(temperature, rel=0.1)
    assert fitted["logsum"]["system"] == pytest.approx(temperature, rel=0.1)
    # four views that say the same: as before for each pattern and for their mean, not for a sum of logarithms
    four = {name: np.repeat(values, 4, axis=0) for name, values in vars(one).items()}
    again = fit_calibration(Predictions(**four | {"view": np.tile(np.arange(4), 6000)}), SETTINGS).temperature
    assert again["single"]["system"] == pytest.approx(fitted["single"]["system"], rel=1e-3)
    assert again["logsum"]["system"] == pytest.approx(fitted["logsum"]["system"], rel=1e-3)
    assert fitted["single"]["spacegroup"] == pytest.approx(1, abs=0.01), "uniform: no temperature matters"


def one_view_each(p_system, system) -> Predictions:
    """Make patterns of as many materials, of the first space group of their system."""
    n = len(p_system)
    first = np.searchsorted(system_index(np.arange(1, 231)), np.arange(7)) + 1
    ids = np.array([f"m-{i:05d}" for i in range(n)])
    p_group = np.full((n, 230), 1 / 230, np.float32)
    return Predictions(ids, np.zeros(n, int), p_system.astype(np.float32), p_group, first[system])
