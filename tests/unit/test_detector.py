"""What a detector does to spots: the sizes of its errors, and what its draws depend on."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields

import numpy as np
import pytest
from labelled import labelled_spots

from edsym.detector.detect import detect, shown_spots
from edsym.detector.kernel import FEWEST
from edsym.detector.levels import LEVELS, Detector
from edsym.detector.settings import NUISANCES, DetectorSettings
from edsym.errors import InputError
from edsym.spots.store import SPOT_FIELDS, SpotLists, offsets

MATERIALS, VIEWS, SPOTS = 400, 4, 30


@pytest.fixture(scope="module")
def spots():
    """Spots of many patterns: on a ring of 1 1/Å, far apart, all of the same intensity."""
    patterns = MATERIALS * VIEWS
    angle = np.tile(2 * np.pi * np.arange(SPOTS) / SPOTS, patterns)
    return SpotLists(
        np.array([f"m{i:03}" for i in range(MATERIALS)]),
        np.repeat(np.arange(MATERIALS), VIEWS),
        np.tile(np.arange(VIEWS), MATERIALS),
        offsets(np.full(patterns, SPOTS)),
        np.cos(angle, dtype="f4"),
        np.sin(angle, dtype="f4"),
        np.full(len(angle), 1e-3, "f4"),
    )


def errors(spots, **quantities):
    """Return how far each spot (P, SPOTS, 2) is off, all of them being kept, and its intensity."""
    counts, shown, source = shown_spots(spots, Detector(**quantities), 3, 0)
    assert (counts == SPOTS).all()
    back = np.argsort(source)
    off = shown[back, :2] - np.stack([spots.qx, spots.qy], axis=1)
    return off.reshape(-1, SPOTS, 2).astype(float), shown[back, 2].reshape(-1, SPOTS)


def test_places_are_off_by_the_stated_error_independently_for_every_spot(spots):
    off, _ = errors(spots, position_error=0.003)
    assert off.std() == pytest.approx(0.003, rel=0.01)
    assert abs(off.mean()) < 4 * 0.003 / np.sqrt(off.size)
    assert off.mean(axis=1).std() == pytest.approx(0.003 / np.sqrt(SPOTS), rel=0.06)
    assert abs(np.corrcoef(off[..., 0].ravel(), off[..., 1].ravel())[0, 1]) < 0.02
    assert np.mean(np.abs(off) > 2 * 0.003) == pytest.approx(0.0455, abs=0.003)  # as a normal number's


def test_the_centre_is_a_pattern_s_own(spots):
    off, _ = errors(spots, centre_error=0.003)
    np.testing.assert_allclose(off, off[:, :1] + np.zeros_like(off), atol=1e-6)
    shift = off[:, 0].reshape(MATERIALS, VIEWS, 2)
    assert shift.std() == pytest.approx(0.003, rel=0.06)
    assert shift.mean(axis=1).std() == pytest.approx(0.003 / np.sqrt(VIEWS), rel=0.1)


def stretches(off):
    """Return the lengths of the ring's longest and shortest radius (P, 2), and the angle of the longest."""
    angle = 2 * np.pi * np.arange(SPOTS) / SPOTS
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    matrix = np.linalg.lstsq(ring, (ring + off).transpose(1, 0, 2).reshape(SPOTS, -1), rcond=None)[0]
    left, values, _ = np.linalg.svd(matrix.reshape(2, -1, 2).transpose(1, 0, 2))
    return values, np.arctan2(left[:, 1, 0], left[:, 0, 0]) % np.pi


def test_scale_and_ellipse_are_common_to_the_views_of_a_material(spots):
    (scale, _), (ellipse, axis) = (
        stretches(errors(spots, **{name: 0.01})[0]) for name in ("scale_error", "ellipse_error")
    )
    for values in (scale, ellipse):
        values = values.reshape(MATERIALS, VIEWS, 2)
        np.testing.assert_allclose(values, values[:, :1] + np.zeros_like(values), atol=1e-5)
    np.testing.assert_allclose(scale[:, 0], scale[:, 1], atol=1e-5)
    assert scale[::VIEWS, 0].std() == pytest.approx(0.01, rel=0.12)
    np.testing.assert_allclose(ellipse.mean(axis=1), 1, atol=1e-5)
    assert np.sqrt(np.mean(np.diff(ellipse[::VIEWS]) ** 2)) == pytest.approx(0.01, rel=0.12)
    turns = np.histogram(axis[::VIEWS], 4, (0, np.pi))[0]
    assert np.all(np.abs(turns - MATERIALS / 4) < 4 * np.sqrt(MATERIALS / 4))


def test_intensities_are_off_by_the_stated_error_of_their_logarithm(spots):
    _, intensity = errors(spots, intensity_error=0.3)
    logarithm = np.log(intensity / 1e-3)
    assert logarithm.std() == pytest.approx(0.3, rel=0.02)
    assert abs(logarithm.mean()) < 0.01


@pytest.mark.parametrize("electrons", [4e4, 1e6])  # 40 and 1,000 counts
def test_counts_are_poisson_numbers(spots, electrons):
    _, intensity = errors(spots, electrons=electrons)
    counts = intensity * electrons
    np.testing.assert_allclose(counts, counts.round(), rtol=1e-5)
    assert counts.mean() == pytest.approx(electrons * 1e-3, rel=0.005)
    assert counts.var() == pytest.approx(electrons * 1e-3, rel=0.03)


def test_spots_without_a_count_are_not_found(spots):
    _, shown, _ = shown_spots(spots, Detector(electrons=1e3), 0, 0)  # one count a spot
    counts = np.bincount(np.rint(shown[:, 2] * 1e3).astype(int)) / len(spots.qx)
    np.testing.assert_allclose(counts[:4], np.exp(-1) * np.array([0, 1, 1 / 2, 1 / 6]), atol=0.01)


def test_spots_are_lost_and_others_are_none(spots):
    counts, _, source = shown_spots(spots, Detector(lost=0.05), 1, 0)
    assert 1 - len(source) / len(spots.qx) == pytest.approx(0.05, rel=0.05)
    counts, shown, source = shown_spots(spots, Detector(spurious=0.02), 1, 0)
    none = shown[source < 0]
    assert len(none) / len(spots.qx) == pytest.approx(0.02, rel=0.1)
    assert (counts - SPOTS).var() == pytest.approx(0.02 * SPOTS, rel=0.15)
    assert np.mean(np.hypot(none[:, 0], none[:, 1]) < np.sqrt(0.5)) == pytest.approx(0.5, abs=0.06)
    np.testing.assert_array_equal(np.sort(source[source >= 0]), np.arange(len(spots.qx)))


def test_a_threshold_is_drawn_for_each_pattern_and_five_spots_always_stay():
    ladder = np.tile(np.geomspace(1e-1, 1e-5, 401, dtype="f4"), 2000)
    place = np.linspace(0.1, 2, len(ladder), dtype="f4")
    lists = SpotLists(
        np.array(["m"]),
        np.zeros(2000, int),
        np.arange(2000),
        offsets(np.full(2000, 401)),
        place,
        place,
        ladder,
    )
    shown = detect(lists, Detector(threshold_low=1e-4, threshold_high=2e-3))
    faintest = shown.intensity[shown.offset[1:] - 1]
    quarters = np.histogram(np.log(faintest / 1e-4) / np.log(20), 4, (0, 1))[0]
    assert np.abs(quarters - 500).max() < 90
    assert faintest.min() > 0.99e-4 and faintest.max() < 2.05e-3
    for detector in (Detector(threshold_low=1, threshold_high=1), Detector(lost=1), Detector(q_max=0.01)):
        shown = detect(lists, detector)
        assert (np.diff(shown.offset) == FEWEST).all()
        np.testing.assert_array_equal(shown.intensity[:5], ladder[:5])
    shown = detect(lists, Detector(dynamic_range=1e3))
    assert shown.intensity.min() == pytest.approx(1e-4, rel=0.03)
    shown = detect(lists, Detector(q_max=1.5))
    assert len(shown.qx) < len(lists.qx) and np.median(np.hypot(shown.qx, shown.qy)) > 0.7


def test_spots_nearer_than_the_resolution_merge_at_their_centroid():
    lists = SpotLists(
        np.array(["m"]), np.zeros(1, int), np.zeros(1, int), np.array([0, 3]),
        np.array([0.5, 0.51, 1], "f4"), np.zeros(3, "f4"), np.array([0.01, 0.03, 0.02], "f4"),
    )  # fmt: skip
    counts, shown, source = shown_spots(lists, Detector(resolution=0.02), 0, 0)
    np.testing.assert_allclose(shown, [[0.5075, 0, 0.04], [1, 0, 0.02]], rtol=1e-6)
    assert (counts.tolist(), source.tolist()) == ([2], [1, 2])


def arrays(lists):
    return [getattr(lists, name).tolist() for name in ("view", "offset", *SPOT_FIELDS)]


def test_the_ideal_detector_changes_nothing():
    lists, _ = labelled_spots()
    assert detect(lists, "ideal") is lists
    assert DetectorSettings(position_error=0.01).at("ideal").ideal


def test_draws_depend_on_seed_draw_material_and_view_alone():
    lists, _ = labelled_spots()
    whole = detect(lists, "typical", 7)
    names = lists.material_id[[3, 11, 20]]
    assert arrays(detect(lists.select(names), "typical", 7)) == arrays(whole.select(names))
    order = np.random.default_rng(0).permutation(len(lists))
    mixed, expected = detect(lists.take(order), "typical", 7), whole.take(order)
    assert arrays(mixed) == arrays(expected)
    with ThreadPoolExecutor(4) as pool:
        assert all(
            arrays(other) == arrays(whole)
            for other in pool.map(lambda _: detect(lists, "typical", 7), range(4))
        )
    for other in ({"seed": 8}, {"seed": 7, "draw": 1}):
        assert arrays(detect(lists, "typical", **other)) != arrays(whole)
    one, two = (detect(lists, level, 7).take([0, 1]) for level in ("good", "typical"))
    assert arrays(one) != arrays(two)


def test_detectors_that_differ_in_one_quantity_draw_the_same_numbers(spots):
    little, much = (errors(spots, position_error=error)[0] for error in (0.001, 0.004))
    np.testing.assert_allclose(4 * little, much, atol=2e-6)
    few, many = (set(shown_spots(spots, Detector(lost=lost), 0, 0)[2]) for lost in (0.1, 0.05))
    assert few < many


def test_levels_are_worse_one_after_the_other_and_settings_take_their_place():
    values = [[getattr(level, f.name) for f in fields(Detector)] for level in LEVELS.values()]
    assert (np.diff(values, axis=0) >= 0).all()
    settings = DetectorSettings(position_error=0.0, q_max=1.5)
    assert settings.at("typical").position_error == 0
    assert settings.at("typical").q_max == 1.5
    assert settings.at("typical").lost == LEVELS["typical"].lost


def test_nuisances_come_one_at_a_time_in_multiples_of_the_typical_level():
    points = DetectorSettings(curves=[3.0, 1.0], lost=0.5, position_error=0.002).one_at_a_time()
    assert points[0] == ("none", 0.0, LEVELS["ideal"])
    assert len(points) == 1 + 2 * len(NUISANCES)
    found = {(name, round(size, 6)): detector for name, size, detector in points}
    assert found["position", 0.006] == Detector(position_error=pytest.approx(0.006))
    assert found["threshold", 2e-3] == Detector(threshold_low=1e-4, threshold_high=2e-3)
    assert found["lost", 1.0] == Detector(lost=1.0)  # not 1.5
    assert {name for name, *_ in points[1:]} == set(NUISANCES)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"training": "bad"}, "detector.training: 'bad' is not allowed; it must be one of ideal, good"),
        ({"tests": ["ideal", "ideal"]}, "detector.tests: ideal, ideal is not allowed"),
        ({"curves": [0.0]}, r"detector.curves.0: 0.0 is not allowed"),
        ({"threshold_high": 5e-5}, r"threshold_low: 0.0001 is not allowed; .* at the level typical"),
    ],
)  # fmt: skip
def test_impossible_settings_are_named(values, message):
    with pytest.raises(InputError, match=message):
        DetectorSettings(**values)


def test_unknown_levels_and_broken_descriptions_are_named():
    with pytest.raises(InputError, match="no detector 'bad': expected one of ideal, good, typical, poor"):
        detect(labelled_spots()[0], "bad")
    with pytest.raises(InputError, match=r"model\.json: \{'lost': 1\} is no detector"):
        Detector.stored({"lost": 1}, "model.json")
