"""A lock lives as long as the process that holds it, and the next one is told who that is."""

import runpy
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from edsym.configuration import default_configuration
from edsym.errors import InputError
from edsym.locks import locked

HOLDER = """
import sys
from edsym.locks import locked

with locked(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def lock(tmp_path):
    return tmp_path / "checkpoints/lock"


@pytest.fixture
def holder(lock):
    """Another process that holds the lock until its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"held\n"
        yield process


def test_the_second_process_is_told_who_holds_it(lock, holder):
    with pytest.raises(InputError, match=rf"lock is in use by process {holder.pid} on \S+, since 2"):
        locked(lock).__enter__()
    holder.stdin.close()
    holder.wait()
    with locked(lock):
        assert lock.exists()
    assert not lock.exists()


def test_a_killed_process_leaves_no_lock(lock, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert lock.exists()
    with locked(lock), pytest.raises(InputError, match="is in use"):
        locked(lock).__enter__()
    assert not lock.exists()


def test_a_file_that_its_holder_removes_meanwhile_is_no_lock(lock, monkeypatch):
    """The one who waited at the removed file would share the lock with the one who makes a new file."""
    from edsym import locks

    flock, removed = locks.fcntl.flock, []

    def remove_first(file, how):
        if not removed:
            removed.append(lock.unlink())
        flock(file, how)

    monkeypatch.setattr(locks.fcntl, "flock", remove_first)
    with locked(lock):
        assert removed and lock.exists()


def test_a_training_does_not_write_the_checkpoints_of_one_that_still_runs(tmp_path, lock, holder):
    """As after a kill of the workflow, which leaves its jobs alone."""
    checkpoints = lock.rename(lock.with_name("gmoe.lock")).with_suffix("")
    job = SimpleNamespace(
        config=default_configuration() | {"results": str(tmp_path)},
        log=[str(tmp_path / "train.log")],
        params=SimpleNamespace(processes=[1, 1], checkpoints=checkpoints),
    )
    script = Path(__file__).parents[2] / "workflow/scripts/train.py"
    with pytest.raises(SystemExit):
        runpy.run_path(str(script), {"snakemake": job})
    assert f"gmoe.lock is in use by process {holder.pid} on " in (tmp_path / "train.log").read_text()
