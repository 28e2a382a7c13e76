"""Jobs that are told to end: by Ctrl-C, by a scheduler, in the middle of whatever they do."""

import os
import pickle
import signal
import subprocess
import sys

import pytest
from test_simulation import SETTINGS as SIMULATION
from test_spots_peaks import SETTINGS as PEAKS
from test_spots_peaks import patterns_file  # noqa: F401 (a fixture)

JOB = """
import pickle, sys, time
from pathlib import Path
from types import SimpleNamespace
from edsym.files import atomic_path
from edsym.job import job

folder, *arguments = pickle.load(sys.stdin.buffer)
snakemake = SimpleNamespace(config={"results": str(folder)}, log=[str(folder / "job.log")])

unlink = Path.unlink

def slowly(*arguments, **options):  # so that the next signal comes while the first one's work is undone
    time.sleep(0.2)
    unlink(*arguments, **options)

def write_half(*_):
    Path.unlink = slowly
    with atomic_path(folder / "file.txt") as temporary:
        temporary.write_text("half")
        print("started", flush=True)
        time.sleep(60)

"""
WRITING = "with job(snakemake): write_half()"
SIMULATING = """
from edsym.simulation.run import crashes
crashes.simulate_shard = write_half
with job(snakemake):
    crashes.simulate_shard_in_child("", "", 0, arguments[0], None)
"""
EXTRACTING = """
from edsym.spots.peaks import extract_shard
patterns, settings = arguments
with job(snakemake):
    while True:
        extract_shard(patterns, folder / "spots.h5", settings)
        print("started", flush=True)
"""


def end(script, arguments, number):
    """Run a job, send it a signal twice once it has started, and return its status and what it said."""
    job = subprocess.Popen(
        [sys.executable, "-c", JOB + script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    job.stdin.write(pickle.dumps(arguments))
    job.stdin.close()
    assert job.stdout.readline() == b"started\n"
    for _ in range(2):
        os.killpg(job.pid, number)
    job.stdout.read()
    said = job.stderr.read().decode()
    return job.wait(timeout=30), said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("script", [WRITING, SIMULATING])
def test_a_job_that_is_told_to_end_says_so_in_one_line_and_leaves_nothing(tmp_path, script, number):
    status, said = end(script, (tmp_path, SIMULATION), number)
    assert (status, said) == (1, f"ERROR: ended by {number.name}; nothing is left half written\n")
    assert [path.name for path in tmp_path.iterdir()] == ["job.log"]
    assert "Traceback" not in (tmp_path / "job.log").read_text()


def test_the_extraction_of_spots_can_be_interrupted_anywhere(tmp_path, patterns_file):  # noqa: F811
    folder = tmp_path / "job"
    folder.mkdir()
    status, said = end(EXTRACTING, (folder, patterns_file, PEAKS), signal.SIGINT)
    assert status == 1 and "Traceback" not in said and said.count("ERROR: ended by SIGINT") == 1
    assert {path.name for path in folder.iterdir()} == {"job.log", "spots.h5"}
