"""The benchmarks of splits on a run of 24 materials."""

import json
from importlib import import_module
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from labelled import labelled_spots
from test_split import write_selected

from edsym.parquet import write_parquet
from edsym.spots.store import write_spots

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
OVERLAY = {
    "forest": {"system_trees": 4, "spacegroup_trees": 2},
    "evaluation": {"views": 5, "bootstrap": 100},
    "split": {"test_fraction": 0.4},
    "cell": {
        "patterns": 2,
        "sets": 0.5,
        "set_views": [2],
        "epochs": 2,
        "width": 8,
        "hidden": 8,
        "threads": 1,
    },
    "mlp": {"hidden": [16], "epochs": 2, "threads": 1},
}


@pytest.fixture
def splits(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return pytest.importorskip("splits")


@pytest.fixture
def networks(splits):
    return pytest.importorskip("splits_networks")


@pytest.fixture
def run(tmp_path):
    """Write what the benchmark reads of a run; return its folder."""
    spots, groups = labelled_spots()
    for name in ("spots", "patterns", "structures"):
        (tmp_path / name).mkdir()
    write_spots(tmp_path / "spots/0000.h5", spots, np.tile([0, 0, 1.0], (len(spots), 1)), {})
    with h5py.File(tmp_path / "patterns/0000.h5", "w") as file:
        file.attrs["settings"] = json.dumps({"orientations": "grid"})
    write_selected(tmp_path / "structures/selected.parquet", spots.material_id, groups)
    columns = {"material_id": spots.material_id, "prototype": [f"P{i // 2}" for i in range(24)]}
    columns["chemical_system"] = [f"E{i % 8}" for i in range(24)]
    write_parquet(pa.table(columns), tmp_path / "structures/kinship.parquet")
    (tmp_path / "overlay.yaml").write_text(yaml.safe_dump(OVERLAY), encoding="utf-8")
    return tmp_path


def test_every_split_has_models_beside_nulls_and_is_made_once(splits, run, monkeypatch, capsys):
    options = [run, "--config", run / "overlay.yaml", "--output", run / "splits.csv", "--models"]
    options += ["extra", "shuffled", "lattice"]
    monkeypatch.setattr("sys.argv", ["splits.py", *map(str, options)])
    splits.main()
    table = pd.read_csv(run / "splits.csv")
    assert set(table.orientations) == {"grid"} and set(table.seed) == {32}
    whole = table[(table.test == "all") & (table.method == "single")]
    assert len(whole) == 3 * 3 * 2, "of every split, model and level of the detector"
    seen = whole.set_index(["model", "split", "spots"]).system.unstack()
    lattice = seen.loc["Extra trees, true lattice alone"]
    assert (lattice.ideal == lattice.typical).all(), "no detector hides it"
    assert (seen.loc["Extra trees"].ideal > seen.loc["Extra trees, shuffled labels"].ideal).any()
    akin = table[(table.split == "material") & (table.method == "vote") & (table.spots == "ideal")]
    akin = akin[akin.model == "Extra trees"].set_index("test").materials
    kin = [akin.get(f"prototype {side} training", 0) for side in ("in", "not in")]
    assert sum(kin) == akin["all"] and kin[0] > 0
    assert set(table.test[table.split == "prototype"]) == {"all"}
    printed = capsys.readouterr().out
    assert "Crystal system, grid orientations, %" in printed and "Most frequent class" in printed

    monkeypatch.setattr(splits, "grow", None)
    splits.main()
    assert pd.read_csv(run / "splits.csv").equals(table)


def test_networks_stand_in_the_same_table(networks, run, monkeypatch, quick_lattices):
    options = [run, "--config", run / "overlay.yaml", "--output", run / "splits.csv"]
    options += ["--checkpoints", run / "found", "--models", "lattice", "mlp", "lattice-shuffled"]
    monkeypatch.setattr("sys.argv", ["splits_networks.py", *map(str, options)])
    monkeypatch.setattr(import_module("split_lattices"), "OTHER_LEVELS", 12)
    networks.main()
    table = pd.read_csv(run / "splits.csv")
    assert set(table.model) == {"Lattice network", "Perceptron", "Lattice network, shuffled labels"}
    assert set(table.split) == {"material", "prototype", "chemistry"}
    whole = table[(table.test == "all") & (table.split == "material") & (table.spots == "typical")]
    seen = whole.set_index(["model", "method"])
    tested = seen.materials["Perceptron", "single"]
    assert seen.decisions["Perceptron", "single"] == 5 * tested, "the drawn views"
    assert seen.decisions["Lattice network", "single"] == 2 * tested, "the first patterns"
    alone, together = (seen.materials["Lattice network", name] for name in ("single", "together"))
    assert 0 < together <= alone == tested, "what every split tests"
    ideal = table[(table.test == "all") & (table.spots == "ideal") & (table.model == "Lattice network")]
    assert set(ideal.method) == {"single"} and ideal.materials.between(1, 12).all(), "some of them"
    assert len(list((run / "found/grid").glob("*/*.npz"))) == 4, "typical alone, sets, tested; ideal alone"

    monkeypatch.setattr(networks, "learn", None)
    networks.main()
    assert pd.read_csv(run / "splits.csv").equals(table)


def test_no_network_learns_from_what_is_tested(networks, run, monkeypatch, quick_lattices):
    split_runs, split_tables = import_module("split_runs"), import_module("split_tables")
    one = split_runs.Run(run, split_tables.merged_configuration(run / "overlay.yaml"))
    divided = one.divided("chemistry")
    lattices = networks.Lattices(one, run / "found", 1)
    labels = divided.labels(shuffled=0)
    examples = lattices.examples(divided, labels)
    looked = [*lattices.alone("typical"), *lattices.alone("ideal"), *lattices.sets]
    first = np.array([x[0] for x in looked if divided.learning[x[0]]])
    assert (np.sort(examples.group) == np.sort(labels[first] - 1)).all()
    patterns, _ = lattices.tests(divided, "typical")["single"]
    assert not divided.learning[patterns].any()
    material = one.spots.material
    assert (labels[~divided.learning] == divided.groups[material[~divided.learning]]).all()
    dealt = labels[divided.learning] != divided.groups[material[divided.learning]]
    assert dealt.any() and len(np.unique(np.stack([labels, material]), axis=1).T) == 24
