"""Decisions over several views against hand counts."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from edsym.errors import InputError
from edsym.predictions.ballots import BALLOTS, count
from edsym.predictions.calibration import Calibration, write_calibration
from edsym.predictions.decisions import read_decisions, single_decisions
from edsym.predictions.draw import draw_views
from edsym.predictions.loglinear import MIN_PROBABILITY
from edsym.predictions.pooling import geometric_mean
from edsym.predictions.settings import EvaluationSettings
from edsym.predictions.table import Predictions, write_predictions
from edsym.predictions.views import aggregate, decide_file, majority_vote


def make_predictions(n_materials=4, n_views=30, seed=0) -> Predictions:
    rng = np.random.default_rng(seed)
    spacegroup = np.repeat(rng.integers(1, 231, n_materials), n_views)
    return Predictions(
        material_id=np.repeat([f"mp-{i}" for i in range(n_materials)], n_views),
        view=np.tile(np.arange(n_views, dtype=np.int32), n_materials),
        spacegroup=spacegroup,
        p_system=rng.dirichlet(np.ones(7), n_materials * n_views).astype(np.float32),
        p_spacegroup=rng.dirichlet(np.ones(230), n_materials * n_views).astype(np.float32),
    )


def take(predictions: Predictions, rows) -> Predictions:
    return Predictions(**{name: values[rows] for name, values in vars(predictions).items()})


def test_vote_counts_votes_not_probabilities():
    # Material 0: two views vote weakly for class 1, one strongly for class 0. Material 1: one view.
    p = np.array([[0.98, 0.02, 0.0], [0.4, 0.5, 0.1], [0.45, 0.55, 0.0], [0.1, 0.2, 0.7]])
    decision, confidence = majority_vote(p, np.array([0, 3]))
    assert decision.tolist() == [1, 2]
    assert confidence.tolist() == [pytest.approx(2 / 3), 1]


def test_tied_votes_go_to_the_larger_sum_then_to_the_smaller_index():
    # One vote each for 1 and 2; class 0 has the largest sum of all (1.05) but no vote.
    p = np.array([[0.45, 0.05, 0.5], [0.4, 0.45, 0.15]])
    decision, confidence = majority_vote(p, np.array([0]))
    assert (decision.tolist(), confidence.tolist()) == ([2], [0.5])
    p = np.array([[0.0, 0.25, 0.75], [0.0, 0.75, 0.25]])
    assert majority_vote(p, np.array([0]))[0].tolist() == [1]


def test_other_counts_by_hand():
    # Two views lean to class 0, one is sure of class 1; the second material is undecided.
    p = np.array([[0.4, 0.25, 0.35], [0.45, 0.3, 0.25], [0.05, 0.9, 0.05], [0.5, 0.5, 0.0]])
    start = np.array([0, 3])
    found = {name: count(giving(p), start) for name, giving in BALLOTS.items()}
    assert {name: decided.tolist() for name, (decided, _) in found.items()} == {
        "weighted": [1, 0], "difference": [1, 0], "histogram": [1, 0],
    }  # fmt: skip
    np.testing.assert_allclose(found["weighted"][1], [0.9 / 1.75, 1])
    np.testing.assert_allclose(found["difference"][1], [0.85 / 1.05, 0])
    np.testing.assert_allclose(found["histogram"][1], [1.45 / 3, 0.5])
    assert majority_vote(p, start)[0].tolist() == [0, 0]
    # what is sure by little counts for little with leads, and for much with probabilities
    p = np.array([[0.51, 0.49, 0.0], [0.2, 0.45, 0.35]])
    assert [count(BALLOTS[name](p), np.array([0]))[0][0] for name in ("weighted", "difference")] == [0, 1]


def test_log_sum_by_hand():
    # Products: 0.6 * 0.1 = 0.06 against 0.4 * 0.9 = 0.36; square roots normalised: 6 / (6 + sqrt(6)).
    (mean,) = geometric_mean(np.array([[0.6, 0.4], [0.1, 0.9]]), np.array([0]))
    assert mean[1] == pytest.approx(6 / (6 + np.sqrt(6)))


def test_one_zero_does_not_veto_a_class():
    p = np.array([[0.0, 1.0], [0.9999999, 1e-7], [0.9999999, 1e-7]])
    (mean,) = geometric_mean(p, np.array([0]))
    assert mean[0] == pytest.approx(1 / (1 + MIN_PROBABILITY ** (1 / 3)), rel=1e-6)


def test_views_are_distinct_seeded_and_the_same_in_any_order():
    predictions, settings = make_predictions(), EvaluationSettings(views=10, seed=1)
    first = aggregate(predictions, settings)
    assert all(len(set(views)) == 10 for views in first["views"])
    shuffled = take(predictions, np.random.default_rng(1).permutation(len(predictions)))
    again = aggregate(shuffled, settings)
    assert first.drop(columns="views").equals(again.drop(columns="views"))
    np.testing.assert_array_equal(np.stack(first["views"]), np.stack(again["views"]))
    other = aggregate(predictions, EvaluationSettings(views=10, seed=2))
    assert not np.array_equal(np.stack(first["views"]), np.stack(other["views"]))


def test_views_of_a_material_do_not_depend_on_other_materials():
    predictions, settings = make_predictions(), EvaluationSettings(views=10, seed=1)
    alone = aggregate(take(predictions, predictions.material_id == "mp-2"), settings)
    assert alone["views"][0].tolist() == aggregate(predictions, settings)["views"][2].tolist()


def test_a_material_with_few_patterns_gives_them_all():
    predictions = take(make_predictions(2, 30), np.r_[0:4, 30:60])
    rows, start = draw_views(predictions.material_id, predictions.view, EvaluationSettings(views=10, seed=0))
    assert start.tolist() == [0, 4]
    assert rows[:4].tolist() == [0, 1, 2, 3]
    assert len(rows) == 14


def test_aggregate_agrees_with_a_plain_loop():
    predictions = make_predictions(5, 12)
    frame = aggregate(predictions, EvaluationSettings(views=7, seed=3))
    for row in frame.itertuples():
        chosen = (predictions.material_id == row.material_id) & np.isin(predictions.view, row.views)
        for target, offset in (("system", 0), ("spacegroup", 1)):
            p = getattr(predictions, f"p_{target}")[chosen].astype(float)
            votes = np.bincount(p.argmax(axis=1), minlength=p.shape[1])
            tied = np.flatnonzero(votes == votes.max())
            winner = max(tied, key=lambda c, p=p: (p[:, c].sum(), -c))
            assert getattr(row, f"vote_predicted_{target}") == winner + offset
            pooled = np.log(np.maximum(p, MIN_PROBABILITY)).sum(axis=0)
            assert getattr(row, f"logsum_predicted_{target}") == pooled.argmax() + offset
            assert getattr(row, target) == getattr(predictions, target)[chosen][0]


def test_single_decisions_name_space_groups_by_number():
    predictions = make_predictions(1, 2)
    predictions.p_spacegroup[:] = 0
    predictions.p_spacegroup[[0, 1], [224, 0]] = 1
    frame = single_decisions(predictions)
    assert frame.predicted_spacegroup.tolist() == [225, 1]
    assert frame.spacegroup_confidence.tolist() == [1, 1]
    np.testing.assert_array_equal(frame.predicted_system, predictions.p_system.argmax(axis=1))


def test_files_give_what_memory_gives(tmp_path):
    predictions, settings = make_predictions(), EvaluationSettings(views=10, seed=1)
    single, views = write_decisions_of(predictions, settings, tmp_path)
    pd.testing.assert_frame_equal(read_decisions(single), single_decisions(predictions))
    expected = aggregate(predictions, settings)
    names = ["material_id", "system", "spacegroup"] + [n for n in expected if n.startswith("logsum_")]
    read = read_decisions(views, "logsum")
    pd.testing.assert_frame_equal(read, expected[names].rename(columns=lambda n: n.removeprefix("logsum_")))
    assert "system_calibrated" not in read_decisions(views, "vote")
    with pytest.raises(InputError, match=r"views\.parquet is not a table .* by the method 'pooled'"):
        read_decisions(views, "pooled")
    with pytest.raises(InputError, match=r"p\.parquet is not a table of decisions"):
        read_decisions(tmp_path / "p.parquet")


def write_decisions_of(predictions, settings, folder):
    write_predictions(predictions, folder / "p.parquet")
    write_calibration(Calibration(), folder / "c.json")
    outputs = {name: folder / f"{name}.parquet" for name in ("single", "views")}
    decide_file(folder / "p.parquet", folder / "c.json", settings, **outputs)
    return outputs.values()


def test_unknown_crystals_are_decided_as_known_ones_are(tmp_path):
    known, settings = make_predictions(), EvaluationSettings(views=10, seed=1)
    paths = write_decisions_of(replace(known, spacegroup=None), settings, tmp_path)
    for path, expected in zip(paths, (single_decisions(known), aggregate(known, settings)), strict=True):
        found = pd.read_parquet(path)
        pd.testing.assert_frame_equal(found, expected.drop(columns=["system", "spacegroup"]))


def test_groups_given_the_system_are_decided_on_where_they_are_asked_for():
    predictions = make_predictions()
    for conditional in (True, False):
        settings = EvaluationSettings(views=10, seed=1, conditional=conditional)
        assert ("logsum_given_spacegroup" in aggregate(predictions, settings)) == conditional
        assert ("given_spacegroup" in single_decisions(predictions, conditional=conditional)) == conditional
