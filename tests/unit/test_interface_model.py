"""Models as users have them: loading, answers, calibration, warnings and limits."""

import json
import shutil
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_models import LABELS, SPOTS, VALIDATION, untrained

import edsym
from edsym.detector.levels import LEVELS
from edsym.errors import InputError, InputWarning
from edsym.interface.model import MAX_SPOTS, MODELS_DIR, TrainedModel
from edsym.interface.ranges import measured_ranges, warn_outside
from edsym.models.registry import MODELS
from edsym.predictions.calibration import Calibration, scale_temperature
from edsym.predictions.pooling import geometric_mean, pool
from edsym.symmetry import CRYSTAL_SYSTEMS


class Fixed:
    """A model whose answer does not depend on the spots."""

    detector, together = LEVELS["ideal"], False

    def __init__(self, patterns, seed=0):
        rng = np.random.default_rng(seed)
        self.probabilities = [rng.dirichlet(np.ones(n) / 3, patterns).astype(np.float32) for n in (7, 230)]

    def predict_proba(self, spots, *, threads):
        return tuple(p[: len(spots)] for p in self.probabilities)


def calibration(single, together, weights=None):
    temperature = {
        name: {"system": t, "spacegroup": t + 0.1}
        for name, t in (("single", single), ("logsum", together), ("pooled", together))
    }
    pooling = None if weights is None else {"system": weights, "spacegroup": weights}
    return Calibration(1, 1, temperature, pooling)


def patterns(*sizes, seed=0):
    rng = np.random.default_rng(seed)
    return [
        np.column_stack([rng.uniform(-1.4, 1.4, (n, 2)), rng.dirichlet(np.ones(n)) / 5 + 1e-5]) for n in sizes
    ]


@pytest.fixture(scope="module")
def network():
    return edsym.load_model("spectra-random")


def test_single_patterns_are_scaled_and_several_views_pooled_as_fitted_to_about_as_many():
    fits = {2: calibration(1.3, 0.7), 10: calibration(1.3, 0.5, [0.4, 1.0, 2.0])}
    model = Fixed(7)
    found = TrainedModel(model, fits, {}).predict(patterns(*[9] * 7))
    p_system, p_spacegroup = model.probabilities
    np.testing.assert_allclose(found.p_system, scale_temperature(p_system, 1.3))
    np.testing.assert_allclose(found.p_spacegroup, scale_temperature(p_spacegroup, 1.4))
    entropies = [
        -(p.astype(float) * np.log(np.maximum(p, 1e-6))).sum(1) / np.log(p.shape[1])
        for p in (p_system, p_spacegroup)
    ]
    features = np.column_stack([np.ones(7), 1 - entropies[0], 1 - entropies[1]])
    expected = pool(p_system, features, np.array([0]), np.array([0.4, 1.0, 2.0]))
    np.testing.assert_allclose(found.p_system_views, scale_temperature(expected, 0.5), rtol=1e-5)
    three = TrainedModel(model, fits, {}).predict(patterns(9, 9, 9))
    expected = geometric_mean(p_system[:3], np.array([0]))
    np.testing.assert_allclose(
        three.p_system_views, scale_temperature(expected, 0.7), rtol=1e-5, err_msg="3 is nearer to 2"
    )
    one = TrainedModel(model, fits, {}).predict(patterns(9))
    np.testing.assert_array_equal(one.p_system_views, one.p_system)
    assert found.calibrated


def test_views_read_together_are_scaled_as_fitted_to_about_as_many():
    class Together(Fixed):
        together = True

        def predict_views(self, spots, start, *, threads):
            assert (len(spots), start.tolist()) == (4, [0, 3])
            return tuple(p[-2:] for p in self.probabilities)

    spots = edsym.Spots.of(patterns(9, 9, 9, 9))
    spots = replace(spots, material_id=np.array(["a", "b"]), material=np.array([0, 0, 0, 1]))
    model = Together(6)
    fits = {2: calibration(1.3, 0.7), 10: calibration(1.3, 0.5)}
    for n, temperature in ((2, 0.6), (10, 0.4)):
        fits[n].temperature["together"] = {"system": temperature, "spacegroup": temperature}
    found = TrainedModel(model, fits, {}).predict(spots)
    expected = scale_temperature(model.probabilities[0][4:5], 0.6)
    np.testing.assert_allclose(found.p_system_views[:1], expected, err_msg="3 is nearer to 2")
    # of one view there is nothing to read together
    np.testing.assert_array_equal(found.p_system_views[1], found.p_system[3])
    uncalibrated = TrainedModel(model, {}, {}).predict(spots)
    np.testing.assert_array_equal(uncalibrated.p_spacegroup_views[0], model.probabilities[1][4])


def test_without_a_calibration_probabilities_are_those_of_the_model():
    model = Fixed(3)
    found = TrainedModel(model, {}, {}).predict(patterns(9, 9, 9))
    np.testing.assert_array_equal(found.p_system, model.probabilities[0])
    np.testing.assert_allclose(
        found.p_spacegroup_views, geometric_mean(model.probabilities[1], np.array([0]))
    )
    assert not found.calibrated


def test_the_table_names_the_most_probable_classes():
    model = Fixed(2)
    model.probabilities[0][0] = np.eye(7)[6] * 0.6 + np.eye(7)[3] * 0.4
    model.probabilities[1][0] = np.eye(230)[224] * 0.9 + np.eye(230)[0] * 0.1
    answer = TrainedModel(model, {}, {}).predict(patterns(5, 5))
    table = answer.top(2)
    assert table.columns.to_list() == [
        "pattern", "rank", "crystal_system", "p_system", "space_group", "p_spacegroup"
    ]  # fmt: skip
    assert table.pattern.to_list() == ["0", "0", "1", "1", "all", "all"]
    first = table[:2]
    assert first.crystal_system.to_list() == ["cubic", "tetragonal"]
    assert first.space_group.to_list() == ["Fm-3m", "P1"]
    np.testing.assert_allclose(first[["p_system", "p_spacegroup"]], [[0.6, 0.9], [0.4, 0.1]], rtol=1e-6)
    best = answer.p_system_views[0].argmax()
    assert table.crystal_system[4] == CRYSTAL_SYSTEMS[best]
    assert table.p_system[4] == answer.p_system_views[0, best]
    ten = answer.top(10)
    assert ten.crystal_system[:10].isna().to_list() == [False] * 7 + [True] * 3
    assert TrainedModel(model, {}, {}).predict(patterns(5)).top(1).pattern.to_list() == ["0"], (
        "nothing to put together"
    )
    for n in (0, 231):
        with pytest.raises(InputError, match=f"n is {n}, expected 1 to 230"):
            answer.top(n)


def test_classes_are_sums_over_their_space_groups_of_patterns_and_of_all_views():
    model = Fixed(2)
    answer = TrainedModel(model, {}, {}).predict(patterns(5, 5))
    table = answer.classes("bravais")
    assert table.index.get_level_values("pattern").to_list() == ["0", "1", "all"]
    assert table.shape[1] == 14
    np.testing.assert_allclose(table.sum(axis=1), 1, rtol=1e-5)
    cubic = table[["cP", "cI", "cF"]].sum(axis=1)
    both = np.concatenate([answer.p_spacegroup, answer.p_spacegroup_views])
    np.testing.assert_allclose(cubic, both[:, 194:].sum(axis=1), rtol=1e-5)
    assert answer.classes("laue")["m-3m"].to_list() == pytest.approx(both[:, 206:].sum(axis=1))
    with pytest.raises(
        InputError, match="no classes 'point': expected one of laue, bravais, powder, extinction"
    ):
        answer.classes("point")


def test_several_crystals_are_answered_each():
    spots = edsym.Spots.of(patterns(5, 5, 5))
    two = type(spots)(
        np.array(["a", "b"]),
        np.array([0, 0, 1]),
        np.array([0, 1, 0]),
        spots.offset,
        spots.qx,
        spots.qy,
        spots.intensity,
    )
    model = Fixed(3)
    answer = TrainedModel(model, {}, {}).predict(two)
    table = answer.top(1)
    assert (table.crystal + table.pattern).to_list() == ["a0", "a1", "aall", "b0"]
    np.testing.assert_allclose(
        answer.p_system_views[0], geometric_mean(model.probabilities[0][:2], np.array([0]))[0]
    )
    np.testing.assert_array_equal(answer.p_system_views[1], model.probabilities[0][2])
    fits = {10: calibration(1.3, 0.5), 2: calibration(0.8, 0.7)}
    each = replace(two, material_id=np.array(["a", "b", "c"]), material=np.arange(3))
    for crystals in (two, each):  # crystals of one view are scaled as fitted to about as many
        found = TrainedModel(model, fits, {}).predict(crystals)
        lone = scale_temperature(model.probabilities[1][2:], 0.9)
        np.testing.assert_array_equal(found.p_spacegroup_views[-1:], lone)
    np.testing.assert_array_equal(found.p_system_views, scale_temperature(model.probabilities[0], 0.8))


@pytest.mark.filterwarnings("ignore:.*unlike those of the training")
@pytest.mark.parametrize("apart", [0, 1e-5, 1e-4, 1e-3])
def test_close_spots_change_no_other_pattern_of_a_batch(network, apart):
    usual, close = patterns(12, 15)
    close[:3, :2] = [[1e-4, 0], [1e-4, apart], [apart, apart]]
    alone = [network.predict(pattern) for pattern in (usual, close)]
    for order in ([0, 1], [1, 0]):
        together = network.predict([(usual, close)[i] for i in order])
        for row, i in enumerate(order):
            np.testing.assert_allclose(together.p_system[row], alone[i].p_system[0], atol=1e-5)
            np.testing.assert_allclose(together.p_spacegroup[row], alone[i].p_spacegroup[0], atol=1e-5)
            np.testing.assert_allclose(together.p_system[row].sum(), 1, atol=1e-6)


def test_too_many_spots_are_refused_and_the_brightest_taken_when_asked(network):
    spots = edsym.Spots.of(patterns(10, MAX_SPOTS + 1))
    with pytest.raises(InputError, match=r"pattern 1 has 2001 spots, at most 2000 .*brightest\(2000\)"):
        network.predict(spots)
    with pytest.warns(InputWarning, match="2 of 2 patterns are unlike"):
        assert len(network.predict(spots.brightest(5)).p_system) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(network.predict(spots.brightest(5), warn=False).p_system) == 2


def test_counts_are_as_bright_in_all_as_usual_patterns_of_the_training(network):
    (pattern,) = patterns(30)
    usual = pattern * [1, 1, network.ranges["total_intensity"][1] / pattern[:, 2].sum()]
    counts = edsym.Spots.from_arrays(*pattern.T * [[1], [1], [12345.0]], normalisation="counts")
    np.testing.assert_allclose(network.predict(counts).p_system, network.predict(usual).p_system, atol=1e-5)


def test_ranges_hold_nearly_all_patterns_and_warn_of_others():
    spots = edsym.Spots.of(patterns(*np.random.default_rng(1).integers(20, 40, 2000)))
    ranges = measured_ranges(spots)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_outside(spots[:1], {name: [0, 1, np.inf] for name in ranges})
    inside = sum(_is_inside(spots[i], ranges) for i in range(200))
    assert 190 <= inside <= 200
    usual = next(spots[i] for i in range(200) if _is_inside(spots[i], ranges))
    pattern = next(iter(usual))
    pairs = {
        "number of spots is 7": usual.brightest(7),
        r"largest \|q\| is .*unlike|unlike.*\|q\| is": pattern * [0.4, 0.4, 1],
        r"total intensity is 0\.00": pattern * [1, 1, 1e-3],
        "smallest distance": np.vstack([pattern, pattern[:1] + np.array([1e-6, 0, 0])]),
    }
    for message, changed in pairs.items():
        with pytest.warns(InputWarning, match=message):
            warn_outside(edsym.Spots.of(changed), ranges)
    counts = edsym.Spots.from_arrays(*pattern.T, normalisation="counts")
    assert _is_inside(counts, ranges), "the total of counts says nothing"


def _is_inside(spots, ranges):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_outside(spots, ranges)
    return not caught


@pytest.mark.parametrize("name", ["nothing", "", None, 3, "../models/nothing"])
def test_an_unknown_model_is_named(name):
    with pytest.raises(InputError, match="there is no model"):
        edsym.load_model(name)


def test_a_damaged_file_beside_a_model_is_named(tmp_path):
    shutil.copytree(MODELS_DIR / "spectra-grid", tmp_path / "model")
    for name, key in (("calibration.json", "views"), ("ranges.json", "ranges")):
        path = tmp_path / "model" / name
        whole = path.read_text()
        for text in ("{", "[]", "{}", json.dumps({key: 3}), json.dumps({key: {"a": 1}})):
            path.write_text(text)
            with pytest.raises(InputError, match=name):
                edsym.load_model(tmp_path / "model")
        path.write_text(whole)
    assert edsym.load_model(tmp_path / "model").calibrations.keys() == {2, 5, 10, 20}


def test_the_stored_lattice_network_knows_perovskite_as_a_detector_shows_it():
    patterns = edsym.simulate(
        edsym.Structure.from_cif(Path(__file__).parents[2] / "docs/perovskite.cif"), n=4, seed=1
    )
    spots = edsym.find_spots(patterns).detect("typical", seed=2)
    answer = edsym.load_model("lattice").predict(spots)
    assert answer.calibrated
    assert answer.top(1).iloc[-1][["pattern", "crystal_system"]].to_list() == ["all", "orthorhombic"]


@pytest.mark.parametrize("name", ["spectra-grid", "spectra-random"])
def test_stored_models_say_what_their_calibration_was_made_from(name):
    for file in ("calibration.json", "ranges.json"):
        content = json.loads((MODELS_DIR / name / file).read_text())
        assert "no part of the model's run used them" in content["made_from"]


@pytest.mark.usefixtures("quick_lattices")
@pytest.mark.parametrize("kind", MODELS)
def test_every_kind_of_model_is_loaded_from_its_folder(kind, tmp_path):
    trained = untrained(kind).fit(SPOTS, LABELS, VALIDATION)
    trained.save(tmp_path)
    faint = replace(SPOTS, intensity=SPOTS.intensity / 20)
    found = edsym.load_model(tmp_path).predict(faint)
    np.testing.assert_array_equal(found.p_system, trained.predict_proba(faint)[0])
    assert not found.calibrated
    assert set(found.top(1).crystal) == set(SPOTS.material_id)
