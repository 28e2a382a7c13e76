import numpy as np
import pytest
import torch

from edsym.models.forest.features import N_FEATURES
from edsym.models.mlp.model import Perceptron
from edsym.models.mlp.network import N_INPUTS, mlp_inputs
from edsym.models.mlp.settings import MLPSettings
from edsym.models.predict import predict_model
from edsym.models.train import train_model
from edsym.predictions.table import read_predictions

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
    predict_model(trained, *files[:2], tmp_path / "p.parquet")
    found = read_predictions(tmp_path / "p.parquet")
    tested = files[2][files[2].split == "test"]
    assert found.material_id.tolist() == tested.material_id.repeat(5).tolist()
    np.testing.assert_allclose(found.p_system.sum(1), 1, atol=1e-5)
    assert (found.p_system.argmax(1) == found.system).mean() > 0.6, "a third is what the largest class has"


def test_validation_patterns_are_those_that_validated_the_training(files, trained, tmp_path):
    predict_model(trained, *files[:2], tmp_path / "v.parquet", validation=VALIDATION)
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
