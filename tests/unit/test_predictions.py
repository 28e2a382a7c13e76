import re
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from edsym.errors import InputError
from edsym.parquet import write_parquet
from edsym.predictions.fit import fit_calibration_file
from edsym.predictions.settings import EvaluationSettings
from edsym.predictions.table import Predictions, read_predictions, write_predictions
from edsym.symmetry import system_index


@pytest.fixture
def predictions():
    rng = np.random.default_rng(0)
    groups = np.array([225, 2, 225, 14])
    return Predictions(
        material_id=np.array(["mp-2", "mp-10", "mp-2", "a"]),
        view=np.array([7, 0, 3, 1]),
        spacegroup=groups,
        p_system=rng.dirichlet(np.ones(7), 4).astype("f4"),
        p_spacegroup=rng.dirichlet(np.ones(230), 4).astype("f4"),
    )


def changed(predictions, name, row, value):
    values = getattr(predictions, name).copy()
    values[row] = value
    return replace(predictions, **{name: values})


def test_what_is_written_is_read_sorted_by_material_and_view(predictions, tmp_path):
    write_predictions(predictions, tmp_path / "p.parquet")
    found = read_predictions(tmp_path / "p.parquet")
    assert [*zip(found.material_id, found.view, strict=True)] == [
        ("a", 1),
        ("mp-10", 0),
        ("mp-2", 3),
        ("mp-2", 7),
    ]
    for field in fields(Predictions):
        expected = getattr(predictions, field.name)[[3, 1, 2, 0]]
        np.testing.assert_array_equal(getattr(found, field.name), expected)


@pytest.mark.parametrize(
    ("name", "row", "value", "message"),
    [
        ("p_system", (2, 1), np.nan, "p_system of material mp-2, view 3, is not a distribution"),
        ("p_spacegroup", (0, 4), -0.1, "p_spacegroup of material mp-2, view 7"),
        ("p_spacegroup", 1, 0.0, "adds up to 0"),
        ("spacegroup", 3, 231, "material a has space group 231"),
        ("view", 2, 7, "view 7 of material mp-2 occurs more than once"),
    ],
)
def test_wrong_predictions_are_not_written(predictions, tmp_path, name, row, value, message):
    with pytest.raises(InputError, match=message):
        write_predictions(changed(predictions, name, row, value), tmp_path / "p.parquet")
    assert not list(tmp_path.iterdir())


def test_predictions_of_wrong_shape_are_not_written(predictions, tmp_path):
    with pytest.raises(InputError, match=r"p_system has shape \(4, 6\), expected \(4, 7\)"):
        write_predictions(replace(predictions, p_system=predictions.p_system[:, :6]), tmp_path / "p.parquet")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns=["p_system", "view"]), "lacks the columns view, p_system"),
        (lambda frame: frame.assign(view=[0, None, 1, 2]), "empty values in the columns view"),
        (lambda frame: frame.assign(spacegroup_number=[1, None, 2, 2]), "in the columns spacegroup_number"),
        (lambda frame: frame.assign(p_system=[[0.5, 0.5]] * 4), "wrong type"),
        (lambda frame: frame.assign(p_system=[[np.nan] * 7] * 4), "not a distribution"),
        (lambda frame: frame.iloc[:0], "no patterns"),
        (lambda frame: frame.assign(view="x"), "wrong type"),
    ],
)
def test_a_wrong_table_is_named(predictions, tmp_path, change, message):
    path = tmp_path / "p.parquet"
    write_predictions(predictions, path)
    write_parquet(pa.Table.from_pandas(change(pd.read_parquet(path)), preserve_index=False), path)
    with pytest.raises(InputError, match=re.escape(str(path)) + f".*{message}"):
        read_predictions(path)


def test_the_truth_may_be_unknown(predictions, tmp_path):
    assert predictions.system.tolist() == system_index(predictions.spacegroup).tolist()
    write_predictions(replace(predictions, spacegroup=None), tmp_path / "p.parquet")
    found = read_predictions(tmp_path / "p.parquet")
    assert (found.spacegroup, found.system) == (None, None)
    assert found.material_id.tolist() == ["a", "mp-10", "mp-2", "mp-2"]
    with pytest.raises(InputError, match=r"p\.parquet has no space-group numbers"):
        fit_calibration_file(tmp_path / "p.parquet", tmp_path / "c.json", EvaluationSettings(views=4, seed=0))


@pytest.mark.parametrize("damage", [lambda data: b"no table", lambda data: data[: len(data) // 2]])
def test_an_unreadable_table_is_named(predictions, tmp_path, damage):
    path = tmp_path / "p.parquet"
    write_predictions(predictions, path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=re.escape(str(path)) + ".*not a readable Parquet file"):
        read_predictions(path)
    with pytest.raises(InputError, match="not a readable Parquet file"):
        read_predictions(tmp_path / "absent.parquet")
