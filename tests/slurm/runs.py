"""Snakemake as a user runs it, on a tiny configuration, and what the cluster says of its jobs."""

import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import yaml

ROOT = Path(__file__).parents[2]

# Few materials of every crystal system, so that every table has something to say.
# Of the models one asks for a GPU, one reads views together, and one takes as many threads as there are.
TINY = {
    "models": ["gmoe", "cell", "forest"],
    "structures": {"limit": 32},
    "filter": {"max_volume": 120},
    "simulation": {"zone_axes": 3, "g_max": 1.0, "shards": 2},
    "peaks": {"q_max": 1.0},
    "network": {"width": 16, "point_channels": [8], "heads": 2, "layers": 1, "expert_width": 16},
    "training": {"epochs": 2, "batch_size": 32, "threads": 1},
    "forest": {"system_trees": 4, "spacegroup_trees": 4},
    "cell": {"patterns": 1, "set_views": [2], "width": 16, "hidden": 16, "epochs": 1, "threads": 1},
    "evaluation": {"views": 3},
    "detector": {"curve_materials": 6},
    "finder": {"materials": 1, "views": [1]},
}
# Products that stand on every rule; the others are made by the same rules from the same files.
PRODUCTS = [f"tables/table{number}.csv" for number in (1, 3, 5, 6, 7, 8, 10, 12, 19)] + ["figures/fig6.png"]
# The cluster is on this machine: nothing has to be waited for.
NO_WAITING = ("--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "5")


def configuration(folder: Path, changes: dict | None = None) -> str:
    """Write the tiny configuration into a folder, where its results go as well."""
    config = yaml.safe_load((ROOT / "config/demo.yaml").read_text())
    for section, values in [*TINY.items(), *(changes or {}).items()]:
        config[section] = (config.get(section) or {}) | values if isinstance(values, dict) else values
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config | {"results": str(folder / "results")}))
    return str(path)


def products(folder: Path) -> list[str]:
    """Return the products of the configuration of a folder, as targets."""
    return [str(folder / "results" / name) for name in PRODUCTS]


def snakemake(*arguments: str) -> tuple[str, ...]:
    """Return a call of snakemake."""
    return (sys.executable, "-m", "snakemake", *arguments)


def on_slurm(*arguments: str) -> tuple[str, ...]:
    """Return a call of snakemake with the product's profile."""
    return snakemake(*arguments, "--profile", "slurm", *NO_WAITING)


def run(cluster: dict, *call: str) -> str:
    """Run a command to its end and return what it says."""
    done = subprocess.run(call, cwd=ROOT, env=cluster, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return done.stdout + done.stderr


def jobs(cluster: dict, rule: str = "") -> pd.DataFrame:
    """Return all jobs of a rule: their state, limits, GPU and times."""
    columns = {
        "id": "%A",
        "rule": "%k",
        "state": "%T",
        "limit": "%l",
        "memory": "%m",
        "start": "%S",
        "end": "%e",
    }
    call = ("squeue", "--noheader", "--states=all", "--format", "|".join(columns.values()))
    lines = [line.split("|") for line in run(cluster, *call).splitlines()]
    table = pd.DataFrame(lines, columns=list(columns)).sort_values("id", key=lambda ids: ids.astype(int))
    return table[table["rule"].str.contains(rule)]


def wait_for_running(cluster: dict, rule: str, seconds: float = 120) -> str:
    """Wait until a job of this rule runs, and return its id."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        running = jobs(cluster, rule).query("state == 'RUNNING'")
        if len(running):
            return running["id"].iloc[0]
        time.sleep(0.5)
    raise AssertionError(f"no job of {rule} runs after {seconds} s")
