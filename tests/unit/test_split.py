import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edsym.errors import InputError
from edsym.parquet import write_parquet
from edsym.spots.division import _sides, split_materials
from edsym.spots.settings import SplitSettings
from edsym.spots.split import (
    SCHEMA,
    first_share,
    labelled_patterns,
    patterns_to_predict,
    read_split,
    validation_patterns,
    write_split,
)
from edsym.spots.store import SpotLists, write_spots
from edsym.structures.table import write_materials
from edsym.symmetry import crystal_system, system_index

SETTINGS = SplitSettings(test_fraction=0.25, seed=1)
GROUPS = np.repeat([225, 62, 14, 2, 148], [40, 22, 5, 2, 1])
IDS = np.array([f"mp-{7919 * i % 1000}" for i in range(len(GROUPS))])


def write_selected(path, ids=IDS, groups=GROUPS):
    rows = {
        "material_id": ids,
        "formula": "Po",
        "spacegroup_number": groups,
        "crystal_system": [crystal_system(group) for group in groups],
        "volume": 27.0,
        "nsites": 1,
    }
    frame = pd.DataFrame(rows)
    frame["lattice"] = [list(3.0 * np.eye(3).ravel())] * len(frame)
    frame["numbers"] = [[84]] * len(frame)
    frame["frac_coords"] = [[0.0, 0.0, 0.0]] * len(frame)
    write_materials(frame, path, {"source": "test"})
    return path


def write_kin(path, ids=IDS):
    """Write kinship by which five neighbours are of a prototype, and every 17th of a chemical system."""
    n = np.arange(len(ids))
    prototypes = [f"{group} {i // 5}" for i, group in zip(n, GROUPS, strict=False)]
    columns = {"material_id": ids, "prototype": prototypes, "chemical_system": [f"E{i % 17}" for i in n]}
    write_parquet(pa.table({name: pa.array(list(map(str, c))) for name, c in columns.items()}), path)
    return path


def write_shards(folder, parts):
    """Write shards; of each material (id, has patterns)."""
    for k, part in enumerate(parts):
        part = sorted(part)
        ids = np.array([name for name, _ in part], dtype=str)
        material = np.flatnonzero([seen for _, seen in part])
        n = len(material)
        zeros = np.zeros(n, "f4")
        lists = SpotLists(ids, material, np.zeros(n, int), np.arange(n + 1), zeros, zeros, zeros)
        write_spots(folder / f"{k}.h5", lists, np.tile([0, 0, 1.0], (n, 1)), {})
    return [folder / f"{k}.h5" for k in range(len(parts))]


@pytest.fixture
def selected(tmp_path):
    return write_selected(tmp_path / "selected.parquet")


def split(tmp_path, selected, parts, settings=SETTINGS):
    kinship = write_kin(tmp_path / "kinship.parquet")
    split_materials(write_shards(tmp_path, parts), selected, kinship, tmp_path / "split.parquet", settings)
    return read_split(tmp_path / "split.parquet")


def test_the_split_is_stratified_and_complete(tmp_path, selected):
    frame = split(tmp_path, selected, [[(name, True) for name in IDS]])
    assert frame.material_id.tolist() == sorted(IDS)
    tested = frame[frame.split == "test"].groupby("crystal_system").size().to_dict()
    assert tested == {"cubic": 10, "orthorhombic": 6, "monoclinic": 1, "triclinic": 1}
    truth = dict(zip(IDS, GROUPS, strict=True))
    assert all(truth[row.material_id] == row.spacegroup_number for row in frame.itertuples())


def test_sharding_and_materials_without_patterns_change_nothing_for_the_others(tmp_path, selected):
    seen = [(name, True) for name in IDS if name != "mp-0"]
    one = split(tmp_path, selected, [[*seen, ("mp-0", False)]])
    many = split(tmp_path, selected, [seen[40:], [], [("mp-0", False)], seen[:40]])
    assert "mp-0" not in set(one.material_id)
    pd.testing.assert_frame_equal(one, many)


def test_the_seed_changes_the_split(tmp_path, selected):
    parts = [[(name, True) for name in IDS]]
    first = split(tmp_path, selected, parts)
    second = split(tmp_path, selected, parts, SplitSettings(test_fraction=0.25, seed=2))
    assert (first.split != second.split).any()
    assert (first.split == "test").sum() == (second.split == "test").sum()


@given(
    st.dictionaries(st.text(min_size=1, max_size=4), st.integers(1, 230), min_size=1, max_size=60),
    st.floats(0.01, 0.99),
    st.randoms(use_true_random=False),
)
@settings(max_examples=50, deadline=None)
def test_sides_do_not_depend_on_the_order_and_small_systems_are_handled(materials, fraction, random):
    names = list(materials)
    shuffled = random.sample(names, len(names))
    sides = []
    for order in (names, shuffled):
        systems = system_index([materials[name] for name in order])
        found = _sides(np.array(order), systems, SplitSettings(test_fraction=fraction, seed=0))
        sides.append(dict(zip(order, found, strict=True)))
    assert sides[0] == sides[1]
    for system in range(7):
        of_system = [sides[0][name] for name in names if system_index(materials[name]) == system]
        if len(of_system) == 1:
            assert of_system == ["train"]
        elif of_system:
            n_test = of_system.count("test")
            assert 1 <= n_test < len(of_system)
            assert abs(n_test - fraction * len(of_system)) <= 1


def test_nothing_to_split_is_refused(tmp_path, selected):
    with pytest.raises(InputError, match="no material has a pattern"):
        split(tmp_path, selected, [[("mp-0", False)]])
    with pytest.raises(InputError, match="at least two materials of one crystal system"):
        split(tmp_path, selected, [[("mp-0", True)]])
    assert not (tmp_path / "split.parquet").exists()


def test_patterns_of_unknown_materials_are_refused(tmp_path, selected):
    with pytest.raises(InputError, match=r"selected\.parquet lacks 1 materials .* mp-x"):
        split(tmp_path, selected, [[("mp-0", True), ("mp-x", True)]])


def split_frame(**changes):
    columns = {
        "material_id": ["a", "b"],
        "split": ["train", "test"],
        "crystal_system": ["cubic", "cubic"],
        "spacegroup_number": [225, 227],
        "kin": ["a", "b"],
    }
    return pd.DataFrame(columns | changes)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (split_frame(material_id=["a", "a"]), "material a occurs more than once"),
        (split_frame(split=["train", "validation"]), "validation"),
        (split_frame(split=["train", "train"]), "expected both"),
        (split_frame(material_id=["a", None]), "empty values"),
        (split_frame(kin=["225 A", "225 A"]), "material a trains and b tests, though both are '225 A'"),
        (split_frame(spacegroup_number=[225, 231]), "1 to 230"),
        (split_frame(spacegroup_number=[225, 0]), "1 to 230"),
        (split_frame(spacegroup_number=[225, 2]), "material b has space group 2, which is not cubic"),
        (split_frame().drop(columns="split"), "lacks the columns split"),
        (split_frame(spacegroup_number=["x", "y"]), "cannot be read"),
    ],
)
def test_a_wrong_split_is_refused(tmp_path, frame, message):
    write_parquet(pa.Table.from_pandas(frame, preserve_index=False), tmp_path / "split.parquet")
    with pytest.raises(InputError, match=re.escape(str(tmp_path / "split.parquet")) + f".*{message}"):
        read_split(tmp_path / "split.parquet")


def test_an_unreadable_split_is_refused(tmp_path):
    (tmp_path / "split.parquet").write_text("no table")
    with pytest.raises(InputError, match="not a readable Parquet file"):
        read_split(tmp_path / "split.parquet")


@pytest.mark.parametrize(
    ("materials", "fraction", "count"),
    [(2, 0.9, 1), (2, 0.01, 1), (10, 0.01, 1), (10, 0.25, 2), (10, 0.99, 9)],
)
def test_some_materials_validate_with_all_their_patterns_and_some_do_not(materials, fraction, count):
    material = np.tile(np.arange(materials), 3)
    validates = validation_patterns(material, fraction, 0)
    assert np.count_nonzero(validates) == 3 * count
    assert (validates == np.tile(validates[:materials], 3)).all()


def test_validation_materials_stay_what_they_are():
    """All models with this seed are calibrated on the same ones, in every version."""
    chosen = [np.flatnonzero(validation_patterns(np.arange(10), 0.3, seed)).tolist() for seed in (0, 1)]
    assert chosen == [[3, 5, 9], [2, 6, 7]]


def test_test_materials_stay_what_they_are():
    """A stored model has seen the others, in every version."""
    ids, systems = np.array([f"mp-{i}" for i in range(10)]), np.zeros(10, int)
    sides = [_sides(ids, systems, SplitSettings(test_fraction=0.3, seed=seed)) for seed in (0, 1)]
    assert [np.flatnonzero(side == "test").tolist() for side in sides] == [[0, 2, 9], [0, 6, 7]]


def test_a_split_is_written_with_its_settings_and_read_sorted(tmp_path):
    frame = split_frame().iloc[::-1]
    write_split(frame, tmp_path / "split.parquet", SETTINGS)
    stored = pq.read_schema(tmp_path / "split.parquet")
    assert stored.remove_metadata() == SCHEMA
    assert stored.metadata[b"edsym"] == b'{"seed": 1, "strategy": "material", "test_fraction": 0.25}'
    read = read_split(tmp_path / "split.parquet")
    assert read.material_id.tolist() == sorted(frame.material_id)
    assert read.index.tolist() == list(range(len(frame)))


def test_patterns_of_a_side_come_with_the_groups_of_their_materials(tmp_path):
    shards = write_shards(
        tmp_path, [[("a", True), ("c", True)], [("b", True), ("d", False), ("e", True)], [("f", True)]]
    )
    groups = {"a": 230, "b": 1, "c": 62, "d": 62, "e": 14, "f": 2}
    frame = pd.DataFrame(
        {
            "material_id": list(groups),
            "split": ["train", "test", "train", "test", "train", "train"],
            "crystal_system": [crystal_system(group) for group in groups.values()],
            "spacegroup_number": list(groups.values()),
            "kin": list(groups),
        }
    )
    path = tmp_path / "split.parquet"
    write_split(frame, path, SETTINGS)

    def found(spots, numbers):
        return dict(zip(spots.material_id[spots.material], numbers, strict=True))

    assert found(*labelled_patterns(shards, path, "train")) == {"a": 230, "c": 62, "e": 14, "f": 2}
    assert found(*patterns_to_predict(shards, path)) == {"b": 1}
    validating = validation_patterns(np.arange(4), 0.5, 3)
    assert found(*patterns_to_predict(shards, path, (0.5, 3))) == {
        name: groups[name] for name in np.array(["a", "c", "e", "f"])[validating]
    }
    with pytest.raises(InputError, match="none of the 2 test materials has a pattern"):
        labelled_patterns(shards[:1], path, "test")


@pytest.mark.parametrize("strategy", ["prototype", "chemistry"])
def test_kin_stay_on_one_side_and_the_share_is_kept(tmp_path, selected, strategy):
    settings = SETTINGS.replace(strategy=strategy)
    frame = split(tmp_path, selected, [[(name, True) for name in IDS]], settings)
    assert (frame.groupby("kin").split.nunique() == 1).all()
    assert len(set(frame.kin)) < len(frame)
    assert abs((frame.split == "test").mean() - 0.25) < 0.08
    if strategy == "prototype":
        assert set(frame.crystal_system[frame.split == "test"]) >= {"cubic", "orthorhombic"}


def test_a_leak_is_caught_when_it_is_written_and_when_it_is_read(tmp_path, selected):
    settings = SETTINGS.replace(strategy="prototype")
    frame = split(tmp_path, selected, [[(name, True) for name in IDS]], settings)
    planted = frame[(frame.split == "test") & frame.duplicated("kin", keep=False)].index[0]
    name = frame.material_id[planted]
    frame.loc[planted, "split"] = "train"
    with pytest.raises(InputError, match=f"material {name} trains and mp-"):
        write_split(frame, tmp_path / "leak.parquet", settings)
    assert not (tmp_path / "leak.parquet").exists()
    write_parquet(pa.Table.from_pandas(frame, preserve_index=False), tmp_path / "leak.parquet")
    with pytest.raises(InputError, match=f"material {name} trains and mp-"):
        read_split(tmp_path / "leak.parquet")


def test_kin_validate_together(tmp_path):
    ids = [f"m{i:02}" for i in range(24)]
    shards = write_shards(tmp_path, [[(name, True) for name in ids]])
    frame = split_frame(
        material_id=ids,
        split=["train"] * 20 + ["test"] * 4,
        crystal_system=["cubic"] * 24,
        spacegroup_number=[225] * 24,
        kin=[f"k{7 * i // 4 % 6}" if i < 20 else "other" for i in range(24)],
    )
    write_split(frame, tmp_path / "split.parquet", SETTINGS)
    found, _ = patterns_to_predict(shards, tmp_path / "split.parquet", (0.3, 1))
    kin = frame.set_index("material_id").kin
    chosen = set(kin[found.material_id])
    assert set(found.material_id) == set(kin.index[kin.isin(chosen)])
    assert 1 <= len(chosen) < 6 and 3 <= len(found.material_id) <= 9


def test_the_first_parts_come_as_near_to_a_share_as_they_can():
    assert [first_share(np.array([3, 3, 3, 3]), f) for f in (0.01, 0.25, 0.49, 0.99)] == [1, 1, 2, 3]
    assert first_share(np.array([10, 1, 1]), 0.2) == 1
    assert first_share(np.array([2, 1, 6, 1]), 0.5) == 2
    assert first_share(np.array([5]), 0.5) == 0


def test_a_table_without_kin_is_a_split_by_material(tmp_path):
    frame = split_frame().drop(columns="kin")
    write_parquet(pa.Table.from_pandas(frame, preserve_index=False), tmp_path / "split.parquet")
    assert read_split(tmp_path / "split.parquet").kin.tolist() == ["a", "b"]
