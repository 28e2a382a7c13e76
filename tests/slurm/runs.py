"""Snakemake as a user runs it, on a tiny configuration."""

import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]

# Few materials of every crystal system, so that every table has something to say.
TINY = {
    "structures": {"limit": 32},
    "filter": {"max_volume": 120},
    "simulation": {"zone_axes": 3, "g_max": 1.0, "shards": 2},
    "peaks": {"q_max": 1.0},
    "network": {"width": 16, "point_channels": [8], "heads": 2, "layers": 1, "expert_width": 16},
    "training": {"epochs": 2, "batch_size": 32, "threads": 1},
    "mlp": {"hidden": [16], "epochs": 2, "threads": 1},
    "mvof": {"channels": [8], "hidden": 8, "epochs": 2, "threads": 1},
    "forest": {"system_trees": 4, "spacegroup_trees": 4},
    "cell": {"patterns": 1, "set_views": [2], "width": 16, "hidden": 16, "epochs": 1, "threads": 1},
    "evaluation": {"views": 3},
    "detector": {"curve_materials": 6},
    "finder": {"materials": 2, "views": [1]},
}
# The cluster is on this machine: nothing has to be waited for.
NO_WAITING = ("--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "5")


def configuration(folder: Path, changes: dict | None = None) -> str:
    """Write the tiny configuration into a folder, where its results go as well."""
    config = yaml.safe_load((ROOT / "config/demo.yaml").read_text())
    for section, values in [*TINY.items(), *(changes or {}).items()]:
        config[section] = (config.get(section) or {}) | values
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config | {"results": str(folder / "results")}))
    return str(path)


def snakemake(*arguments: str) -> tuple[str, ...]:
    """Return a call of snakemake."""
    return (sys.executable, "-m", "snakemake", *arguments)


def on_slurm(*arguments: str) -> tuple[str, ...]:
    """Return a call of snakemake with the product's profile."""
    return snakemake(*arguments, "--profile", "slurm", *NO_WAITING)
