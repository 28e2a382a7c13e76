import re
import textwrap

import h5py
import numpy as np
import pytest

from edsym.errors import InputError
from edsym.spots import store
from edsym.spots.store import (
    SpotLists,
    materials_with_patterns,
    offsets,
    read_failures,
    read_spots,
    write_spots,
)


def spot_lists(views: dict[str, list[int]]) -> SpotLists:
    """Return patterns of some materials whose spots tell where they belong."""
    rng = np.random.default_rng(0)
    counts = rng.integers(5, 9, sum(map(len, views.values())))
    material = np.repeat(np.arange(len(views)), [len(v) for v in views.values()])
    view = np.concatenate([np.empty(0, int), *views.values()]).astype(int)
    label = np.array([sum(map(ord, name)) for name in views] or [0])
    tag = np.repeat(label[material] if len(material) else material, counts).astype("f4")
    number = np.arange(counts.sum(), dtype="f4") - np.repeat(offsets(counts)[:-1], counts)
    names = np.array(list(views), dtype=str)
    return SpotLists(
        names, material, view, offsets(counts), tag, number, np.repeat(view, counts).astype("f4")
    )


def write(path, views, **more):
    lists = spot_lists(views)
    write_spots(path, lists, np.tile([0, 0, 1.0], (len(lists), 1)), {"q_max": 2}, **more)
    return path


@pytest.fixture
def shard(tmp_path):
    return write(tmp_path / "0.h5", {"mp-1": [0, 2], "mp-20": [1], "mp-3": []}, dropped=[(2, 4, 3)])


def contents(lists: SpotLists) -> list[tuple]:
    """Return all patterns, with everything that the store says of them."""
    ends = zip(lists.offset[:-1], lists.offset[1:], strict=True)
    spots = np.stack([lists.qx, lists.qy, lists.intensity], axis=1)
    return [
        (str(lists.material_id[m]), int(v), len(spots[a:b]), spots[a:b].tolist())
        for m, v, (a, b) in zip(lists.material, lists.view, ends, strict=True)
    ]


def test_the_example_of_the_docstring_reads_a_store_with_h5py_alone(shard):
    example = re.search(r"::\n\n(.*?)\n\n=", store.__doc__, re.DOTALL).group(1)
    found = {"path": shard}
    exec(textwrap.dedent(example), found)
    lists = read_spots([shard])
    first = slice(*lists.offset[:2])
    assert found["material_id"] == "mp-1"
    np.testing.assert_array_equal(found["qy"], lists.qy[first])
    np.testing.assert_array_equal(found["intensity"], lists.intensity[first])


def test_every_dataset_of_the_docstring_is_there(shard):
    documented = re.findall(r"(?:materials|patterns|spots|dropped|failed)/\w+(?=[ ,])", store.__doc__)
    with h5py.File(shard) as file:
        assert set(documented) == {f"{group}/{name}" for group in file for name in file[group]}


def test_what_is_read_does_not_depend_on_the_sharding(tmp_path):
    views = {name: list(range(3)) for name in ("b", "a", "d", "c", "e")}
    whole = {name: views[name] for name in sorted(views)}
    one = read_spots([write(tmp_path / "one.h5", whole)])
    assert [(name, view) for name, view, *_ in contents(one)] == [(n, v) for n in whole for v in range(3)]
    lists = spot_lists(whole)
    for k, part in enumerate((["a", "e"], [], ["b", "c", "d"])):
        write_spots(tmp_path / f"{k}.h5", lists.select(part), np.zeros((3 * len(part), 3)), {})
    parts = read_spots([tmp_path / f"{k}.h5" for k in (2, 0, 1)])
    assert contents(parts) == contents(one)
    assert parts.material_id.tolist() == one.material_id.tolist()


def test_select_keeps_exactly_the_patterns_of_some_materials(shard):
    lists = read_spots([shard])
    chosen = lists.select(["mp-20", "mp-3", "unknown"])
    assert contents(chosen) == [row for row in contents(lists) if row[0] == "mp-20"]
    assert chosen.material_id.tolist() == ["mp-20"]
    assert len(lists.select([])) == 0


def test_reading_some_materials_is_selecting_them_and_a_mapped_file_is_as_good_as_memory(
    tmp_path, shard, monkeypatch
):
    other = write(tmp_path / "1.h5", {"mp-2": [0, 1], "mp-5": [3]})
    chosen = read_spots([other, shard]).select(["mp-20", "mp-2", "mp-3"])
    for n_bytes in (2**20, 0):
        monkeypatch.setattr("edsym.spots.store._MAPPED_BYTES", n_bytes)
        read = read_spots([shard, other], ["mp-2", "mp-20", "mp-3", "unknown"])
        assert contents(read) == contents(chosen)
        assert read.material_id.tolist() == chosen.material_id.tolist() == ["mp-2", "mp-20"]
        assert len(read_spots([shard, other], [])) == 0


def test_materials_without_patterns_and_failures_are_told(tmp_path, shard):
    other = write(tmp_path / "1.h5", {}, failed=[("mp-9", "too many beams")])
    assert materials_with_patterns([other, shard]).tolist() == ["mp-1", "mp-20"]
    assert read_failures([other, shard]) == ([("mp-3", 4, 3)], [("mp-9", "too many beams")])


def test_one_material_in_two_shards_is_refused(tmp_path, shard):
    with pytest.raises(InputError, match=r"material mp-20 occurs more than once in .*0\.h5, .*1\.h5"):
        read_spots([shard, write(tmp_path / "1.h5", {"mp-20": [0]})])


def test_no_files_are_refused():
    with pytest.raises(InputError, match="no files of spots"):
        read_spots([])


def overwrite(path, name, values):
    with h5py.File(path, "a") as file:
        del file[name]
        if values is not None:
            file[name] = values


DAMAGES = {
    "truncated": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "text": lambda path: path.write_text("no HDF5 at all"),
    "absent": lambda path: path.unlink(),
    "foreign": lambda path: h5py.File(path, "w").close(),
    "missing dataset": lambda path: overwrite(path, "spots/qy", None),
    "offsets beyond the spots": lambda path: overwrite(path, "patterns/offset", [0, 5, 10, 9999]),
    "no offsets": lambda path: overwrite(path, "patterns/offset", np.empty(0, int)),
    "unknown material": lambda path: overwrite(path, "patterns/material", [0, 0, 7]),
    "group for a dataset": lambda path: overwrite(path, "spots", None),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_broken_file_is_named(shard, damage):
    DAMAGES[damage](shard)
    with pytest.raises(InputError, match=re.escape(str(shard))):
        read_spots([shard])


def test_values_that_are_not_finite_are_refused(shard):
    with h5py.File(shard, "a") as file:
        file["spots/intensity"][3] = np.nan
    with pytest.raises(InputError, match="spots/intensity"):
        read_spots([shard])


def test_damaged_compressed_data_is_named(shard):
    with h5py.File(shard) as file:
        place = file["spots/qx"].id.get_chunk_info(0).byte_offset
    data = bytearray(shard.read_bytes())
    data[place : place + 8] = b"\xff" * 8
    shard.write_bytes(data)
    with pytest.raises(InputError, match=re.escape(str(shard))):
        read_spots([shard])
