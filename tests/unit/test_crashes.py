"""Materials that crash the process, jobs that the system kills, two jobs for one shard."""

import ctypes
import faulthandler
import os
import signal
import subprocess
import sys
import time
from importlib.metadata import version

import pytest
from test_simulation import MATERIALS, SETTINGS

from edsym.errors import EdsymError, InputError
from edsym.simulation.run import shard
from edsym.simulation.run.crashes import simulate_shard_in_child
from edsym.simulation.run.journal import Checkpoint, open_journal
from edsym.simulation.run.store import open_patterns
from edsym.structures.table import write_materials

NAMES = sorted(MATERIALS["material_id"])
NO_FACTORS = ["kurchatovium oxide"]
GOOD = [name for name in NAMES if name not in NO_FACTORS]


@pytest.fixture
def job(tmp_path):
    write_materials(MATERIALS, tmp_path / "materials.parquet", {"source": "test"})
    checkpoint = Checkpoint(tmp_path / "0.journal", "a key")
    return tmp_path / "materials.parquet", tmp_path / "patterns.h5", 0, SETTINGS, checkpoint


def at(monkeypatch, names, what):
    """Have something done in the place of the simulation of some materials; the child inherits it."""
    simulate = shard.simulate_material
    monkeypatch.setattr(
        shard,
        "simulate_material",
        lambda row, *rest: what() if row.material_id in names else simulate(row, *rest),
    )


def read_null():
    faulthandler.disable()  # pytest's would show this crash, which is meant, in its output
    ctypes.string_at(0)


def test_a_material_that_crashes_is_listed_and_the_others_go_on(job, monkeypatch):
    at(monkeypatch, {NAMES[0], NAMES[2]}, read_null)
    simulate_shard_in_child(*job)
    with open_patterns(job[1]) as store:
        failed = dict(store.failed)
        assert set(failed) == {NAMES[0], NAMES[2], *NO_FACTORS}
        assert failed[NAMES[0]] == failed[NAMES[2]] == "the simulation crashed (SIGSEGV)"
        assert set(store.material_id) == set(NAMES) - set(failed)


def test_a_machine_that_crashes_at_every_material_is_no_list_of_bad_materials(job, monkeypatch):
    at(monkeypatch, set(NAMES), read_null)
    with pytest.raises(EdsymError, match=r"crashed \(SIGSEGV\) at 3 materials one after the other"):
        simulate_shard_in_child(*job)
    assert not job[1].exists()


def test_a_job_that_the_system_kills_fails_and_loses_nothing(job, monkeypatch):
    with monkeypatch.context() as patch:
        at(patch, {NAMES[2]}, lambda: os.kill(os.getpid(), signal.SIGKILL))
        with pytest.raises(EdsymError, match=r"ended by SIGKILL.*memory"):
            simulate_shard_in_child(*job)
    with open_journal(job[4], job[1].parent, keep=True) as journal:
        assert [result.material_id for result in journal] == NAMES[:2]
    simulate_shard_in_child(*job)
    with open_patterns(job[1]) as store:
        assert store.material_id.tolist() == GOOD


def test_two_jobs_do_not_write_one_journal(job):
    with open_journal(job[4], job[1].parent), pytest.raises(SystemExit):
        simulate_shard_in_child(*job)
    with open_journal(job[4], job[1].parent), pytest.raises(InputError, match="is in use"):
        open_journal(job[4], job[1].parent).__enter__()


LOADS = """
import sys
from edsym.simulation.run import crashes

crashes.simulate_shard = lambda *_: __import__("hypothesis")
facts = crashes.simulate_shard_in_child("", "", 0, None, None)
print(facts["packages"]["hypothesis"] if "hypothesis" not in sys.modules else "loaded by the parent")
"""


def test_the_child_says_which_packages_it_has_loaded():
    done = subprocess.run([sys.executable, "-c", LOADS], capture_output=True, text=True, check=True)
    assert done.stdout == version("hypothesis") + "\n"


ORPHAN = """
import sys, time
from pathlib import Path
from types import SimpleNamespace
from edsym.simulation.run import crashes

def simulate(*job):
    print("started", flush=True)
    time.sleep(1)
    Path(job[0]).write_text("alone")

crashes.simulate_shard = simulate
crashes.simulate_shard_in_child(sys.argv[1], "", 0, SimpleNamespace(engine="krylov"), None)
"""


def test_the_child_ends_with_its_parent(tmp_path):
    parent = subprocess.Popen(
        [sys.executable, "-c", ORPHAN, str(tmp_path / "file")], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout.readline() == "started\n"
    parent.kill()
    parent.wait()
    time.sleep(2)
    assert not (tmp_path / "file").exists()
