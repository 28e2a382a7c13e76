"""What holds for every model of the registry."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from labelled import labelled_spots
from test_forest import SETTINGS as FOREST
from test_mlp import SETTINGS as MLP
from test_mvof import SETTINGS as MVOF
from test_mvof import literal_loss
from test_training import NETWORK, TRAINING

from edsym.detector.detect import detect
from edsym.detector.levels import LEVELS
from edsym.errors import InputError
from edsym.models.cell.fit import Loss
from edsym.models.cell.model import LatticeNetwork
from edsym.models.cell.network import CellNetwork
from edsym.models.cell.settings import CellSettings
from edsym.models.forest.model import Forest
from edsym.models.gmoe.model import GMoE
from edsym.models.gmoe.network import GMoENetwork
from edsym.models.mlp.model import Perceptron
from edsym.models.mlp.network import MLP as MLPNetwork
from edsym.models.model import Model
from edsym.models.mvof.model import OpinionFusion
from edsym.models.mvof.network import OpinionNetwork
from edsym.models.registry import MODELS, imported
from edsym.spots.split import validation_patterns
from edsym.symmetry import system_index
from edsym.training.settings import TrainingSettings

SPOTS, GROUPS = labelled_spots()
LABELS = GROUPS[SPOTS.material]
VALIDATION = validation_patterns(SPOTS.material, 0.25, 0)
KINDS = list(MODELS)
CELL = CellSettings(
    patterns=5, sets=0.0, width=32, hidden=32, dropout=0.1, epochs=2, batch_size=16, threads=1
)
pytestmark = pytest.mark.usefixtures("quick_lattices")


def untrained(kind, **changes):
    """Return a small model; changes are of its training."""
    if kind == "forest":
        return Forest(forest=FOREST)
    if kind == "cell":
        return LatticeNetwork(cell=CELL.replace(**changes))
    if kind == "mlp":
        return Perceptron(mlp=MLP.replace(**{"epochs": 2} | changes))
    if kind == "mvof":
        return OpinionFusion(mvof=MVOF.replace(**{"epochs": 2} | changes))
    plain = {"epochs": 2, "batch_size": 32, "averaging": 0.0, "balance_weight": 0.0, "precision": "32"}
    network = NETWORK.replace(graph="none", dropout=0.3)
    return GMoE(network=network, training=TrainingSettings(**TRAINING | plain | changes))


@pytest.fixture(scope="module", params=KINDS)
def model(request, quick_lattices):
    return untrained(request.param).fit(SPOTS, LABELS, VALIDATION)


def assert_same(first, second):
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", KINDS)
def test_the_registry_says_what_the_class_says(kind):
    model = imported(MODELS[kind].model)
    assert (model.kind, model.together) == (kind, MODELS[kind].together)
    sections = {
        name: f"{settings.__module__}:{settings.__name__}" for name, settings in model.sections.items()
    }
    assert sections == MODELS[kind].sections


def test_a_saved_a_pickled_and_the_same_model_give_the_same(model, tmp_path):
    expected = model.predict_proba(SPOTS)
    assert [p.shape for p in expected] == [(len(SPOTS), 7), (len(SPOTS), 230)]
    assert [p.dtype for p in expected] == [np.float32, np.float32]
    model.save(tmp_path)
    loaded = Model.load(tmp_path)
    assert (type(loaded), loaded.settings, loaded.record) == (type(model), model.settings, model.record)
    for same in (model, loaded, pickle.loads(pickle.dumps(model))):
        assert_same(same.predict_proba(SPOTS), expected)


def test_of_no_pattern_there_are_no_probabilities(model):
    assert [p.shape for p in model.predict_proba(SPOTS.select([]))] == [(0, 7), (0, 230)]


def test_probabilities_are_of_their_pattern_whatever_stands_beside_it(model):
    chosen = ["m03", "m20"]
    alone = model.predict_proba(SPOTS.select(chosen))
    rows = np.isin(SPOTS.material_id[SPOTS.material], chosen)
    for a, b in zip(alone, model.predict_proba(SPOTS), strict=True):
        np.testing.assert_allclose(a, b[rows], atol=1e-6)
        np.testing.assert_allclose(a.sum(axis=1), 1, atol=1e-5)


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def change_json(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda weights, json: json.unlink(), r"model\.json cannot be read"),
        (lambda weights, json: json.write_text("{"), r"model\.json cannot be read"),
        (lambda weights, json: json.write_text('{"format": "edsym-gmoe", "version": 1}'), "train again"),
        (lambda weights, json: change_json(json, version=99), "version 1, but 'edsym-model', version 99"),
        (
            lambda weights, json: change_json(json, kind="oracle"),
            "'oracle', expected one of gmoe, mlp",
        ),
        (lambda weights, json: change_json(json, settings={}), r"model\.json: None are no settings"),
        (lambda weights, json: weights.unlink(), "no such file"),
        (lambda weights, json: weights.write_bytes(weights.read_bytes()[:1000]), "is damaged"),
        (lambda weights, json: flip(weights), "is damaged"),
    ],
)
def test_a_damaged_folder_is_refused_and_named(model, tmp_path, damage, message):
    model.save(tmp_path)
    damage(tmp_path / model.weights, tmp_path / "model.json")
    with pytest.raises(InputError, match=f"{tmp_path}.*{message}"):
        Model.load(tmp_path)


def test_a_model_of_another_kind_is_refused(model, tmp_path):
    model.save(tmp_path)
    others = [imported(entry.model) for kind, entry in MODELS.items() if kind != model.kind]
    for other in others:
        with pytest.raises(InputError, match=f"describes a '{model.kind}', not a '{other.kind}'"):
            other.load(tmp_path)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if MODELS[kind].holds_out])
class TestModelsThatHoldOut:
    """Models that learn nothing of the materials that validate."""

    def test_validation_is_not_learned_from(self, kind):
        # one epoch, so that nothing is chosen by the validation either
        first = untrained(kind, epochs=1).fit(SPOTS, LABELS, VALIDATION)
        changed = replace(SPOTS, intensity=SPOTS.intensity.copy())
        changed.intensity[np.repeat(VALIDATION, np.diff(SPOTS.offset))] *= 0.5
        second = untrained(kind, epochs=1).fit(changed, np.where(VALIDATION, 75, LABELS), VALIDATION)
        assert_same(first.predict_proba(SPOTS), second.predict_proba(SPOTS))
        with pytest.raises(InputError, match="materials that validate"):
            untrained(kind).fit(SPOTS, LABELS)

    def test_the_weights_of_the_best_epoch_are_kept(self, kind):
        # What validates is of a space group that is never learned: it gets worse with every epoch.
        labels = np.where(VALIDATION, 75, LABELS)
        model = untrained(kind, epochs=4, learning_rate=0.01).fit(SPOTS, labels, VALIDATION)
        losses = model.curves.val_loss.to_numpy()
        assert model.record["best_epoch"] == losses.argmin() and losses[-1] > losses.min() + 0.01
        assert validation_loss(model, labels) == pytest.approx(losses.min(), rel=1e-3)

    def test_dropout_is_on_in_training_and_off_in_validation(self, kind, monkeypatch):
        network = {"gmoe": GMoENetwork, "mlp": MLPNetwork, "cell": CellNetwork}
        network = (network | {"mvof": OpinionNetwork})[kind]
        seen, forward = [], network.forward

        def watched(self, *points):
            seen.append((self.training, torch.is_grad_enabled()))
            return forward(self, *points)

        monkeypatch.setattr(network, "forward", watched)
        untrained(kind).fit(SPOTS, LABELS, VALIDATION)
        assert set(seen) == {(True, True), (False, False)}


def validation_loss(model, truth):
    if model.kind == "mvof":
        opinions = model.opinions(SPOTS)[VALIDATION]
        evidence = opinions[:, :-1] * 7 / opinions[:, -1:]
        return literal_loss(evidence, system_index(truth[VALIDATION]), 0.0).mean()
    p_system, p_spacegroup = (p[VALIDATION].astype(float) for p in model.predict_proba(SPOTS))
    rows, labels = np.arange(VALIDATION.sum()), truth[VALIDATION]
    if model.kind == "cell":
        return float(Loss()(torch.from_numpy(p_spacegroup).log(), torch.from_numpy(labels - 1)))
    return -np.log(p_system[rows, system_index(labels)] * p_spacegroup[rows, labels - 1]).mean()


# Where each model has its spots shown.
SHOWN = {k: f"edsym.models.{k}.fit" for k in MODELS} | {
    "gmoe": "edsym.training.data",
    "mlp": "edsym.models.epochs",
    "mvof": "edsym.models.epochs",
}


@pytest.mark.parametrize("kind", KINDS)
def test_training_sees_what_the_detector_shows_anew_in_every_epoch(kind, monkeypatch, tmp_path):
    seen = {}

    def watched(spots, detector, seed, draw=0):
        names = spots.material_id[spots.material].tolist()
        seen.setdefault(draw, []).extend(zip(names, spots.view.tolist(), strict=True))
        return detect(spots, detector, seed, draw)

    monkeypatch.setattr(f"{SHOWN[kind]}.detect", watched)
    trained = untrained(kind).fit(SPOTS, LABELS, VALIDATION, detector="typical")
    every = list(zip(SPOTS.material_id[SPOTS.material].tolist(), SPOTS.view.tolist(), strict=True))
    learned, validated = ({every[i] for i in np.flatnonzero(rows)} for rows in (~VALIDATION, VALIDATION))
    if kind in ("cell", "forest"):
        assert {draw: sorted(of) for draw, of in seen.items()} == {0: sorted(every)}
    else:
        assert sorted(seen) == [0, 1, 2]
        assert sorted(seen[1]) == sorted(seen[2]) == sorted(learned)
        assert validated <= set(seen[0])
    trained.save(tmp_path)
    assert Model.load(tmp_path).detector == LEVELS["typical"]
    plain = untrained(kind).fit(SPOTS, LABELS, VALIDATION)
    assert (plain.predict_proba(SPOTS)[0] != trained.predict_proba(SPOTS)[0]).any()


def test_a_model_that_tells_of_no_detector_learned_from_ideal_spots(model, tmp_path):
    model.save(tmp_path)
    path = tmp_path / "model.json"
    description = json.loads(path.read_text())
    assert not any(description.pop("detector").values())
    path.write_text(json.dumps(description))
    assert Model.load(tmp_path).detector.ideal
    path.write_text(json.dumps(description | {"detector": {"lost": "many"}}))
    with pytest.raises(InputError, match=r"model\.json: .* is no detector"):
        Model.load(tmp_path)
