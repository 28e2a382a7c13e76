"""What SLURM costs a job: many tiny shards on a throw-away cluster of one node, as root on Debian.

python benchmarks/slurm.py --shards 600 --group 1
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests/slurm"))

from cluster import command, throw_away_cluster  # noqa: E402

# So little work that nearly all of the time is spent around it.
TINY = {
    "filter": {"max_volume": 30},
    "simulation": {"zone_axes": 1, "g_max": 1.0, "max_memory": 100},
    "evaluation": {"views": 1},
    "peaks": {"q_max": 1.0},
}


def main() -> None:
    """Run the shards, and print seconds a shard."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, default=600)
    parser.add_argument("--group", type=int, default=1, help="shards a job")
    parser.add_argument("--cpus", type=int, default=2, help="CPUs that the node pretends to have")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, throw_away_cluster(cpus=options.cpus) as environment:
        config = configuration(Path(folder), options.shards)
        snakemake(environment, config, "structures")
        begin = time.monotonic()
        cores = ("--cores", str(options.cpus))  # a job of several shards asks for no more of them
        shards = ("--until", "extract_spots", "--group-components", f"shard={options.group}")
        snakemake(environment, config, "dataset", *shards, *cores)
        seconds = time.monotonic() - begin
        states = command(environment, "squeue", "-h", "--states=all", "-o", "%T").split()
        spots = len(list(Path(folder).glob("results/spots/*.h5")))
    jobs = {state: states.count(state) for state in set(states)}
    print(
        json.dumps(
            vars(options) | {"spots": spots, "jobs": jobs, "seconds_a_shard": seconds / options.shards}
        )
    )


def configuration(folder: Path, shards: int) -> Path:
    """Write the demo's configuration with so many tiny shards."""
    config = yaml.safe_load((ROOT / "config/demo.yaml").read_text())
    for section, values in TINY.items():
        config[section] = config.get(section, {}) | values
    config["simulation"]["shards"] = shards
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config | {"results": str(folder / "results")}))
    return path


def snakemake(environment: dict[str, str], config: Path, *arguments: str) -> None:
    """Run the workflow on the cluster."""
    checks = ("--slurm-init-seconds-before-status-checks", "1")
    call = (sys.executable, "-m", "snakemake", *arguments, "--profile", "slurm", "--configfile", str(config))
    subprocess.run([*call, *checks], cwd=ROOT, env=environment, check=True)


if __name__ == "__main__":
    main()
