"""Project the time of the paper's set: simulate and extract real shards, each a process as in the workflow.

Everything is in the time: starting Python, reading the table, structure factors, patterns, the journal,
writing, peaks. The shards run one after the other, and again on several cores at once.
"""

import multiprocessing
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import inputs
from tqdm import tqdm

from edsym.simulation.run.journal import Checkpoint
from edsym.simulation.run.shard import simulate_shard
from edsym.simulation.run.store import open_patterns
from edsym.simulation.settings import SimulationSettings
from edsym.spots.peaks import extract_shard
from edsym.spots.settings import PeaksSettings
from edsym.structures.table import write_materials


@dataclass(frozen=True)
class Cost:
    """What shards cost: seconds by the clock and of the processors, and the largest peak memory in MB."""

    seconds: float
    processor: float
    memory: float


def run_shard(materials: Path, shard: int, settings: dict, peaks: dict) -> tuple[float, float]:
    """Simulate and extract one shard; return the seconds of processor time and the peak memory in MB."""
    patterns = materials.with_name(f"{shard}.h5")
    simulate_shard(
        materials,
        patterns,
        shard,
        SimulationSettings(**settings),
        checkpoint=Checkpoint(materials.with_name(f"{shard}.journal"), "throughput"),
    )
    extract_shard(patterns, materials.with_name(f"{shard}-spots.h5"), PeaksSettings(**peaks))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6


def run_all(materials: Path, cores: int, settings: SimulationSettings, peaks: dict) -> Cost:
    """Run all shards of a table on a number of cores."""
    start = time.perf_counter()
    with ProcessPoolExecutor(
        cores, mp_context=multiprocessing.get_context("spawn"), max_tasks_per_child=1
    ) as pool:
        jobs = [
            pool.submit(run_shard, materials, shard, settings.model_dump(), peaks)
            for shard in range(settings.shards)
        ]
        processor, memory = zip(*(job.result() for job in tqdm(jobs, unit="shard")), strict=True)
    return Cost(time.perf_counter() - start, sum(processor), max(memory))


def start_cost(folder: Path, table, settings: SimulationSettings, peaks: dict) -> Cost:
    """Return what a process costs that simulates one pattern of the smallest crystal."""
    path = folder / "smallest.parquet"
    write_materials(table.nsmallest(1, "volume"), path, {})
    one = settings.replace(zone_axes=1, shards=1)
    run_all(path, 1, one, peaks)  # compiles
    return run_all(path, 1, one, peaks)


def sizes(folder: Path, shards: int) -> dict:
    """Return how many patterns, beams and bytes there are, and how many materials failed."""
    total = {"patterns": 0, "beams": 0, "bytes": 0, "failed": 0}
    for shard in range(shards):
        path = folder / f"{shard}.h5"
        with open_patterns(path) as store:
            total["patterns"] += len(store)
            total["beams"] += int(store.offset[-1])
            total["failed"] += len(store.failed)
        total["bytes"] += path.stat().st_size
    return total


def row(cores: int, cost: Cost, start: Cost, patterns: int, shards: int, paper_shards: int) -> dict:
    """Return a row of the table; the paper's set starts a process for each shard of the configuration."""

    def hours(core_seconds: float, start_seconds: float) -> str:
        pattern = (core_seconds - shards * start_seconds) / patterns
        paper = inputs.PAPER_MATERIALS * inputs.PAPER_VIEWS * pattern + paper_shards * start_seconds
        return f"{paper / 3600:.2f}"

    return {
        "cores": cores,
        "seconds": f"{cost.seconds:.1f}",
        "patterns a second": f"{patterns / cost.seconds:.0f}",
        "peak memory of a process [MB]": f"{cost.memory:.0f}",
        "core-hours of the paper's set, by the clock": hours(cores * cost.seconds, start.seconds),
        "by processor time": hours(cost.processor, start.processor),
    }


def main() -> None:
    """Run the benchmark."""
    inputs.use_one_core()
    parser = inputs.parser(__doc__)
    parser.add_argument("--count", type=int, default=200, help="materials")
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--folder", type=Path, help="where to write; default: the system's temporary folder")
    arguments = parser.parse_args()
    config = inputs.configuration(arguments)
    peaks, shards = config["peaks"], arguments.shards
    settings = inputs.simulation_settings(config, shards=shards)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        table = inputs.read_table(arguments, config, folder).head(arguments.count)
        write_materials(table, folder / "materials.parquet", {})
        start = start_cost(folder, table, settings, peaks)
        costs = {
            cores: run_all(folder / "materials.parquet", cores, settings, peaks) for cores in arguments.cores
        }
        found = sizes(folder, shards)
    rows = []
    for cores, cost in costs.items():
        line = row(cores, cost, start, found["patterns"], shards, config["simulation"]["shards"])
        rows.append(line | {"speed-up": f"{costs[arguments.cores[0]].seconds / cost.seconds:.2f}"})
    text = (
        f"{len(table)} materials ({found['failed']} failed), {found['patterns']} patterns, "
        f"{found['beams'] / found['patterns']:.0f} beams and {found['bytes'] / found['patterns']:.0f} bytes "
        f"a pattern; a process starts in {start.seconds:.1f} s ({start.processor:.1f} s of processor)\n\n"
    )
    inputs.report(text + inputs.markdown(rows), arguments)


if __name__ == "__main__":
    main()
