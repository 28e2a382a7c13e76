"""The table of materials: what is written is read again, and what is wrong is named."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from edsym.errors import InputError
from edsym.parquet import write_parquet
from edsym.structures.table import read_materials, read_metadata, write_materials

METADATA = {"source": "cif", "version": "sha256:12", "date": "2026-01-31"}


def materials() -> pd.DataFrame:
    rows = [
        ("mp-2", "Na1 Cl1", 225, "cubic", 44.0, 2, np.array([0, 1, 1, 1, 0, 1, 1, 1, 0.0]) * 22 ** (1 / 3)),
        ("mp-1", "Po1", 221, "cubic", 27.0, 1, np.eye(3).ravel() * 3),
        ("mp-3", "Fe2", 229, "cubic", 64.0, 2, np.eye(3).ravel() * 4),
    ]
    columns = ["material_id", "formula", "spacegroup_number", "crystal_system", "volume", "nsites", "lattice"]
    frame = pd.DataFrame(rows, columns=columns)
    frame["numbers"] = [[11, 17], [84], [26, 26]]
    frame["frac_coords"] = [[0, 0, 0, 0.5, 0.5, 0.5], [0, 0, 0], [0, 0, 0, 0.5, 0.5, 0.5]]
    return frame


def write_anything(frame: pd.DataFrame, path):
    """Write a frame without any check, as a broken program may."""
    write_parquet(pa.Table.from_pandas(frame, preserve_index=False), path)
    return path


def test_round_trip(tmp_path):
    path = tmp_path / "materials.parquet"
    write_materials(materials(), path, METADATA)
    frame = read_materials(path)
    expected = materials().sort_values("material_id", ignore_index=True)
    assert frame.material_id.to_list() == ["mp-1", "mp-2", "mp-3"]
    for column in ("formula", "spacegroup_number", "crystal_system", "volume", "nsites"):
        assert frame[column].to_list() == expected[column].to_list()
    for column in ("lattice", "numbers", "frac_coords"):
        for value, wanted in zip(frame[column], expected[column], strict=True):
            np.testing.assert_array_equal(value, wanted)
    assert read_metadata(path) == METADATA
    assert pq.read_schema(path).field("frac_coords").type == pa.list_(pa.float32())


def with_value(column: str, value) -> pd.DataFrame:
    frame = materials().astype({"spacegroup_number": float, "nsites": float})
    frame[column] = frame[column].astype(object)
    frame.at[0, column] = value
    return frame


WRONG_VALUES = [
    ("frac_coords", [0, 0, np.nan, 0, 0, 0], "frac_coords holds values that are not finite"),
    ("frac_coords", [0.0, 0, 0], "frac_coords has 3 values, expected 6 for 2 atoms"),
    ("lattice", np.array([1.0, 2, 3]), "lattice has 3 values, expected 9"),
    ("lattice", np.full(9, np.inf), "lattice holds values that are not finite"),
    ("lattice", np.arange(9.0), "lattice is flat"),
    ("numbers", [], "numbers is empty"),
    ("numbers", [11, 119], "numbers are 11 to 119, expected 1 to 118"),
    ("numbers", [11, -1], "numbers are -1 to 11"),
    ("nsites", 3, "nsites is 3, but numbers has 2 atoms"),
    ("volume", -44.0, "volume is -44 Å³, expected above 0"),
    ("volume", 0.0, "volume is 0 Å³, expected above 0"),
    ("volume", np.nan, "volume is nan Å³"),
    ("volume", 50.0, "volume is 50 Å³, but that of lattice is 44 Å³"),
    ("spacegroup_number", 231, "spacegroup_number is 231, expected 1 to 230"),
    ("spacegroup_number", None, "spacegroup_number is nan"),
    ("crystal_system", "hexagonal", "crystal_system is hexagonal, but spacegroup_number 225 is cubic"),
    ("lattice", None, "lattice has 0 values"),
]


@pytest.mark.parametrize(("column", "value", "message"), WRONG_VALUES)
def test_wrong_value_is_named_with_its_material(tmp_path, column, value, message):
    path = write_anything(with_value(column, value), tmp_path / "wrong.parquet")
    with pytest.raises(InputError, match="material mp-2: ") as caught:
        read_materials(path)
    assert message in str(caught.value)
    assert "wrong.parquet" in str(caught.value) and "(1 of 3 rows are wrong)" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns=["lattice", "volume"]), "no column volume, lattice"),
        (lambda frame: frame.iloc[:0], "no rows"),
        (
            lambda frame: frame.assign(material_id="mp-1"),
            r"material mp-1: material_id is that of another row too \(3 of 3",
        ),
        (
            lambda frame: frame.assign(material_id=["mp-1", None, "mp-2"]),
            "without an id: material_id is empty",
        ),
        (lambda frame: frame.assign(volume=["big"] * 3), "column volume is .*string, expected double"),
        (lambda frame: frame.assign(lattice=[1.0, 2.0, 3.0]), "column lattice is double, expected"),
    ],
)
def test_malformed_table(tmp_path, change, message):
    path = write_anything(change(materials()), tmp_path / "wrong.parquet")
    with pytest.raises(InputError, match=f"wrong.parquet.*{message}"):
        read_materials(path)


def test_unreadable_file(tmp_path):
    path = tmp_path / "materials.parquet"
    with pytest.raises(InputError, match="no such file"):
        read_materials(path)
    path.write_text("material_id,formula\n")
    with pytest.raises(InputError, match="not a readable Parquet file"):
        read_materials(path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match="not a readable Parquet file"):
        read_metadata(path)
