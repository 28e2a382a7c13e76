"""One cluster for all tests, and a run without it to compare with."""

import subprocess
import sys
from pathlib import Path

import pytest
from cluster import throw_away_cluster
from runs import ROOT, configuration, on_slurm, products, run, snakemake, wait_for_running


@pytest.fixture(scope="session")
def cluster():
    """The environment of a running cluster, this virtual environment activated.

    It has two nodes with a GPU each; the second is in the partition `both` only.
    """
    with throw_away_cluster(nodes=2, cpus=64, memory=640_000, gpus=1) as environment:
        # The nodes have names that no network knows.
        path = f"{Path(sys.executable).parent}:{environment['PATH']}"
        yield environment | {"PATH": path, "MASTER_ADDR": "127.0.0.1"}


@pytest.fixture(scope="session")
def failing(cluster, tmp_path_factory):
    """A workflow of jobs that fail the first time; most of its time is waiting, so others run meanwhile."""
    config = configuration(tmp_path_factory.mktemp("failing"))
    call = on_slurm("--snakefile", "tests/slurm/failures.smk", "--configfile", config)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(call, cwd=ROOT, env=cluster, **pipes) as workflow:
        run(cluster, "scancel", wait_for_running(cluster, "rule_cancelled"))
        yield workflow
        workflow.kill()


@pytest.fixture(scope="session")
def local(tmp_path_factory):
    """Results of a run on this machine, without SLURM."""
    folder = tmp_path_factory.mktemp("local")
    profile = ("--profile", "profiles/local", "--cores", "2")
    call = (*snakemake(*products(folder)), *profile, "--configfile", configuration(folder))
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder / "results"
