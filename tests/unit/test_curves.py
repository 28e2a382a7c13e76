"""Accuracy against single nuisances: of which materials and patterns, and what is written."""

import numpy as np
import pytest

from edsym.detector.levels import Detector
from edsym.models.curves import predict_curves
from edsym.models.model import Model
from edsym.parquet import read_parquet
from edsym.predictions.settings import EvaluationSettings

POINTS = [("none", 0.0, Detector()), ("lost", 0.5, Detector(lost=0.5))]


class ByTheSpots:
    """A model whose answer depends on nothing but the spots of a pattern."""

    def predict_proba(self, spots, threads):
        counts = np.diff(spots.offset) % 3
        return np.eye(7)[counts] + 0.1, np.eye(230)[counts] + 0.1


@pytest.fixture
def found(files, tmp_path, monkeypatch):
    monkeypatch.setattr(Model, "load", lambda folder: ByTheSpots())

    def table(materials):
        options = {"seed": 0, "materials": materials, "evaluation": EvaluationSettings(views=3, seed=4)}
        predict_curves(tmp_path, *files[:2], tmp_path / "curves.parquet", points=POINTS, **options)
        return read_parquet(tmp_path / "curves.parquet").to_pandas()

    return table


def test_some_test_materials_have_the_curves_of_all(found, files):
    every, some = found(99), found(4)
    test = set(files[2].material_id[files[2].split == "test"])
    assert set(every.material_id) == test and len(test) == 6
    rows = some.groupby(["nuisance", "size", "method"], sort=False).size().to_dict()
    assert rows == {
        ("none", 0.0, "single"): 12, ("none", 0.0, "logsum"): 4,
        ("lost", 0.5, "single"): 12, ("lost", 0.5, "logsum"): 4,
    }  # fmt: skip
    same = every[every.material_id.isin(some.material_id)].reset_index(drop=True)
    assert same.equals(some) and some.material_id.nunique() == 4
    assert set(found(3).material_id) < set(some.material_id)


def test_each_nuisance_shows_its_own_spots(found):
    single = found(99).query("method == 'single'")
    none, lost = (single[single.nuisance == name].predicted_system.to_numpy() for name in ("none", "lost"))
    assert (none != lost).mean() > 0.3
