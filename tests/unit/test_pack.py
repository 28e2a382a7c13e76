import json

import numpy as np
import pytest
from evaluation_run import configuration, write_run_files
from labelled import labelled_spots
from test_gmoe_network import SETTINGS, make_network
from test_training import TRAINING

from edsym.evaluation.run import read_run
from edsym.models.gmoe.model import GMoE
from edsym.models.gmoe.settings import NetworkSettings
from edsym.models.model import Model
from edsym.models.pack import pack_model
from edsym.training.settings import TrainingSettings


@pytest.fixture
def packed(tmp_path):
    """A packed network, and the network itself."""
    training = TrainingSettings(**TRAINING | {"epochs": 3})
    network = GMoE(network=NetworkSettings(**SETTINGS), training=training)
    network.network, network.record = make_network(), {"best_epoch": 1}
    network.save(tmp_path / "model")
    files = write_run_files(tmp_path)
    (tmp_path / "table1.md").write_text("| Method | 61.2 |\n")
    config = {name: configuration()[name] for name in ("structures", "simulation", "network")}
    config["structures"] |= {"source": "snapshot", "path": "/home/someone/materials.parquet"}
    folder = tmp_path / "models" / "small"
    pack_model(
        "small", tmp_path / "model", folder, config, read_run(files["run"]).line(), [tmp_path / "table1.md"]
    )
    return folder, network


def test_a_packed_network_is_loaded_and_predicts_the_same(packed):
    folder, network = packed
    spots, _ = labelled_spots()
    for found, expected in zip(
        Model.load(folder).predict_proba(spots), network.predict_proba(spots), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


def test_card_and_recipe_tell_data_and_scores_but_no_folder(packed):
    card, recipe = (packed[0] / name for name in ("README.md", "recipe.json"))
    for text in (
        "# small",
        "2 training",
        "epoch 2 of 3",
        "Put materials.parquet into",
        "| Method | 61.2 |",
        "those of the grid",
    ):
        assert text in card.read_text()
    found = json.loads(recipe.read_text())
    assert found["simulation"] == configuration()["simulation"]
    assert found["structures"]["path"] == "materials.parquet"
    assert "/home" not in recipe.read_text() + card.read_text()
