"""Maps of scans: grains, their common patterns, shares, and what is written and judged."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from edsym.errors import InputError
from edsym.evaluation.inputs import EvaluationInputs
from edsym.evaluation.map_figure import fig2
from edsym.evaluation.map_tables import table14, table15
from edsym.experiment.spots.scan_spots import ScanSpots
from edsym.interface import classify
from edsym.mapping.grains import common_pattern, grains, similarity
from edsym.mapping.known_phases import KnownPhases
from edsym.mapping.scan_map import read_scan_map
from edsym.mapping.shares import by_filtered_confidence, counted
from edsym.specimen.truth import Truth
from edsym.symmetry import CRYSTAL_SYSTEMS

CUBIC, HEXAGONAL, MONOCLINIC = (CRYSTAL_SYSTEMS.index(s) for s in ("cubic", "hexagonal", "monoclinic"))
SHAPE = (4, 6)


def turned(angle, n=8, scatter=0.001, seed=0):
    """Return a pattern of n spots, turned, its places scattered."""
    rng = np.random.default_rng(seed)
    q = np.stack(np.meshgrid([-0.5, 0, 0.5], [-0.4, 0, 0.4]), -1).reshape(-1, 2)
    q = q[np.abs(q).any(axis=1)][:n]
    c, s = np.cos(angle), np.sin(angle)
    places = q @ np.array([[c, s], [-s, c]]) + rng.normal(0, scatter, q.shape)
    return np.column_stack([places, np.linspace(2, 1, len(q))])


@pytest.fixture(scope="module")
def patterns():
    """Left three columns one crystal, right two another; between them and at one place nothing."""
    made = []
    for p in range(24):
        row, column = divmod(p, 6)
        if column == 3 or (row, column) == (0, 0):
            made.append(np.empty((0, 3)))
        else:
            made.append(turned(0.0 if column < 3 else 0.4, seed=p))
    return made


def test_patterns_are_alike_by_their_common_spots():
    pattern = turned(0.0)
    assert similarity(pattern, pattern, 0.01) == pytest.approx(1)
    assert similarity(pattern, pattern * [1, 1, 7], 0.01) == pytest.approx(1)
    assert similarity(pattern, turned(0.4), 0.01) == 0
    assert similarity(pattern, pattern[:4], 0.01) == pytest.approx(
        np.sqrt(pattern[:4, 2].sum() / pattern[:, 2].sum())
    )
    assert similarity(pattern, np.empty((0, 3)), 0.01) == 0


def test_grains_are_what_hangs_together_by_alike_patterns(patterns):
    valid = np.array([len(pattern) > 0 for pattern in patterns])
    found = grains(patterns, valid, SHAPE, 0.01).reshape(SHAPE)
    expected = np.full(SHAPE, -1)
    expected[:, :3], expected[:, 4:], expected[0, 0] = 0, 1, -1
    np.testing.assert_array_equal(found, expected)
    alone = grains(patterns, valid & (np.arange(24) % 6 == 4) & (np.arange(24) < 12), SHAPE, 0.01)
    assert (alone == -1).all()  # two positions are no grain


def test_a_position_that_shows_two_twins_does_not_join_them():
    a, b = turned(0.0, seed=1), turned(0.4, seed=2)
    row = [a, a, a, a, a, np.concatenate([a, b]), b, b, b]
    assert similarity(row[5], a, 0.01) > 0.6 < similarity(row[5], b, 0.01)
    assert grains(row, np.ones(9, bool), (1, 9), 0.01).tolist() == [0] * 6 + [1] * 3


def test_a_bent_crystal_is_several_grains_of_one_orientation_each():
    row = [turned(0.008 * p, seed=p) for p in range(24)]
    found = grains(row, np.ones(24, bool), (1, 24), 0.01)
    assert 3 < found.max() + 1 <= 8 and found.min() == 0
    for g in range(found.max() + 1):
        first, *_, last = np.flatnonzero(found == g)
        assert similarity(row[first], row[last], 0.03) == pytest.approx(1, abs=0.01)
        assert last - first < 6


def test_a_common_pattern_has_the_means_and_no_spot_of_one_pattern_alone():
    several = [turned(0.0, seed=seed) for seed in range(10)]
    several[0] = np.append(several[0], [[0.9, 0.9, 50.0]], axis=0)
    common = common_pattern(several, 0.01)
    expected = turned(0.0, scatter=0)
    assert len(common) == len(expected)
    np.testing.assert_allclose(common[:, 2], expected[:, 2])
    np.testing.assert_allclose(common[:, :2], expected[:, :2], atol=0.0015)


def test_shares_count_positions_that_have_an_answer():
    system = np.array([CUBIC] * 3 + [MONOCLINIC] + [-1] * 5)
    assert counted(system)["cubic"] == 75
    assert counted(system)["monoclinic"] == 25


def test_the_notebooks_way_weighs_by_confidence_and_drops_specks_and_other_systems():
    system = np.full((20, 20), -1)
    system[:, :10], system[:, 10:] = CUBIC, HEXAGONAL
    system[5, 15] = CUBIC  # a speck
    system[15:, :10] = MONOCLINIC
    confidence = np.where(system == CUBIC, 0.9, 0.3)
    shares = by_filtered_confidence(system, confidence)
    cubic, hexagonal = 0.9 * 150, 0.3 * 200
    assert shares["cubic"] == pytest.approx(100 * cubic / (cubic + hexagonal), abs=0.5)
    assert shares["tetragonal"] == 0
    assert by_filtered_confidence(system, np.full((20, 20), 0.004))["cubic"] == 0


class Stub:
    """A model that says cubic where the first spot is at positive qx, else hexagonal."""

    ranges = None
    model = SimpleNamespace(detector=SimpleNamespace(position_error=0.003))
    asked = 0

    def predict(self, spots, *, energy_kev, threads, warn):
        assert not warn
        type(self).asked += len(spots)
        first = np.array([pattern[0, 0] > 0 for pattern in spots])
        first = first[np.unique(spots.material, return_index=True)[1]]  # of each crystal
        p_system = np.where(first[:, None], np.eye(7)[CUBIC], np.eye(7)[HEXAGONAL]) * 0.7 + 0.3 / 7
        return SimpleNamespace(
            p_system_views=p_system, p_spacegroup_views=np.full((len(first), 230), 1 / 230)
        )


@pytest.fixture
def spots(patterns):
    counts = [len(pattern) for pattern in patterns]
    columns = np.concatenate([*patterns, np.empty((0, 3))])
    n, s = len(patterns), len(columns)
    return ScanSpots(
        shape=SHAPE, frame=(100, 100), pixel=np.array([0.01, 0.01]), offset=np.cumsum([0, *counts]),
        x=columns[:, 0] / 0.01 + 50, y=columns[:, 1] / 0.01 + 50, intensity=columns[:, 2],
        error=np.zeros(s), significance=np.full(s, 9.0), centre=np.full((n, 2), 50.0),
        measured=np.full((n, 2), 50.0), beam=np.full(n, 100.0), background=np.zeros(n), noise=np.ones(n),
        reason=np.array(["" if count else "no spots" for count in counts]), facts={"name": "some/scan.h5"},
    )  # fmt: skip


@pytest.fixture
def model(tmp_path, monkeypatch):
    """The folder of a model, which is the stub."""
    monkeypatch.setattr(classify, "load_model", lambda model: Stub())
    folder = tmp_path / "stub"
    folder.mkdir()
    (folder / "weights").write_bytes(b"1")
    return folder


@pytest.fixture
def found(spots, model):
    return classify.classify_scan(spots, model, 200.0)


def test_a_scan_is_classified_position_by_position_and_by_grains(found, spots):
    assert found.of_positions.reason[0] == "no spots"
    assert found.of_positions.answered.sum() == found.of_positions.valid.sum() == 19
    np.testing.assert_array_equal(np.bincount(found.grain[found.grain >= 0]), [11, 8])
    assert found.of_grains.p_system.shape == (2, 7)
    assert found.grain_map()[0, 3] == -1
    np.testing.assert_allclose(found.of_positions.dark_field[1], 12.0)
    table = found.positions()
    assert list(table.loc[[0, 1], "crystal_system"]) == ["", "hexagonal"]
    assert table.loc[1, "p_crystal_system"] == pytest.approx(0.7 + 0.3 / 7)


def test_faint_spots_are_left_out_of_positions(spots, model):
    few = classify.classify_scan(spots, model, 200.0, min_intensity=1.5 / 112)
    assert few.of_positions.reason[1] == "fewer than 5 spots"
    assert not few.of_positions.answered.any()
    assert few.of_grains.system.tolist() == [HEXAGONAL] * 2  # grains share fainter ones, too
    fewer = classify.classify_scan(spots, model, 200.0, min_intensity=1.8 / 112)
    np.testing.assert_array_equal(fewer.grain, few.grain)
    with pytest.raises(InputError, match="min_intensity is 1"):
        classify.classify_scan(spots, model, 200.0, min_intensity=1)


def test_grains_of_a_phase_are_asked_together(spots, model, monkeypatch):
    monkeypatch.setattr(classify, "phases", lambda patterns, *_, **__: np.zeros(len(patterns), int))
    one = classify.classify_scan(spots, model, 200.0)
    assert one.phases()[["grains", "positions"]].values.tolist() == [[2, 19]]
    assert one.grains().phase.tolist() == [0, 0]
    assert one.of_phases.p_system.shape == (1, 7)
    assert (one.phase_map()[one.grain.reshape(SHAPE) >= 0] == one.of_phases.system[0]).all()


def test_an_ended_classification_goes_on_and_says_the_same(spots, found, model, monkeypatch, tmp_path):
    for size in ("_BLOCK", "_POSITIONS"):
        monkeypatch.setattr(classify, size, 8)
    monkeypatch.setattr(classify, "grains", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        classify.classify_scan(spots, model, 200.0, parts=tmp_path / "parts")
    assert len(list((tmp_path / "parts").glob("*.npz"))) == 3
    (model / "weights").write_bytes(b"2")  # trained anew: all is asked anew
    with pytest.raises(ZeroDivisionError):
        classify.classify_scan(spots, model, 200.0, parts=tmp_path / "parts")
    assert len(list((tmp_path / "parts").glob("*.npz"))) == 6
    monkeypatch.setattr(classify, "grains", grains)
    with monkeypatch.context() as ended:
        ended.setattr(classify, "said_of_phases", lambda *_: 1 / 0)
        before = Stub.asked
        with pytest.raises(ZeroDivisionError):
            classify.classify_scan(spots, model, 200.0, parts=tmp_path / "parts")
        assert Stub.asked == before + 2  # the grains alone
    monkeypatch.setattr(classify, "phases", lambda *_, **__: 1 / 0)
    again = classify.classify_scan(spots, model, 200.0, parts=tmp_path / "parts")
    assert Stub.asked == before + 2
    np.testing.assert_array_equal(again.of_positions.p_system, found.of_positions.p_system)
    np.testing.assert_array_equal(again.of_grains.p_system, found.of_grains.p_system)
    np.testing.assert_array_equal(again.grain_phase, found.grain_phase)


def test_a_map_is_read_as_it_was_written(found, tmp_path):
    found.write(tmp_path / "map.h5")
    read = read_scan_map(tmp_path / "map.h5")
    pd.testing.assert_frame_equal(read.positions(), found.positions())
    pd.testing.assert_frame_equal(read.grains(), found.grains())
    pd.testing.assert_frame_equal(read.phases(), found.phases())
    (tmp_path / "bad.h5").write_bytes((tmp_path / "map.h5").read_bytes()[:3000])
    with pytest.raises(InputError, match=r"bad.h5 cannot be read"):
        read_scan_map(tmp_path / "bad.h5")


@pytest.fixture
def known():
    """Gold on the left; of the right grain, half is rutile and the rest has no match."""
    phase = np.full(SHAPE, -1)
    phase[:, :3], phase[:2, 4:] = 0, 1
    phase, one = phase.ravel(), np.ones(24)
    euler = np.where(phase[:, None] >= 0, [[10.0, 20.0, 30.0]], np.nan)
    orientation = np.where(phase[:, None, None] >= 0, np.eye(3), np.nan)
    names, classes = np.array(["gold", "rutile"]), np.array(["m-3m", "4/mmm"])
    return KnownPhases(names, classes, phase, orientation, euler, one * 0.9, one * 0.8, one * 0.7)


def test_known_phases_stand_beside_the_answers_of_a_model(found, known, tmp_path, inputs):
    both = replace(found, known=known)
    both.write(tmp_path / "map.h5")
    read = read_scan_map(tmp_path / "map.h5")
    pd.testing.assert_frame_equal(read.positions(), both.positions())
    pd.testing.assert_frame_equal(read.grains(), both.grains())
    np.testing.assert_array_equal(read.known.orientation, known.orientation)
    table = both.positions()
    assert table.loc[[1, 3, 4], "known_phase"].tolist() == ["gold", "", "rutile"]
    assert table.loc[1, ["phi1", "Phi", "phi2", "score"]].tolist() == [10, 20, 30, 0.9]
    grains = both.grains()
    assert grains.known_phase.tolist() == ["gold", "rutile"] and grains.known_share.tolist() == [100, 50]
    nowhere = replace(known, phase=np.full(24, -1)).grains(found.grain, 2)
    assert nowhere.known_phase.tolist() == ["", ""]
    assert found.grains().columns.tolist() == grains.columns[:-2].tolist()
    inputs.maps = [both]
    figure = fig2(inputs)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    shown = figure.axes[titles.index("Known phase, by templates")].images[0].get_array()
    assert shown[0].tolist() == [0, 0, 0, -1, 1, 1]


@pytest.fixture
def inputs(found):
    """Truth: the left crystal is hexagonal, the right one monoclinic, which the model does not say."""
    grain = np.full(SHAPE, -1)
    grain[:, :3], grain[:, 4:] = 0, 1
    truth = Truth(
        particle=grain, grain=grain, thickness=np.full(SHAPE, 50.0), centre=np.zeros((*SHAPE, 2)),
        particle_name=np.array(["left", "right"]), grain_particle=np.arange(2),
        grain_material=np.array(["a", "b"]), grain_spacegroup=np.array([194, 14]),
        grain_basis=np.array([np.diag([2.0, 2.5, 3.0])] * 2),
    )  # fmt: skip
    values = {"gold_nanoparticles": {"source": "x", "where": "text", "gmoe": {"cubic": "≈ 48"}}}
    made = EvaluationInputs({})
    made.maps, made.truth = [found], truth
    made.published = SimpleNamespace(
        get=lambda *keys: values[keys[0]].get(keys[1]), citation=lambda *places: "Published: x."
    )
    return made


def test_tables_judge_by_the_truth(inputs):
    shares = table14(inputs).frame.set_index("way")
    assert shares.loc["truth", "positions"] == 20
    assert shares.loc["truth", ["hexagonal", "others"]].tolist() == [60, 40]
    assert shares.loc["published network, gold", "cubic"] == 48
    rows = table15(inputs).frame.set_index("particle")
    assert rows.loc["left", ["positions", "system"]].tolist() == [12, "hexagonal"]
    assert rows.loc["left", "answered"] == pytest.approx(100 * 11 / 12)
    assert rows.loc["left", "right"] == pytest.approx(100 * 11 / 12)
    assert rows.loc[["left", "right"], "grain_right"].tolist() == [100, 0]
    assert rows.loc["all", ["grain_right", "phase_right"]].tolist() == [50, 50]
    inputs.truth = None
    assert len(table15(inputs).frame) == 0


def test_figure_2_has_black_where_nothing_is_known(inputs):
    figure = fig2(inputs)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    shown = figure.axes[titles.index("stub: positions")].images[0].get_array()
    assert shown.min() == 0  # no position: the first colour, black
    assert shown[0, 1] == HEXAGONAL + 1
    groups = figure.axes[titles.index("stub: extinction groups of phases")]
    assert groups.images[0].get_array()[0].tolist() == [0, 1, 1, 0, 1, 1]  # the class with most groups
    assert [text.get_text() for text in groups.get_legend().get_texts()] == ["P422 P4mm P-42m P-4m2 …"]
    assert "Probability of these lattices" in titles
    inputs.truth = None
    some = inputs.maps[0].of_phases
    cells = replace(some, bravais=np.array(["cF", ""]), cell=np.tile([4.08, 4.08, 4.08, 90, 90, 90], (2, 1)))
    inputs.maps = [replace(inputs.maps[0], of_phases=cells)] * 2
    figure = fig2(inputs)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    shown = figure.axes[titles.index("Cells of phases, Å")]
    assert shown.images[0].get_array()[1].tolist() == [1, 1, 1, 0, 0, 0]
    assert [text.get_text() for text in shown.get_legend().get_texts()] == ["cF 4.08"]
