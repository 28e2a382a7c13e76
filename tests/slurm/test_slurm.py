"""The profile on a real, throw-away cluster: the same tables, GPUs scheduled, failures survived."""

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

from runs import ROOT, configuration, jobs, on_slurm, products, run, wait_for_running


def assert_same(folder: Path, reference: Path, pattern: str) -> None:
    """Compare files byte by byte."""
    names = [path.relative_to(reference) for path in sorted(reference.glob(pattern))]
    assert names
    for name in names:
        assert (folder / name).read_bytes() == (reference / name).read_bytes(), name


def test_tables_are_those_of_a_local_run(cluster, failing, local, tmp_path):
    run(cluster, *on_slurm(*products(tmp_path), "--configfile", configuration(tmp_path)))
    assert_same(tmp_path / "results", local, "tables/*.csv")
    done = jobs(cluster)
    assert set(done[~done["rule"].str.contains("rule_(?:memory|time|cancelled)")]["state"]) == {"COMPLETED"}
    # both shards are simulated and read in one job each, and so are those at other orientations
    assert len(jobs(cluster, "shard")) == 4
    assert not len(jobs(cluster, "^rule_simulate|^rule_extract"))


def test_jobs_with_a_gpu_queue_for_it(cluster, tmp_path):
    call = on_slurm(*products(tmp_path), "--configfile", configuration(tmp_path), "--dry-run")
    planned = run(cluster, *call)
    with_gpu = []
    for job in jobs(cluster, "^rule_(?:train|predict)")["id"]:
        if "gres:gpu:1" in run(cluster, "scontrol", "show", "job", job):
            with_gpu.append(job)
    table = jobs(cluster)
    ran = table[table["id"].isin(with_gpu)].sort_values("start")
    assert len(ran) == len(re.findall(r"\bgpu=1\b", planned)) > 1
    assert (ran["start"].to_numpy()[1:] >= ran["end"].to_numpy()[:-1]).all()


def test_training_in_two_processes_of_one_node_or_of_two(cluster, local, tmp_path):
    """Two tasks under srun, each with its share of the patterns: where they are does not matter."""
    weights = []
    # On one node the two GPUs that it has not are not asked for; on two nodes each task has one.
    for devices, nodes, place in ((2, 1, "gres=none"), (1, 2, "slurm_partition=both")):
        folder = tmp_path / f"{nodes}"
        shutil.copytree(local, folder / "results")
        model = folder / "results/models/gmoe"
        config = configuration(folder, {"training": {"devices": devices, "nodes": nodes}})
        there = ("--set-resources", f"train:{place}")
        run(cluster, *on_slurm(str(model), "--force", "--configfile", config), *there)
        assert json.loads((model / "model.json").read_text())["settings"]["training"]["nodes"] == nodes
        job = jobs(cluster, "rule_train_gmoe|rule_train_.*gmoe|rule_train")["id"].iloc[-1]
        said = run(cluster, "scontrol", "show", "job", job)
        assert f"NumNodes={nodes} " in said and "NumTasks=2 " in said, said
        weights.append((model / "weights.safetensors").read_bytes())
    assert weights[0] == weights[1]


def test_a_failed_job_asks_for_more(cluster, failing):
    """Over its memory, over its time, or cancelled: the next attempt has twice as much of both."""
    said, _ = failing.communicate()
    assert failing.returncode == 0, said.decode()[-3000:]
    for rule, failure in (("memory", "FAILED"), ("time", "TIMEOUT"), ("cancelled", "CANCELLED")):
        attempts = jobs(cluster, f"rule_{rule}")
        assert list(attempts["state"]) == [failure, "COMPLETED"], rule
        assert list(attempts["memory"]) == ["700M", "1400M"]
        assert attempts["limit"].is_unique


def test_a_killed_snakemake_is_recovered(cluster, local, tmp_path):
    shutil.copytree(local / "structures", tmp_path / "results/structures")
    config = configuration(tmp_path)
    split = str(tmp_path / "results/split.parquet")
    call = on_slurm(split, "--configfile", config)
    before = len(jobs(cluster))
    workflow = subprocess.Popen(
        call, cwd=ROOT, env=cluster, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_for_running(cluster, "shard")
    os.kill(workflow.pid, signal.SIGKILL)
    workflow.wait()
    again = subprocess.run(call, cwd=ROOT, env=cluster, capture_output=True, text=True)
    assert again.returncode != 0 and "LockException" in again.stdout + again.stderr
    run(cluster, "slurm/recover.sh", split, "--profile", "slurm", "--configfile", config)
    assert set(jobs(cluster)[before:]["state"]) <= {"CANCELLED", "COMPLETED"}
    run(cluster, *call)
    assert_same(tmp_path / "results", local, "split.parquet")
    assert_same(tmp_path / "results", local, "spots/*.h5")
