"""The filter by cell volume: bounds are included, and every rejected material has its reason."""

import pandas as pd
import pytest

from edsym.errors import InputError
from edsym.structures.filter import filter_by_volume
from edsym.structures.settings import FilterSettings
from edsym.structures.table import read_materials, read_metadata, write_materials

EDGES = {"a": 3.0, "b": 4.0, "c": 5.0, "d": 6.0}


@pytest.fixture
def materials(tmp_path):
    frame = pd.DataFrame(
        [
            {
                "material_id": name,
                "formula": "Po1",
                "spacegroup_number": 221,
                "crystal_system": "cubic",
                "volume": edge**3,
                "nsites": 1,
                "lattice": [edge, 0, 0, 0, edge, 0, 0, 0, edge],
                "numbers": [84],
                "frac_coords": [0, 0, 0],
            }
            for name, edge in EDGES.items()
        ]
    )
    path = tmp_path / "materials.parquet"
    write_materials(frame, path, {"source": "cif", "version": "1", "date": "2026-01-31"})
    return path


def test_bounds_are_included_and_nothing_is_lost(materials, tmp_path):
    selected, rejected = tmp_path / "selected.parquet", tmp_path / "rejected.csv"
    filter_by_volume(materials, selected, rejected, FilterSettings(min_volume=64, max_volume=125))
    assert read_materials(selected).material_id.to_list() == ["b", "c"]
    assert read_metadata(selected) == read_metadata(materials)
    assert pd.read_csv(rejected).to_dict("list") == {
        "material_id": ["a", "d"],
        "formula": ["Po1", "Po1"],
        "reason": [
            "cell volume 27.00 Å³ is below filter.min_volume, 64 Å³",
            "cell volume 216.00 Å³ is above filter.max_volume, 125 Å³",
        ],
    }


def test_nothing_selected_names_bounds_and_volumes(materials, tmp_path):
    with pytest.raises(InputError, match=r"none of 4 .* 300 to 400 Å³ .* are 27.0 to 216.0 Å³"):
        filter_by_volume(
            materials,
            tmp_path / "selected.parquet",
            tmp_path / "rejected.csv",
            FilterSettings(min_volume=300, max_volume=400),
        )
    assert not (tmp_path / "selected.parquet").exists()


def test_nothing_rejected_writes_an_empty_list(materials, tmp_path):
    filter_by_volume(
        materials,
        tmp_path / "selected.parquet",
        tmp_path / "r.csv",
        FilterSettings(min_volume=0, max_volume=1000),
    )
    assert (tmp_path / "r.csv").read_text() == "material_id,formula,reason\n"
