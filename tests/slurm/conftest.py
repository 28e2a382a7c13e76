"""One cluster for all tests, and a run without it to compare with."""

import subprocess
import sys
from pathlib import Path

import pytest
from cluster import one_node_cluster
from runs import ROOT, configuration, snakemake


@pytest.fixture(scope="session")
def cluster():
    """The environment of a running cluster with one GPU, this virtual environment activated."""
    with one_node_cluster(cpus=64, memory=640_000, gpus=1) as environment:
        yield environment | {"PATH": f"{Path(sys.executable).parent}:{environment['PATH']}"}


@pytest.fixture(scope="session")
def local(tmp_path_factory):
    """Results of a run on this machine, without SLURM."""
    folder = tmp_path_factory.mktemp("local")
    profile = ("--profile", "profiles/local", "--cores", "2")
    call = (*snakemake("tables"), *profile, "--configfile", configuration(folder))
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder / "results"
