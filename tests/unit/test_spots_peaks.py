import json
import re

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edsym.errors import InputError
from edsym.simulation.run.results import FailedMaterial, SimulatedMaterial
from edsym.simulation.run.store import write_patterns
from edsym.simulation.settings import SimulationSettings
from edsym.spots import peaks
from edsym.spots.peaks import extract_shard, find_spots, find_spots_of_many
from edsym.spots.settings import PeaksSettings
from edsym.spots.store import read_failures, read_spots

SETTINGS = PeaksSettings(q_max=2.0, min_intensity=1e-4, resolution=0.01, min_spots=5)


def spots_of(*beams, settings=SETTINGS):
    """Return rows qx, qy, intensity of the spots of beams (hkl, q, intensity)."""
    hkl, q, intensity = (np.array(column) for column in zip(*beams, strict=True))
    return np.stack(find_spots(hkl, q, intensity, settings), axis=1)


def assert_spots(found, expected):
    """Compare spots (S, 3): intensities were rounded to the next 1e-4 of their square root."""
    found, expected = np.asarray(found, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    np.testing.assert_allclose(found[:, :2], expected[:, :2], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.sqrt(found[:, 2]), np.sqrt(expected[:, 2]), atol=0.501e-4)


def beams_of(seed: int, n: int, spread: float):
    """Return beams crowded enough to overlap, some equally bright, with the direct beam among them."""
    rng = np.random.default_rng(seed)
    hkl = np.stack([np.arange(n), np.zeros(n), np.zeros(n)], axis=1).astype("i2")
    q = rng.normal(0, spread, (n, 2)).astype("f4")
    q[0] = 0
    return hkl, q, rng.choice([0.0, 1e-5, 6e-5, 1e-3, 0.5], n).astype("f4")


crowds = st.builds(
    beams_of, st.integers(0, 2**32 - 1), st.integers(1, 80), st.sampled_from([0.01, 0.05, 0.5])
)


def test_the_direct_beam_goes_by_its_index_even_when_a_diffracted_beam_is_brighter():
    spots = spots_of(((0, 0, 2), (0.5, 0), 0.6), ((0, 0, 0), (0, 0), 0.3), ((0, 0, -2), (-0.5, 0), 0.05))
    assert_spots(spots, [[0.5, 0, 0.6], [-0.5, 0, 0.05]])


def test_what_the_direct_beam_hides_is_not_a_spot():
    assert len(spots_of(((0, 0, 0), (0, 0), 0.9), ((0, 0, 1), (0.004, 0), 0.1))) == 0


def test_coincident_beams_become_one_spot_at_their_centroid():
    spots = spots_of(
        ((1, 0, 0), (0.5, 0.1), 0.3), ((1, 0, 1), (0.508, 0.1), 0.1), ((2, 0, 0), (1, 0.2), 0.02)
    )
    assert_spots(spots, [[0.502, 0.1, 0.4], [1, 0.2, 0.02]])


def test_a_faint_beam_between_two_bright_ones_does_not_join_them():
    bright, faint = 0.1, 2e-4
    spots = spots_of(
        ((1, 0, 0), (0.5, 0), bright), ((1, 0, 1), (0.508, 0), faint), ((1, 0, 2), (0.516, 0), bright)
    )
    assert_spots(spots, [[spots[0, 0], 0, bright + faint], [spots[1, 0], 0, bright]])


def test_the_threshold_applies_to_the_sum():
    faint = [((1, 0, k), (0.5, 0.1 + 0.001 * k), 0.4e-4) for k in range(3)]
    assert len(spots_of(*faint)) == 1
    assert len(spots_of(*faint, settings=SETTINGS.replace(resolution=0.0005))) == 0


def test_spots_beyond_the_largest_q_are_cut():
    spots = spots_of(((1, 0, 0), (1.99, 0), 0.1), ((0, 1, 0), (1.5, 1.5), 0.1))
    np.testing.assert_allclose(spots[:, :2], [[1.99, 0]])


@settings(deadline=None)  # the first example compiles
@given(crowds, st.randoms(use_true_random=False))
def test_spots_do_not_depend_on_the_order_of_the_beams(beams, random):
    order = random.sample(range(len(beams[0])), len(beams[0]))
    first = np.array(find_spots(*beams, SETTINGS))
    np.testing.assert_array_equal(first, find_spots(*(column[order] for column in beams), SETTINGS))


@settings(deadline=None)  # the first example compiles
@given(crowds)
def test_merging_agrees_with_its_definition(beams):
    hkl, q, intensity = beams
    visible = [
        i
        for i in range(len(hkl))
        if hkl[i].any() and np.hypot(*q[i].astype(float)) >= 0.01 and intensity[i] > 0
    ]
    left = sorted(visible, key=lambda i: (-intensity[i], q[i, 0], q[i, 1]))
    expected = []
    while left:
        taken = [i for i in left if i == left[0] or np.hypot(*(q[i].astype(float) - q[left[0]])) < 0.01]
        left = [i for i in left if i not in taken]
        expected.append(
            [*np.average(q[taken], axis=0, weights=intensity[taken]), intensity[taken].sum(dtype=float)]
        )
    expected = [spot for spot in expected if spot[2] >= 1e-4 and np.hypot(*spot[:2]) <= 2]
    expected = np.reshape(expected, (-1, 3))
    found = np.stack(find_spots(hkl, q, intensity, SETTINGS), axis=1)
    assert (np.diff(found[:, 2]) <= 0).all()
    by_place = [rows[np.lexsort(np.round(rows[:, :2], 5).T)] for rows in (found, expected)]
    assert_spots(*by_place)


def test_equivalent_beams_come_in_the_order_of_their_places_whatever_their_last_digits():
    angles = np.arange(12) * np.pi / 6
    places = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    hkl = np.arange(36).reshape(12, 3) + 1
    spots = [
        np.stack(find_spots(hkl, places + 1e-16 * noise[:2].T, 0.02 + 1e-9 * noise[2], SETTINGS), axis=1)
        for noise in np.random.default_rng(0).uniform(-1, 1, (5, 3, 12))
    ]
    assert len(spots[0]) == 12
    assert (np.diff(spots[0][:, 0]) >= 0).all()
    for other in spots[1:]:
        np.testing.assert_array_equal(other, spots[0])
    assert not np.signbit(spots[0][spots[0] == 0]).any()
    steps = 1e4 * np.sqrt(spots[0][:, 2].astype(float))
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)


def test_many_patterns_at_once_are_the_same_as_one_after_the_other():
    patterns = [beams_of(seed, n, 0.3) for seed, n in enumerate((40, 1, 70))]
    columns = [np.concatenate(column) for column in zip(*patterns, strict=True)]
    counts, spots = find_spots_of_many(*columns, np.array([0, 40, 41, 111]), SETTINGS)
    single = [np.stack(find_spots(*pattern, SETTINGS), axis=1) for pattern in patterns]
    assert counts.tolist() == [len(rows) for rows in single]
    np.testing.assert_array_equal(spots, np.concatenate(single))


CUBIC = 0.1 * np.eye(3)
# rows are the laboratory's axes: the beam along y, and then turned by a right angle about it
ALONG_Y = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])
TURNED = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])


def material(name, reciprocal, orientation, counts):
    """Return patterns of so many beams (0, 0, h)."""
    hkl = np.concatenate([[(0, 0, h) for h in range(n)] for n in counts]).astype("i2")
    counts, intensity = np.array(counts), 1 / (1 + hkl[:, 2].astype("f4"))
    thickness = np.full(len(counts), 200.0)
    return SimulatedMaterial(name, reciprocal, np.array(orientation), thickness, counts, hkl, intensity)


@pytest.fixture
def patterns_file(tmp_path):
    """Return a file of five patterns of two materials; pattern k has k + 2 spots, plus the direct beam."""
    results = [
        material("a", CUBIC, [ALONG_Y, TURNED, TURNED], [3, 4, 5]),
        material("b", 2 * CUBIC, [TURNED, ALONG_Y], [6, 7]),
        FailedMaterial("c", "no scattering factors for Pu"),
    ]
    write_patterns(tmp_path / "patterns.h5", SimulationSettings(energy_kev=200), results)
    return tmp_path / "patterns.h5"


def test_patterns_are_taken_by_so_many_beams_and_one_at_least(monkeypatch):
    monkeypatch.setattr(peaks, "_BEAMS_AT_ONCE", 10)
    found = peaks._chunks(np.array([0, 4, 10, 11, 30, 31, 31, 35]))
    assert [(chunk.start, chunk.stop) for chunk in found] == [(0, 2), (2, 3), (3, 4), (4, 7)]


@pytest.mark.parametrize("at_once", [1, 12, 10**6])
def test_a_shard_keeps_patterns_of_enough_spots_and_lists_the_others(
    patterns_file, tmp_path, monkeypatch, at_once
):
    monkeypatch.setattr(peaks, "_BEAMS_AT_ONCE", at_once)
    extract_shard(patterns_file, tmp_path / "spots.h5", SETTINGS)
    spots = read_spots([tmp_path / "spots.h5"])
    assert np.diff(spots.offset).tolist() == [5, 6]
    assert spots.view.tolist() == [0, 1]
    assert spots.material_id[spots.material].tolist() == ["b", "b"]
    # beams (0, 0, h) of the second material lie 0.2 1/Å apart along c*
    np.testing.assert_allclose(spots.qx, [0] * 5 + [0.2, 0.4, 0.6, 0.8, 1.0, 1.2], atol=1e-7)
    np.testing.assert_allclose(spots.qy, [-0.2, -0.4, -0.6, -0.8, -1.0] + [0] * 6, atol=1e-7)
    dropped, failed = read_failures([tmp_path / "spots.h5"])
    assert dropped == [("a", 0, 2), ("a", 1, 3), ("a", 2, 4)]
    assert failed == [("c", "no scattering factors for Pu")]
    with h5py.File(tmp_path / "spots.h5") as file:
        np.testing.assert_array_equal(file["patterns/zone_axis"], [[0, 1, 0]] * 2)
        assert json.loads(file.attrs["settings"])["simulation"]["energy_kev"] == 200


def test_a_broken_file_of_patterns_is_named_and_nothing_is_written(patterns_file, tmp_path):
    patterns_file.write_bytes(patterns_file.read_bytes()[:3000])
    with pytest.raises(InputError, match=re.escape(str(patterns_file))):
        extract_shard(patterns_file, tmp_path / "spots.h5", SETTINGS)
    assert list(tmp_path.iterdir()) == [patterns_file]


# dataset: an entry, the value put there, what the error says of it
IMPOSSIBLE = [
    ("beams/intensity", 7, np.nan, "number 7 is nan, expected a share"),
    ("beams/intensity", 7, -0.1, r"number 7 is -0\.1"),
    ("beams/intensity", 7, 1.02, r"number 7 is 1\.02"),
    ("beams/hkl", 7, 32000, r"number 7 .* expected \|q\| <= 100 1/Å"),
    ("materials/reciprocal", 1, 101 * np.eye(3), r"number 1 is .*expected vectors"),
    ("materials/reciprocal", 1, np.nan, r"number 1 is .*nan.*expected vectors"),
    ("patterns/orientation", 4, np.eye(3) * 1.01, "number 4 is .* orthogonal unit vectors"),
    ("patterns/zone_axis", 4, np.nan, "number 4 is .* a unit vector"),
    ("patterns/view", 4, 0, r"number 4 is \[1 0\]"),
    ("materials/id", 1, b"a", "number 1 is 'a'"),
    ("patterns/offset", slice(None), [0, 3, 7, 12, 18, 99], "inconsistent"),
    ("patterns/offset", slice(None), [0, 3, 12, 7, 18, 25], "inconsistent"),
]


@pytest.mark.parametrize(("name", "entry", "value", "message"), IMPOSSIBLE)
def test_values_that_no_pattern_can_have_are_refused(
    patterns_file, tmp_path, monkeypatch, name, entry, value, message
):
    monkeypatch.setattr(peaks, "_BEAMS_AT_ONCE", 6)
    with h5py.File(patterns_file, "a") as file:
        file[name][entry] = value
    with pytest.raises(InputError, match=message) as caught:
        extract_shard(patterns_file, tmp_path / "spots.h5", SETTINGS)
    assert str(patterns_file) in str(caught.value)
    assert not (tmp_path / "spots.h5").exists()


def test_a_shard_without_patterns_is_a_store_without_patterns(tmp_path):
    write_patterns(tmp_path / "patterns.h5", SimulationSettings(), [])
    extract_shard(tmp_path / "patterns.h5", tmp_path / "spots.h5", SETTINGS)
    assert len(read_spots([tmp_path / "spots.h5"])) == 0
