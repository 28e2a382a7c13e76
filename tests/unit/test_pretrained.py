import json

import numpy as np
import pytest
from evaluation_run import configuration, write_run_files
from test_gmoe_network import make_network, make_patterns

from edsym.errors import InputError
from edsym.models import pretrained
from edsym.models.gmoe.store import save_network

TRAINING = {"best_epoch": 1, "settings": {"epochs": 3}}


@pytest.fixture
def packed(tmp_path):
    """A packed network, and the network itself."""
    network = make_network()
    save_network(network, tmp_path / "model", TRAINING)
    files = write_run_files(tmp_path)
    (tmp_path / "table1.md").write_text("| Method | 61.2 |\n")
    config = {name: configuration()[name] for name in ("structures", "simulation", "network")}
    config["structures"] |= {"source": "snapshot", "path": "/home/someone/materials.parquet"}
    folder = tmp_path / "models" / "small"
    pretrained.pack_model("small", tmp_path / "model", folder, config, files["run"], [tmp_path / "table1.md"])
    return folder, network


def test_a_packed_network_is_loaded_by_name_and_predicts_the_same(packed, monkeypatch):
    folder, network = packed
    monkeypatch.setattr(pretrained, "MODELS_DIR", folder.parent)
    patterns = [pattern.x.numpy() for pattern in make_patterns(5)]
    p_system, p_spacegroup = pretrained.load_model("small").predict(patterns)
    expected = pretrained.TrainedNetwork(network).predict(patterns)
    np.testing.assert_array_equal(p_system, expected[0])
    np.testing.assert_array_equal(p_spacegroup, expected[1])
    assert p_system.shape == (5, 7)
    np.testing.assert_allclose(p_spacegroup.sum(1), 1, atol=1e-5)


def test_card_and_recipe_tell_data_and_scores_but_no_folder(packed):
    card, recipe = (packed[0] / name for name in ("README.md", "recipe.json"))
    for text in ("# small", "2 training", "epoch 2 of 3", "Put materials.parquet into", "| Method | 61.2 |"):
        assert text in card.read_text()
    found = json.loads(recipe.read_text())
    assert found["simulation"] == configuration()["simulation"]
    assert found["structures"]["path"] == "materials.parquet"
    assert "/home" not in recipe.read_text() + card.read_text()


@pytest.mark.parametrize("pattern", [np.zeros((0, 3)), np.zeros((4, 2)), np.full((4, 3), np.nan)])
def test_what_is_no_pattern_is_refused_by_its_place(packed, pattern):
    good = make_patterns(1)[0].x.numpy()
    with pytest.raises(InputError, match="pattern 1 "):
        pretrained.load_model(packed[0]).predict([good, pattern])


def test_an_unknown_model_is_named():
    with pytest.raises(InputError, match="there is no model 'nothing'"):
        pretrained.load_model("nothing")
