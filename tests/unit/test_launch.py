"""Training in several tasks of SLURM: what becomes of them is told in a line."""

import subprocess
import sys
from pathlib import Path

import pytest

from edsym.training.launch import launch, launches, rank


@pytest.fixture
def srun(tmp_path, monkeypatch):
    """Return a function that has ``srun`` do something else."""

    def replace(script):
        path = tmp_path / "srun"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(sys, "argv", ["train.py"])
    return replace


def test_tasks_are_spread_over_the_nodes(srun, tmp_path):
    srun(f'echo "$@" > {tmp_path}/said')
    launch(tasks=8, nodes=2, threads=3)
    *options, _, script, task = (tmp_path / "said").read_text().split()
    assert {"--nodes=2", "--ntasks=8", "--ntasks-per-node=4", "--cpus-per-task=3"} < set(options)
    assert (script, task) == ("train.py", "--task")


def test_a_failed_task_is_told_in_a_line(srun):
    srun("exit 3")
    with pytest.raises(SystemExit, match=r"^ERROR: srun ended with status 3; what the tasks said is above$"):
        launch(tasks=2, nodes=1, threads=1)


def test_an_interrupt_is_told_in_a_line(tmp_path):
    library = Path(launch.__code__.co_filename).parents[2]
    (tmp_path / "srun").write_text("#!/bin/sh\nkill -INT $PPID; sleep 1\n")
    (tmp_path / "srun").chmod(0o755)
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += "from edsym.training.launch import launch; launch(2, 1, 1)"
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "PYTHONPATH": str(library)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "ERROR: ended by SIGINT, and all tasks with it\n")


def test_a_task_starts_no_others_and_knows_its_rank(monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    monkeypatch.setenv("SLURM_PROCID", "5")
    monkeypatch.setattr(sys, "argv", ["train.py"])
    assert launches(2) and not launches(1) and rank() == 0
    monkeypatch.setattr(sys, "argv", ["train.py", "--task"])
    assert not launches(2) and rank() == 5
