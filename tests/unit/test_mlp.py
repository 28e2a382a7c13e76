from copy import deepcopy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from edsym.models import epochs
from edsym.models.forest.features import N_FEATURES
from edsym.models.mlp import fit
from edsym.models.mlp.model import Perceptron
from edsym.models.mlp.network import MLP, N_INPUTS, mlp_inputs
from edsym.models.mlp.settings import MLPSettings
from edsym.models.predict import predict_model
from edsym.models.train import train_model
from edsym.predictions.table import read_predictions
from edsym.seeds import generator
from edsym.symmetry import system_index

SETTINGS = MLPSettings(
    hidden=[32, 32], dropout=0.1, epochs=30, batch_size=16, learning_rate=5e-3, weight_decay=0.01,
    validation_fraction=0.2, threads=1, seed=3,
)  # fmt: skip
VALIDATION = (SETTINGS.validation_fraction, SETTINGS.seed)


def train(spots, split, folder):
    train_model(Perceptron(mlp=SETTINGS), spots, split, folder, validation=VALIDATION)
    return folder


@pytest.fixture
def trained(files, tmp_path):
    return train(*files[:2], tmp_path / "model")


def test_inputs_are_root_of_modulus_and_direction_of_phase():
    features = np.zeros((1, N_FEATURES), np.float32)
    features[0, 2:4] = 0.25, np.pi / 6
    x = mlp_inputs(features)[0]
    assert x.shape == (N_INPUTS,)
    block = N_INPUTS // 3
    np.testing.assert_allclose(x[[1, block + 1, 2 * block + 1]], [0.5, np.sqrt(0.75), 0.5], rtol=1e-6)
    assert x.count_nonzero() == 3, "where the modulus is 0 the phase means nothing"


def test_it_learns_and_predicts_the_test_patterns(files, trained, tmp_path):
    predict_model(trained, *files[:2], [tmp_path / "p.parquet"])
    found = read_predictions(tmp_path / "p.parquet")
    tested = files[2][files[2].split == "test"]
    assert found.material_id.tolist() == tested.material_id.repeat(5).tolist()
    np.testing.assert_allclose(found.p_system.sum(1), 1, atol=1e-5)
    assert (found.p_system.argmax(1) == found.system).mean() > 0.6, "a third is what the largest class has"


def test_validation_patterns_are_those_that_validated_the_training(files, trained, tmp_path):
    predict_model(trained, *files[:2], [tmp_path / "v.parquet"], validation=VALIDATION)
    found = read_predictions(tmp_path / "v.parquet")
    assert len(found) == Perceptron.load(trained).record["validation_patterns"]
    truth = files[2].set_index("material_id").loc[found.material_id]
    assert set(truth.split) == {"train"}
    np.testing.assert_array_equal(found.spacegroup, truth.spacegroup_number)


def test_the_same_seed_gives_the_same_weights(files, trained, tmp_path):
    spots, split, _ = files
    again = train(spots[::-1], split, tmp_path / "again")
    first, second = (Perceptron.load(folder).network.parameters() for folder in (trained, again))
    for a, b in zip(first, second, strict=True):
        assert torch.equal(a, b)


def test_another_seed_starts_from_other_weights(files, tmp_path):
    starts = []
    for seed in (3, 4):
        settings = SETTINGS.replace(seed=seed, epochs=1, learning_rate=1e-6)
        train_model(Perceptron(mlp=settings), *files[:2], tmp_path / str(seed), validation=VALIDATION)
        starts.append(Perceptron.load(tmp_path / str(seed)).network.hidden[0].weight)
    assert (starts[0] - starts[1]).abs().max() > 1e-3


def test_a_fit_is_the_loop_that_it_says_and_ends_with_its_best_epoch(monkeypatch):
    monkeypatch.setattr(fit._Fit, "at_once", 7)
    settings = SETTINGS.replace(epochs=4, batch_size=8, learning_rate=0.1, dropout=0.0, weight_decay=0.1)
    rng, validates = np.random.default_rng(0), np.arange(40) % 4 == 0
    features, groups = np.zeros((40, N_FEATURES), np.float32), rng.choice([1, 2, 62, 225, 230], 40)
    features[:, ::90] = rng.uniform(0.1, 1, (40, 12))
    torch.manual_seed(0)
    draws = []
    monkeypatch.setattr(
        epochs, "detect", lambda chunk, detector, seed, draw: (draws.append((seed, draw)), chunk)[1]
    )
    monkeypatch.setattr(fit, "forest_features", lambda chunk: features[chunk])
    training = fit._Fit(MLP(settings), SimpleNamespace(take=np.array), groups, validates, None)
    network = deepcopy(training.network)
    training.run()

    x, system, group = (
        mlp_inputs(features),
        torch.from_numpy(system_index(groups)),
        torch.from_numpy(groups - 1),
    )
    network.mean[:] = x[~validates].mean(0)
    network.std[:] = x[~validates].std(0, correction=0).clamp(min=1e-3)

    def loss(patterns):
        return sum(
            cross_entropy(logits, truth[patterns])
            for logits, truth in zip(network(x[patterns]), (system, group), strict=True)
        )

    optimizer = torch.optim.AdamW(network.parameters(), 0.1, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, 4 * 4)
    expected = []
    for epoch in range(4):
        for patterns in np.split(
            generator(3, "mlp", epoch).permutation(np.flatnonzero(~validates)), [8, 16, 24]
        ):
            optimizer.zero_grad()
            loss(patterns).backward()
            optimizer.step()
            schedule.step()
        expected.append(float(loss(np.flatnonzero(validates))))
    assert [row["epoch"] for row in training.rows] == [0, 1, 2, 3]
    assert draws == [(3, 0)] * 5 + [(3, draw) for epoch in range(4) for draw in [epoch + 1] * 4 + [0] * 2]
    np.testing.assert_allclose([row["val_loss"] for row in training.rows], expected, rtol=1e-4)
    assert np.argmin(expected) < 3, "the last epoch is not the best one"
    network.load_state_dict(training.network.state_dict())
    assert float(loss(np.flatnonzero(validates))) == pytest.approx(min(expected), rel=1e-4)
