"""The lattice finder on test materials: whose patterns, how they are shown, and what is written."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from test_lattice_single import CELLS, WAVELENGTH, drawn, turned

from edsym.cells import answers
from edsym.cells.answers import find_cells
from edsym.cells.chosen import CellTest
from edsym.cells.table import POSITIONS, SCHEMA
from edsym.detector.levels import LEVELS, Detector
from edsym.lattice.find import find_lattice
from edsym.parquet import read_parquet, write_parquet
from edsym.predictions.settings import EvaluationSettings
from edsym.spots.store import SpotLists, offsets, write_spots
from edsym.structures.table import write_materials

VIEWS = 3
GROUPS = {"a": ("cubic", 221), "b": ("orthorhombic", 47), "c": ("cubic", 221), "d": ("orthorhombic", 47)}
NOISY = Detector(position_error=0.002, scale_error=0.01)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Write spots in two shards, the split (d trains) and the structures: one atom a primitive cell."""
    folder = tmp_path_factory.mktemp("cells")
    for part in ("ac", "bd"):
        cells = [(CELLS[GROUPS[m][0]], 10 * ord(m) + v, v) for m in part for v in range(VIEWS)]
        lists = [drawn(turned(cell, turn), v).astype("f4") for cell, turn, v in cells]
        places = np.repeat([0, 1], VIEWS), np.tile(np.arange(VIEWS), 2), offsets([len(one) for one in lists])
        spots = SpotLists(np.array(list(part)), *places, *np.concatenate(lists).T)
        write_spots(folder / f"{part}.h5", spots, np.tile([0, 0, 1.0], (2 * VIEWS, 1)), {})
    split = pd.DataFrame({"material_id": list(GROUPS), "split": ["test"] * 3 + ["train"]})
    split["crystal_system"], split["spacegroup_number"] = zip(*GROUPS.values(), strict=True)
    write_parquet(pa.Table.from_pandas(split, preserve_index=False), folder / "split.parquet")
    rows = split.drop(columns="split").assign(formula="Po", nsites=1)
    lattices = [CELLS[system] for system in rows.crystal_system]
    rows["volume"] = [np.linalg.det(lattice) for lattice in lattices]
    rows["lattice"] = [lattice.ravel() for lattice in lattices]
    rows["numbers"], rows["frac_coords"] = [[84]] * 4, [[0.0, 0.0, 0.0]] * 4
    write_materials(rows, folder / "selected.parquet", {})
    return [folder / "ac.h5", folder / "bd.h5"], folder / "split.parquet", folder / "selected.parquet"


def found(files, folder, views=(1, 2, 3), materials=9, **options) -> pd.DataFrame:
    levels = [("ideal", LEVELS["ideal"]), ("typical", NOISY), (POSITIONS, Detector(position_error=0.001))]
    test = CellTest(*files, levels, 0, materials, views, EvaluationSettings())
    find_cells(test, folder / "cells.parquet", energy_kev=300, **options)
    table = read_parquet(folder / "cells.parquet")
    assert table.schema.equals(SCHEMA)
    return table.to_pandas()


@pytest.fixture(scope="module")
def whole(files, tmp_path_factory):
    return found(files, tmp_path_factory.mktemp("whole"))


def test_every_test_material_has_an_answer_of_each_level_and_number_of_views(whole):
    keys = whole.groupby(["material_id", "level"]).views.agg(list).to_dict()
    expected = {(m, level): [1, 2, 3] for m in "abc" for level in ("ideal", "typical")}
    assert keys == expected | {(m, POSITIONS): [1, 3] for m in "abc"}
    assert (whole.failure == "").all()
    ideal = whole[whole.level == "ideal"].set_index("material_id")
    assert ideal.loc["a", ["system", "lattice", "volume"]].drop_duplicates().to_numpy().tolist() == [
        ["cubic", "cP", pytest.approx(216)]
    ]
    assert ideal.deviation.max() < 2e-3 and (ideal.predicted_lattice == ideal.lattice).all()
    assert (ideal.predicted_system == ideal.system).all()
    assert ideal.loc["b"].spots.is_monotonic_increasing and ideal.loc["b"].spots.iloc[0] > 5
    # an error of scale is one of the cell, but for a common factor
    typical = whole[(whole.level == "typical") & (whole.views == 3)]
    assert (typical.deviation > 1e-3).all() and (typical.deviation_to_scale < 1e-3).all()
    assert (typical.scale_error == 0.01).all() and (typical.position_error == 0.002).all()


def test_answers_do_not_depend_on_the_jobs_that_share_the_materials(files, whole, tmp_path):
    parts = [found(files, tmp_path, job=job, jobs=4, views=[1]) for job in range(4)]
    assert [len(part) for part in parts].count(0) == 1
    together = pd.concat(parts).sort_values("material_id", kind="stable", ignore_index=True)
    pd.testing.assert_frame_equal(together, whole[whole.views == 1].reset_index(drop=True))
    some = found(files, tmp_path, materials=2, views=[1]).material_id.unique()
    assert len(some) == 2 and set(some) < set("abc")


def test_a_material_at_which_the_finder_fails_is_a_row_and_no_end(files, whole, tmp_path, monkeypatch):
    calls = []

    def fails_once(patterns, wavelength):
        calls.append(patterns)
        assert wavelength == WAVELENGTH
        if len(calls) == 1:
            raise ZeroDivisionError("flat")
        return None if len(calls) == 2 else find_lattice(patterns, wavelength)

    monkeypatch.setattr(answers, "find_lattice", fails_once)
    frame = found(files, tmp_path, materials=1)
    assert frame.failure.tolist()[:3] == ["ZeroDivisionError: flat", "", ""]
    assert np.isinf(frame.deviation[:2]).all() and (frame.probability[:2] == 0).all()
    assert frame.predicted_system.tolist()[:2] == ["none", "none"]
    same = whole[whole.material_id == frame.material_id[0]].reset_index(drop=True)
    pd.testing.assert_frame_equal(frame[2:], same[2:])
