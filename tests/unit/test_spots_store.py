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
    label = np.array([sum(map(ord, name)) / 1000 for name in views] or [0])
    tag = np.repeat(label[material] if len(material) else material, counts).astype("f4")
    number = np.arange(counts.sum(), dtype="f4") - np.repeat(offsets(counts)[:-1], counts)
    names = np.array(list(views), dtype=str)
    return SpotLists(
        names, material, view, offsets(counts), tag, number, np.repeat(view / 9, counts).astype("f4")
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
        write_spots(tmp_path / f"{k}.h5", lists.select(part), np.tile([0, 0, 1.0], (3 * len(part), 1)), {})
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
    "offsets of fewer patterns": lambda path: overwrite(
        path, "patterns/offset", read_spots([path]).offset[[0, 3]]
    ),
    "no offsets": lambda path: overwrite(path, "patterns/offset", np.empty(0, int)),
    "unknown material": lambda path: overwrite(path, "patterns/material", [0, 0, 7]),
    "group for a dataset": lambda path: overwrite(path, "spots", None),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_broken_file_is_named(shard, damage):
    DAMAGES[damage](shard)
    with pytest.raises(InputError, match=re.escape(str(shard))):
        read_spots([shard])


# dataset: an entry, the value put there, what the error says of it
IMPOSSIBLE = [
    ("spots/intensity", 3, np.nan, "number 3 is nan, expected a share"),
    ("spots/intensity", 3, -1e-3, r"number 3 is -0\.001"),
    ("spots/intensity", 0, 1e30, r"number 0 is 1e\+30"),
    ("spots/qx", 2, 1e30, "number 2 is .*expected -100 to 100 1/Å"),
    ("spots/qy", 2, -np.inf, "number 2 is -inf"),
    ("patterns/zone_axis", 1, np.nan, r"number 1 is \[nan nan nan\], expected a unit vector"),
    ("patterns/zone_axis", 1, [0, 0, 0.999], "number 1"),
    ("patterns/view", 1, 0, r"number 1 is \[0 0\], expected .* none twice"),
    ("patterns/view", 0, -1, "number 0"),
    ("patterns/material", 2, 3, "number 2 is 3, expected an index of 3 materials"),
    ("patterns/material", 0, -1, "number 0 is -1"),
    ("patterns/material", 0, 1, "number 1"),
    ("materials/id", 1, b"mp-1", "number 1 is 'mp-1', expected .* none twice"),
    ("materials/id", 1, b"m\0p", r"number 1 is 'm\\x00p'"),
    ("patterns/offset", 1, 99, "inconsistent"),
    ("patterns/offset", 0, 1, "inconsistent"),
]


@pytest.mark.parametrize(("name", "entry", "value", "message"), IMPOSSIBLE)
def test_values_that_no_spot_can_have_are_refused(shard, name, entry, value, message):
    with h5py.File(shard, "a") as file:
        file[name][entry] = value
    with pytest.raises(InputError, match=rf"{shard}.*{message}"):
        read_spots([shard])


def test_damaged_compressed_data_is_named(shard):
    with h5py.File(shard) as file:
        place = file["spots/qx"].id.get_chunk_info(0).byte_offset
    data = bytearray(shard.read_bytes())
    data[place : place + 8] = b"\xff" * 8
    shard.write_bytes(data)
    with pytest.raises(InputError, match=re.escape(str(shard))):
        read_spots([shard])
