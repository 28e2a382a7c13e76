"""A shard that is killed goes on where it stopped, and nobody can tell from the file."""

import os
import pickle
import signal
import subprocess
import sys
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from test_simulation import MATERIALS, SETTINGS, read_patterns

from edsym.errors import InputError
from edsym.simulation.run import shard
from edsym.simulation.run.journal import Checkpoint, Journal
from edsym.simulation.run.results import FailedMaterial, SimulatedMaterial
from edsym.simulation.run.shard import simulate_shard
from edsym.structures.table import write_materials

# Simulates a shard and is killed by the signal that no process can catch, in the middle of the third record.
KILLED = """
import os, pickle, signal, sys
from edsym.simulation.run import journal, shard

def append_and_die(self, result, append=journal.Journal.append):
    append(self, result)
    if len(self) == 3:
        self._file.truncate(self._file.tell() - 1000)
        os.kill(os.getpid(), signal.SIGKILL)

journal.Journal.append = append_and_die
shard.simulate_shard(**pickle.load(sys.stdin.buffer))
"""


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("structures") / "materials.parquet"
    write_materials(MATERIALS, path, {"source": "test"})
    return path


@pytest.fixture(scope="module")
def expected(table, tmp_path_factory):
    """Return the file of a run without interruption."""
    path = tmp_path_factory.mktemp("expected") / "patterns.h5"
    simulate_shard(table, path, 0, SETTINGS)
    assert [path.name for path in path.parent.iterdir()] == ["patterns.h5"]
    return path.read_bytes()


@pytest.fixture
def job(table, tmp_path):
    """Return the arguments of a run with a checkpoint."""
    return {
        "materials_path": table,
        "output_path": tmp_path / "patterns" / "0.h5",
        "shard": 0,
        "settings": SETTINGS,
        "checkpoint": Checkpoint(tmp_path / "checkpoints" / "0.journal", "a key"),
    }


@pytest.fixture
def simulated(monkeypatch):
    """Return a list that fills with the materials that are simulated from now on."""
    names, simulate = [], shard.simulate_material

    def recorded(row, *rest):
        names.append(row.material_id)
        return simulate(row, *rest)

    monkeypatch.setattr(shard, "simulate_material", recorded)
    return names


def test_a_killed_shard_goes_on_where_it_stopped(job, expected, simulated):
    done = subprocess.run([sys.executable, "-c", KILLED], input=pickle.dumps(job), check=False)
    assert done.returncode == -signal.SIGKILL
    assert not job["output_path"].exists()
    simulate_shard(**job)
    assert simulated == sorted(MATERIALS["material_id"])[2:]
    assert job["output_path"].read_bytes() == expected
    assert not job["checkpoint"].path.exists()


def complete_journal(job, monkeypatch) -> bytes:
    """Return the journal of a run that fails when all materials are done."""

    def full(*_):
        raise OSError("no space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="no space"):
        patch.setattr(shard, "write_patterns", full)
        simulate_shard(**job)
    assert not job["output_path"].parent.exists()
    return job["checkpoint"].path.read_bytes()


@pytest.mark.parametrize("damage", ["cut in the head", "cut", "zeros at the end", "zeros within", "length"])
def test_a_damaged_journal_costs_time_only(job, expected, simulated, monkeypatch, damage):
    journal = bytearray(complete_journal(job, monkeypatch))
    middle = len(journal) // 2
    if damage == "cut in the head":
        journal = journal[:10]
    elif damage == "cut":
        journal = journal[:middle]
    elif damage == "zeros at the end":
        journal += bytes(5000)
    elif damage == "zeros within":
        journal[middle : middle + 100] = bytes(100)
    else:
        start = len(b"edsym-journal 1 a key\n")
        journal[start : start + 8] = b"\xff" * 8
    job["checkpoint"].path.write_bytes(journal)
    simulated.clear()
    simulate_shard(**job)
    again = {"cut in the head": {7}, "length": {7}, "zeros at the end": {0}}.get(damage, range(1, 7))
    assert len(simulated) in again
    assert job["output_path"].read_bytes() == expected


def test_a_journal_of_other_inputs_is_not_used(job, monkeypatch, simulated, expected):
    complete_journal(job, monkeypatch)
    simulated.clear()
    other = SETTINGS.replace(thickness_angstrom=100.0)
    simulate_shard(**job | {"settings": other, "checkpoint": Checkpoint(job["checkpoint"].path, "a key 2")})
    assert simulated == sorted(MATERIALS["material_id"])
    assert job["output_path"].read_bytes() != expected


def two_results():
    rng = np.random.default_rng(0)
    return [
        SimulatedMaterial("mp-1", np.eye(3), rng.random((2, 3, 3)), np.array([50.0, 200.0]), np.array([1, 2]),
                          np.zeros((3, 3), np.int16), rng.random(3, dtype=np.float32)),
        FailedMaterial("mp-2", "no scattering factors for Rf"),
    ]  # fmt: skip


def test_failures_are_in_the_journal_too(tmp_path):
    results = two_results()
    with open(tmp_path / "journal", "w+b") as file:
        for result in results:
            Journal(file, "key").append(result)
        found = list(Journal(file, "key"))
    assert found[1] == results[1]
    for name, value in vars(results[0]).items():
        np.testing.assert_array_equal(getattr(found[0], name), value)
        assert np.asarray(getattr(found[0], name)).dtype == np.asarray(value).dtype


def test_a_flipped_bit_ends_a_journal_and_a_running_shard_does_not_go_on_without_the_rest(tmp_path):
    path = tmp_path / "journal"
    with open(path, "w+b") as file:
        for result in two_results():
            Journal(file, "key").append(result)
    data = path.read_bytes()
    expected = [pickle.dumps(result) for result in two_results()]
    for place in np.random.default_rng(0).integers(8 * len(data), size=200):
        path.write_bytes(data)
        with open(path, "r+b") as file:
            running = Journal(file, "key")
            os.pwrite(file.fileno(), bytes([data[place // 8] ^ 1 << place % 8]), place // 8)
            if place // 8 >= len(b"edsym-journal 1 key\n"):  # which a running shard does not read again
                with pytest.raises(InputError, match=r"damaged while it ran, after [01] of 2"):
                    list(running)
        with open(path, "r+b") as file:
            left = [pickle.dumps(result) for result in Journal(file, "key")]
        assert len(left) < 2 and left == expected[: len(left)]


def test_memory_does_not_grow_with_the_number_of_materials(tmp_path):
    def peak(n):
        halite = MATERIALS[MATERIALS["material_id"] == "halite"]
        many = pd.concat([halite.assign(material_id=f"halite {i:03d}") for i in range(n)])
        write_materials(many, tmp_path / f"{n}.parquet", {})
        tracemalloc.start()
        settings = SETTINGS.replace(zone_axes=100)
        simulate_shard(tmp_path / f"{n}.parquet", tmp_path / f"{n}.h5", 0, settings)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        beams = sum(len(hkl) for _, (hkl, _, _) in read_patterns(tmp_path / f"{n}.h5").values())
        return peak, 10 * beams  # bytes of indices and intensities

    peak(1)  # compiles and fills caches
    (few, _), (many, size) = peak(10), peak(40)
    assert size > 2e6
    assert many - few < 0.2 * size
