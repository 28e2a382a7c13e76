"""The benchmarks of training materials and of views on spots of 24 materials."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from labelled import labelled_spots
from test_split import write_selected

from edsym.spots.store import write_spots
from edsym.symmetry import system_index

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SPOTS, GROUPS = labelled_spots()
CELL = '{"patterns": 2, "sets": 0.5, "set_views": [2], "epochs": 2, "width": 8, "hidden": 8, "threads": 1}'
FOREST = '{"system_trees": 2, "spacegroup_trees": 2}'
pytestmark = pytest.mark.usefixtures("quick_lattices")


@pytest.fixture
def given(tmp_path, monkeypatch):
    """Write spots and structures; return the options that name them."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    write_spots(tmp_path / "spots.h5", SPOTS, np.tile([0, 0, 1.0], (len(SPOTS), 1)), {})
    write_selected(tmp_path / "selected.parquet", SPOTS.material_id, GROUPS)
    return [tmp_path / "spots.h5", "--structures", tmp_path / "selected.parquet", "--output", tmp_path]


def run(module, options, monkeypatch):
    monkeypatch.setattr("sys.argv", [module.__name__, *map(str, options)])
    module.main()


def test_every_number_of_materials_is_learned_from_once(given, tmp_path, monkeypatch, capsys):
    curve = pytest.importorskip("materials_curve")
    options = [*given, "--checkpoints", tmp_path / "found", "--sizes", 9, 99, "--test", 6, "--count", 3]
    options += ["--set", CELL, "--forest", FOREST]
    monkeypatch.setattr(curve, "STEPS", 1)
    seen = []
    monkeypatch.setattr(
        curve,
        "learn",
        lambda m, e, v: seen.append(len(e.group)) or import_module("edsym.models.cell.fit").learn(m, e, v),
    )
    run(curve, options, monkeypatch)
    table = pd.read_csv(tmp_path / "materials_curve.csv")
    assert set(table.materials) == {9, 18} and seen[0] < seen[1]
    cases = table.groupby(["model", "materials", "spots", "views"]).tested.first().unstack()
    assert len(cases) == 2 * 2 * 2 and (cases[1] == 6).all() and (cases[10] == 3).all()
    assert (tmp_path / "materials_curve.png").exists() and "system, %" in capsys.readouterr().out

    monkeypatch.setattr(curve, "grow", None)
    monkeypatch.setattr(curve, "learn", None)
    run(curve, options, monkeypatch)
    assert pd.read_csv(tmp_path / "materials_curve.csv").equals(table)


def test_fewer_views_are_the_first_of_more(given, tmp_path, monkeypatch):
    curve = pytest.importorskip("views_curve")
    monkeypatch.setattr(curve, "simulated", lambda *_: (SPOTS, GROUPS))
    options = [*given, "--views", 1, 2, 5, "--together", 5, "--count", 24, "--read", 7]
    run(curve, options, monkeypatch)
    table = pd.read_csv(tmp_path / "views_curve.csv").set_index(["method", "views"])
    assert sorted(table.index) == [("log-sum", 1), ("log-sum", 2), ("log-sum", 5), ("together", 5)]
    assert (table.tested == 7).all()
    model, options = curve.load_model("lattice").model, curve.parsed()
    some = curve.chosen(SPOTS, options)
    first = np.concatenate(curve.first_views(SPOTS, some, 1))
    assert (SPOTS.material[first] == some).all() and (SPOTS.view[first] == 0).all()
    system, _ = model.predict_proba(curve.detect(SPOTS.take(first), "typical"))
    systems = system_index(GROUPS[some])
    assert table.system["log-sum", 1] == pytest.approx(100 * (system.argmax(1) == systems).mean(), abs=0.01)
