"""One bit of a file on the disk is not what it was: an error that names the file, or nothing of it matters.

``EDSYM_FLIPS`` says how many of them.
"""

import os
import pickle

import numpy as np
import pyarrow as pa
import pytest

from edsym.errors import InputError
from edsym.models.forest.features import N_FEATURES
from edsym.models.forest.fit import grow
from edsym.models.forest.model import Forest
from edsym.models.forest.settings import ForestSettings
from edsym.parquet import read_parquet, read_schema, write_parquet
from edsym.simulation.run.results import FailedMaterial, SimulatedMaterial
from edsym.simulation.run.store import open_patterns, write_patterns
from edsym.simulation.settings import SimulationSettings
from edsym.spots.store import SpotLists, read_failures, read_spots, write_spots

FLIPS = int(os.environ.get("EDSYM_FLIPS", 300))


def write_some_patterns(path):
    rng = np.random.default_rng(0)
    results = [
        SimulatedMaterial(name, np.eye(3), np.tile(np.eye(3), (2, 1, 1)), np.array([50.0, 200]),
                          np.array([3, 5]),
                          rng.integers(-9, 9, (8, 3)).astype("i2"), rng.random(8, dtype="f4"))
        for name in ("mp-1", "mp-2")
    ]  # fmt: skip
    write_patterns(path, SimulationSettings(), [*results, FailedMaterial("mp-3", "no scattering factors")])


def read_some_patterns(path):
    with open_patterns(path) as store:
        columns = {name: value for name, value in vars(store).items() if name != "_file"}
        return columns, store.beams(slice(0, len(store)))


def write_some_spots(path):
    ids, material, view, offset = ["mp-1", "mp-2"], [0, 0, 1], [0, 1, 1], [0, 4, 7, 12]
    columns = np.random.default_rng(1).random((3, 12), dtype="f4")
    spots = SpotLists(*map(np.array, (ids, material, view, offset)), *columns)
    write_spots(
        path, spots, np.tile([0, 0, 1.0], (3, 1)), {"q_max": 2}, [(1, 0, 4)], [("mp-3", "no factors")]
    )


def write_some_trees(path):
    X = np.random.default_rng(2).random((40, N_FEATURES), dtype="f4")
    groups = np.repeat([1, 2, 221, 225], 10)
    settings = ForestSettings(system_trees=2, system_depth=3, spacegroup_trees=2, spacegroup_depth=3, seed=0)
    forest = Forest(forest=settings)
    grow(forest, X, groups)
    forest.write_weights(path)


def read_some_trees(path):
    forest = Forest()
    forest.read_weights(path)
    return vars(forest.systems), {k: vars(trees) for k, trees in forest.groups.items()}


def write_some_table(path):
    schema = pa.schema({"name": pa.string(), "n": pa.list_(pa.uint8())}).with_metadata(
        {"edsym": '{"source": "test"}'}
    )
    write_parquet(pa.table([["a", "b", "c"], [[1, 2], [], [3]]], schema), path)


def read_some_table(path):
    return str(read_schema(path)), read_schema(path).metadata, read_parquet(path).to_pylist()


# How a file is written, and everything that is read of it.
STORES = {
    "patterns.h5": (write_some_patterns, read_some_patterns),
    "spots.h5": (write_some_spots, lambda path: (vars(read_spots([path])), read_failures([path]))),
    "table.parquet": (write_some_table, read_some_table),
    "forest.h5": (write_some_trees, read_some_trees),
}


@pytest.mark.parametrize("name", STORES)
def test_a_flipped_bit_is_an_error_or_changes_nothing(name, tmp_path):
    write, read = STORES[name]
    path = tmp_path / name
    write(path)
    data, expected = path.read_bytes(), pickle.dumps(read(path))
    told = 0
    for place in np.random.default_rng(3).integers(8 * len(data), size=FLIPS):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        try:
            assert pickle.dumps(read(path)) == expected, f"bit {place} of {8 * len(data)}"
        except InputError as error:
            assert name in str(error)
            told += 1
    assert told > FLIPS / 2
