"""The lattice network: what it is told of lattices, and what it learns from them."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from test_lattice_views import WAVELENGTH, pattern

from edsym.detector.levels import LEVELS
from edsym.models.cell import answers
from edsym.models.cell.answers import CANDIDATES, NUMBERS, Answers, find_answers
from edsym.models.cell.features import N_FEATURES, SCALE, lattice_features
from edsym.models.cell.fit import Examples, Loss, _as_of_several, _strained, look, sets_of_views
from edsym.models.cell.model import _TRUST, LatticeNetwork
from edsym.models.cell.network import network_inputs
from edsym.models.cell.settings import CellSettings
from edsym.simulation.electrons import wavelength
from edsym.spots.split import validation_patterns
from edsym.spots.store import SpotLists, offsets
from edsym.symmetry import system_index
from edsym.symmetry.classes import bravais_lattices, extinction_groups, laue_classes

SETTINGS = CellSettings(
    patterns=2, sets=0.5, set_views=(2,), width=32, hidden=32, epochs=60, batch_size=16, learning_rate=0.01,
    validation_fraction=0.1, threads=1, seed=3,
)  # fmt: skip
CUBIC, ORTHORHOMBIC = 221, 47
VIEWS = 2


@pytest.fixture(scope="module")
def labelled():
    """Views of cubic and orthorhombic crystals, and the space group of each pattern."""
    rng = np.random.default_rng(4)
    shown, groups = [], []
    for m in range(16):
        a = rng.uniform(5, 7)
        cell = np.diag([a, a, a] if m % 2 else [a, 1.2 * a, 1.5 * a])
        turns = Rotation.random(VIEWS, random_state=rng).as_matrix()
        shown += [pattern(np.linalg.inv(cell).T, turn, rng, 5e-4, distortion=np.eye(2)) for turn in turns]
        groups += VIEWS * [CUBIC if m % 2 else ORTHORHOMBIC]
    columns = np.concatenate(shown).astype("f4").T
    ids = np.array([f"m{m:02}" for m in range(16)])
    material, view = np.repeat(np.arange(16), VIEWS), np.tile(np.arange(VIEWS), 16)
    return SpotLists(ids, material, view, offsets([len(one) for one in shown]), *columns), np.array(groups)


@pytest.fixture(scope="module")
def trained(labelled, tmp_path_factory):
    spots, groups = labelled
    kept = tmp_path_factory.mktemp("checkpoints")
    validation = validation_patterns(spots.material, SETTINGS.validation_fraction, SETTINGS.seed)
    model = LatticeNetwork(cell=SETTINGS).fit(spots, groups, validation, detector="good", checkpoints=kept)
    return model, validation, kept


def some_answers(n=6, seed=0):
    rng = np.random.default_rng(seed)
    direct = np.eye(3) * 5 + rng.normal(0, 0.5, (n, CANDIDATES, 3, 3))
    return Answers(
        direct,
        rng.random((n, CANDIDATES)),
        rng.random((n, 6)) * 0.01,
        np.zeros((n, len(NUMBERS))),
        np.zeros((n, 0)),
    )


def test_neither_basis_nor_orientation_changes_the_features_and_scale_changes_one():
    rng = np.random.default_rng(0)
    cell = np.array([[4.1, 0, 0], [0.7, 5.3, 0], [-1.2, 0.9, 9.2]])
    turned = cell @ Rotation.random(random_state=rng).as_matrix()
    other = np.array([[1, 2, 0], [0, 1, 0], [3, -1, -1]]) @ turned
    first, second, scaled = lattice_features(np.stack([cell, other, 1.3 * cell]))
    assert first.shape == (N_FEATURES,)
    np.testing.assert_allclose(first, second, atol=1e-4)
    np.testing.assert_allclose(np.delete(first, SCALE), np.delete(scaled, SCALE), atol=1e-4)
    assert scaled[SCALE] - first[SCALE] == pytest.approx(np.log(1.3), abs=1e-5)


def test_lengths_that_agree_within_a_width_are_told_from_those_that_do_not():
    cubic, tetragonal = lattice_features(np.stack([np.diag([5, 5, 5.0]), np.diag([5, 5, 5.05])]))
    np.testing.assert_allclose(cubic[:3], 1, atol=1e-6)
    narrow, wide = (24 + 23 * k + 1 for k in (0, 3))  # the gap between second and third at widths 0.001, 0.03
    assert cubic[[narrow, wide]] == pytest.approx(1)
    assert tetragonal[narrow] == pytest.approx(np.exp(-0.01 / 0.001), abs=1e-4)
    assert tetragonal[wide] == pytest.approx(np.exp(-0.01 / 0.03), abs=1e-4)


def test_answers_do_not_depend_on_processes_and_a_failure_is_none_found(labelled, monkeypatch, caplog):
    spots, _ = labelled
    sets = [np.array([p]) for p in range(9)] + [np.array([3, 4])]
    one, two = (find_answers(spots, sets, WAVELENGTH, processes=n) for n in (1, 2))
    for field in ("direct", "chance", "strain", "numbers"):
        np.testing.assert_array_equal(getattr(one, field), getattr(two, field))
    several = NUMBERS.index("several views")
    assert list(one.numbers[:, several]) == [0] * 9 + [1]
    assert one.chance[:, 0].min() > 0 and (one.strain[:9] == 0).all() and (one.strain[9] > 0).all()

    def fails(*_, **__):
        raise ZeroDivisionError("too flat")

    monkeypatch.setattr(answers, "single_view", fails)
    none = find_answers(spots, sets[:1], WAVELENGTH)
    assert none.chance.sum() == 0 and none.numbers[0, NUMBERS.index("none found")] == 1
    assert "m00, 1 views: the lattice finder fails: too flat" in caplog.text


def test_the_loss_is_the_mean_over_levels_of_summed_probabilities():
    logits = torch.randn(5, 230, generator=torch.Generator().manual_seed(1))
    group = np.array([0, 13, 61, 193, 224])
    p = logits.softmax(dim=1).double().numpy()
    kinds = (laue_classes, bravais_lattices, extinction_groups)
    levels = [np.arange(230), system_index(np.arange(1, 231)), *(kind().index for kind in kinds)]
    by_hand = [
        -np.log([p[row, level == level[g]].sum() for row, g in enumerate(group)]).mean() for level in levels
    ]
    found = Loss()(logits.log_softmax(dim=1), torch.from_numpy(group))
    assert float(found) == pytest.approx(np.mean(by_hand), rel=1e-5)


def test_sure_lattices_of_one_view_are_learned_as_of_several_too():
    some = some_answers()
    some.chance[:, 0] = [0.95, 0.5, 0.99, 0.8, 0.0, 0.95]
    some.numbers[3:, NUMBERS.index("several views")] = 1
    added, groups = _as_of_several(Examples(some, np.arange(6), np.zeros(6, bool)), np.random.default_rng(0))
    assert list(groups) == [0, 2]
    np.testing.assert_array_equal(added.direct[:, 0], some.direct[[0, 2], 0])
    assert set(added.chance[:, 0]) <= {0.8, 0.95}  # those of the sets, where they found a lattice
    alone = some.take(np.arange(3))
    assert (
        len(_as_of_several(Examples(alone, np.arange(3), np.zeros(3, bool)), np.random.default_rng(0))[1])
        == 0
    )


def test_the_first_lattice_is_strained_as_uncertain_as_it_is():
    some = some_answers(2000).take(np.zeros(2000, int))
    moved = _strained(some, np.random.default_rng(0))
    np.testing.assert_array_equal(moved.direct[:, 1:], some.direct[:, 1:])
    change = np.linalg.inv(some.direct[:, 0]) @ moved.direct[:, 0] - np.eye(3)
    spread = change.std(axis=0)[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
    np.testing.assert_allclose(spread, some.strain[0], rtol=0.1)
    np.testing.assert_allclose(change, change.transpose(0, 2, 1), atol=1e-12)


def test_materials_draw_their_sets_whatever_stands_beside_them(labelled):
    spots, _ = labelled
    singles, sets = sets_of_views(spots, SETTINGS)
    assert len(singles) == 16 * SETTINGS.patterns and 0 < len(sets) < 16
    assert all(spots.view[one[0]] < SETTINGS.patterns for one in singles)
    few = spots.select(spots.material_id[6:])
    again = [
        [(few.material_id[few.material[p]], few.view[p]) for p in one]
        for one in sets_of_views(few, SETTINGS)[1]
    ]
    assert again == [
        [(spots.material_id[spots.material[p]], spots.view[p]) for p in one]
        for one in sets
        if spots.material[one[0]] >= 6
    ]


def test_it_learns_the_system_from_one_view_and_from_several(labelled, trained):
    spots, groups = labelled[0].take(np.arange(16)), labelled[1][:16]
    model, *_ = trained
    for p_system, p_group, truth in (
        (*model.predict_proba(spots), groups),
        (*model.predict_views(spots, np.arange(0, len(spots), VIEWS)), groups[::VIEWS]),
    ):
        assert (p_system.argmax(axis=1) == system_index(truth)).mean() > 0.8
        for system in range(7):
            own = p_group[:, system_index(np.arange(1, 231)) == system].sum(axis=1)
            np.testing.assert_allclose(own, p_system[:, system], atol=1e-5)


def test_a_pattern_without_lattice_is_answered(trained):
    model, *_ = trained
    few = SpotLists(
        np.array(["a"]), np.zeros(1, int), np.zeros(1, int), offsets([3]), *np.float32([[0.1, 0.2, 0.3]] * 3)
    )
    p_system, p_group = model.predict_proba(few)
    assert p_system.sum() == pytest.approx(1, abs=1e-5) and p_group.sum() == pytest.approx(1, abs=1e-5)


def test_a_training_goes_on_from_the_lattices_that_were_found(labelled, trained, monkeypatch):
    spots, groups = labelled
    model, validation, kept = trained
    monkeypatch.setattr(answers, "_answer", None)  # nothing is looked for again
    again = LatticeNetwork(cell=SETTINGS).fit(spots, groups, validation, detector="good", checkpoints=kept)
    for name, value in model.network.state_dict().items():
        assert torch.equal(value, again.network.state_dict()[name]), name
    examples = look(spots, groups, validation, SETTINGS, LEVELS["good"], kept)
    assert len(examples.group) == 2 * sum(map(len, sets_of_views(spots, SETTINGS)))


def test_a_stored_network_answers_as_before(labelled, trained, tmp_path):
    spots, _ = labelled
    model, *_ = trained
    model.save(tmp_path)
    few = spots.take(np.arange(4))
    np.testing.assert_array_equal(
        LatticeNetwork.load(tmp_path).predict_proba(few)[1], model.predict_proba(few)[1]
    )


def test_several_views_are_answered_by_their_absences_too(labelled, trained, monkeypatch):
    spots, _ = labelled
    model, *_ = trained
    few, start = spots.take(np.arange(4)), np.array([0, VIEWS])
    evidence = 200.0 * (np.arange(230) == 61)
    monkeypatch.setattr(answers, "absence_evidence", lambda _: evidence)
    seen = find_answers(few, [np.array([0, 1]), np.array([2, 3])], wavelength(300.0))
    with torch.no_grad():
        by_lattice = model.network(*network_inputs(seen))
    expected = (by_lattice + _TRUST * torch.from_numpy(evidence)).softmax(dim=1).numpy()
    _, p_group = model.predict_views(few, start)
    np.testing.assert_allclose(p_group, expected, atol=1e-5)
    assert (p_group[:, 61] > by_lattice.exp()[:, 61].numpy() + 0.3).all()
    alone = model.predict_proba(few)[1]
    assert alone[:, 61].max() < 0.5
