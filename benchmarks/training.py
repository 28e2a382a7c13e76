"""Patterns a second of the network in training and inference, beside a literal reading of the paper.

Both sides have the same weights, give the same numbers (checked first) and take turns on the same patterns:
ours in batches of similar size, the literal one (`literal_network`) padded to the longest pattern, four at
once. Then the cost against the number of spots; on a GPU also its memory and the share of its peak.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import inputs
import numpy as np
import torch
from literal_network import LiteralNetwork
from torch.utils.flop_counter import FlopCounterMode
from torch_geometric.data import Batch

from edsym.models.gmoe.network import GMoENetwork
from edsym.models.gmoe.settings import NetworkSettings
from edsym.simulation.run import simulate_shard
from edsym.spots.peaks import extract_shard
from edsym.spots.settings import PeaksSettings
from edsym.spots.split import labelled_patterns
from edsym.spots.store import SpotLists, offsets, read_spots
from edsym.structures.table import read_materials, write_materials
from edsym.training.data import BatchSampler, PatternDataset
from edsym.training.loss import joint_loss

PAPER_RATE = 10_000 / 120
"""Patterns a second in the paper: inference on an RTX A4000, four at once."""
LITERAL_BATCH = 4
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"

Work = Callable[[GMoENetwork, list[Batch]], None]


def main() -> None:
    """Run the benchmark."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    config = inputs.configuration(arguments)
    settings = NetworkSettings(**config["network"] | {"features": "polar", "spectra_width": 0})
    with tempfile.TemporaryDirectory() as folder:
        data = _patterns(arguments, config, Path(folder))
    batches = sampled_batches(data, arguments.patterns, config["training"]["batch_size"])
    some = np.random.default_rng(arguments.seed).permutation(len(data))[: arguments.literal_patterns]
    literal_batches = [data[part] for part in np.split(some, range(LITERAL_BATCH, len(some), LITERAL_BATCH))]
    fast, literal = _networks(settings, data)
    _check_equal(fast, literal, literal_batches[:2])
    sides = [(fast, _to_device(batches)), (literal, _to_device(literal_batches))]
    rows = [_side_by_side(name, work, sides, arguments.repeats) for name, work in WORK.items()]
    text = (
        f"{len(data)} patterns of {data.sizes.mean():.0f} spots (longest {data.sizes.max()}), "
        f"{sum(p.numel() for p in fast.parameters()) / 1e6:.2f} million parameters, "
        f"{arguments.threads} threads, {torch.cuda.get_device_name() if DEVICE == 'cuda' else 'CPU'}.\n"
        f"The paper's inference: {PAPER_RATE:.0f} patterns a second (RTX A4000).\n\n"
    )
    text += inputs.markdown(rows)
    print(text, flush=True)
    text += "\n\n" + inputs.markdown(_against_spots(arguments, settings, config))
    inputs.report(text, arguments)


def _arguments() -> argparse.Namespace:
    parser = inputs.parser(__doc__)
    parser.add_argument("--spots", type=Path, nargs="+", help="shards of spots; default: simulated anew")
    parser.add_argument("--split", type=Path, help="their split; its test patterns are taken")
    parser.add_argument("--count", type=int, default=100, help="materials that are simulated")
    parser.add_argument("--zone-axes", type=int, default=20, help="of a simulated material")
    parser.add_argument("--patterns", type=int, default=512, help="patterns of ours in a timed pass")
    parser.add_argument("--literal-patterns", type=int, default=32, help="and of the literal network's")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="*", default=[25, 50, 100, 200], help="numbers of spots")
    parser.add_argument("--threads", type=int, default=2, help="of the process")
    return parser.parse_args()


def _patterns(arguments: argparse.Namespace, config: dict, folder: Path) -> PatternDataset:
    if arguments.spots:
        return PatternDataset(*labelled_patterns(arguments.spots, arguments.split, "test"))
    table, path = inputs.read_table(arguments, config, folder).head(arguments.count), folder / "some.parquet"
    write_materials(table, path, {})
    settings = inputs.simulation_settings(config, zone_axes=arguments.zone_axes, shards=1)
    simulate_shard(path, folder / "patterns.h5", 0, settings)
    extract_shard(folder / "patterns.h5", folder / "spots.h5", PeaksSettings(**config["peaks"]))
    spots = read_spots([folder / "spots.h5"])
    groups = read_materials(path).set_index("material_id").loc[spots.material_id, "spacegroup_number"]
    return PatternDataset(spots, groups.to_numpy()[spots.material])


def sampled_batches(data: PatternDataset, patterns: int, batch_size: int) -> list[Batch]:
    """Return batches as a training has them, of patterns as many and of as many sizes as asked for.

    Of every class of sizes its share; a class too small to fill a batch gives a smaller one.
    """
    chosen = np.sort(np.random.default_rng(0).permutation(len(data))[:patterns])
    return [data[part] for part in BatchSampler(chosen, data.sizes[chosen], batch_size)]


def _networks(settings: NetworkSettings, data: PatternDataset) -> tuple[GMoENetwork, LiteralNetwork]:
    torch.manual_seed(0)
    fast, literal = GMoENetwork(settings), LiteralNetwork(settings, int(data.sizes.max()))
    fast.encoder.measure(data.points)
    literal.load_state_dict(fast.state_dict())
    return fast.to(DEVICE), literal.to(DEVICE)


def _to_device(batches: list[Batch]) -> list[Batch]:
    return [batch.to(DEVICE) for batch in batches]


@torch.no_grad()
def _check_equal(fast: GMoENetwork, literal: LiteralNetwork, batches: list[Batch]) -> None:
    """Stop if the two disagree. In float64: an edge must not hang on the rounding of padded sums."""
    for batch in batches:
        points = Batch(x=batch.x.double(), batch=batch.batch, ptr=batch.ptr).to(DEVICE)
        outputs = [network.double().eval()(points) for network in (fast, literal)]
        for ours, theirs in zip(*outputs, strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-8, rtol=1e-6)
    fast.float(), literal.float()


@torch.no_grad()
def infer(network: GMoENetwork, batches: list[Batch]) -> None:
    """Compute the probabilities of all batches."""
    network.eval()
    for batch in batches:
        with torch.autocast(DEVICE, torch.bfloat16, enabled=DEVICE == "cuda"):
            network(batch).spacegroup.softmax(-1)


def train(network: GMoENetwork, batches: list[Batch]) -> None:
    """Sum up the gradients of all batches for one step of AdamW."""
    network.train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.0)
    for batch in batches:
        with torch.autocast(DEVICE, torch.bfloat16, enabled=DEVICE == "cuda"):
            joint_loss(network(batch), batch.system, batch.spacegroup, 0.01).backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()


WORK: dict[str, Work] = {"inference": infer, "training": train}


def _rates(work: Work, network: GMoENetwork, batches: list[Batch]) -> tuple[float, float]:
    """Return patterns a second by the clock and a second of processor time."""
    _synchronize()
    clock, processor = time.perf_counter(), time.process_time()
    work(network, batches)
    _synchronize()
    count = sum(len(batch.ptr) - 1 for batch in batches)
    return count / (time.perf_counter() - clock), count / (time.process_time() - processor)


def _synchronize() -> None:
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def _side_by_side(name: str, work: Work, sides: list[tuple], repeats: int) -> dict:
    """Return a row of the table: medians of both sides, which take turns."""
    for network, batches in sides:
        work(network, batches[:1])
    rounds = np.array([[_rates(work, *side) for side in sides] for _ in range(repeats)])
    (ours, ours_core), (theirs, theirs_core) = np.median(rounds, axis=0)
    ratios = rounds[:, 0, 0] / rounds[:, 1, 0]
    return {
        "": name,
        "edsym, patterns a second": f"{ours:.1f}",
        "literal": f"{theirs:.2f}",
        "ratio (range)": f"{np.median(ratios):.1f} ({ratios.min():.1f}–{ratios.max():.1f})",
        "edsym, a second of processor time": f"{ours_core:.1f}",
        "literal, same": f"{theirs_core:.2f}",
        "ratio, same": f"{np.median(rounds[:, 0, 1] / rounds[:, 1, 1]):.1f}",
    }


def _against_spots(arguments: argparse.Namespace, settings: NetworkSettings, config: dict) -> Iterator[dict]:
    """Yield a row for each number of spots, each from a process of its own, whose memory is its own."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as pool:
        for size in arguments.sizes:
            batch_size = config["training"]["batch_size"]
            yield pool.submit(cost_of_size, settings, size, batch_size, arguments.threads).result()


def cost_of_size(settings: NetworkSettings, size: int, batch_size: int, threads: int) -> dict:
    """Return what one full batch of patterns of so many spots costs; the spots are random."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    batch = random_batch(size, batch_size).to(DEVICE)
    network = GMoENetwork(settings).to(DEVICE)
    network.encoder.measure(batch.x)
    row = {"spots": size, "patterns a batch": len(batch.ptr) - 1}
    peak = matmul_peak()
    for name, work in WORK.items():
        # The counter wants gradients: inference is counted as a forward pass.
        with FlopCounterMode(display=False) as counter:
            work(network, [batch]) if work is train else network.eval()(batch)
        flop = counter.get_total_flops() / row["patterns a batch"]
        rate = np.median([_rates(work, network, [batch])[0] for _ in range(3)])
        row |= {
            f"{name}, patterns a second": f"{rate:.1f}",
            f"{name}, GFLOP a pattern": f"{flop / 1e9:.2f}",
            f"{name}, of the matmul peak": f"{100 * flop * rate / peak:.0f} %",
        }
    return row | {"peak memory [MB]": f"{peak_memory():.0f}"}


def random_batch(size: int, batch_size: int) -> Batch:
    """Return a full batch, as a training would cut it, of patterns of `size` random spots."""
    rng = np.random.default_rng(size)
    count = batch_size * size
    q, intensity = rng.uniform(-2, 2, (2, count)).astype("f4"), rng.random(count, "f4") ** 4
    ids, material = np.array(["random"]), np.zeros(batch_size, int)
    lists = SpotLists(ids, material, np.arange(batch_size), offsets(np.full(batch_size, size)), *q, intensity)
    data = PatternDataset(lists, np.ones(batch_size, int))
    return data[next(iter(BatchSampler(np.arange(batch_size), data.sizes, batch_size)))]


def matmul_peak() -> float:
    """Return the operations a second of a large product of matrices: bf16 on a GPU, float32 elsewhere."""
    size, kind = (8192, torch.bfloat16) if DEVICE == "cuda" else (1024, torch.float32)
    a = torch.randn(size, size, device=DEVICE, dtype=kind)
    times = []
    for _ in range(8):
        _synchronize()
        start = time.perf_counter()
        a @ a
        _synchronize()
        times.append(time.perf_counter() - start)
    return 2 * size**3 / min(times)


def peak_memory() -> float:
    """Return the most memory that was in use, in MB: the GPU's, or all of the process."""
    if DEVICE == "cuda":
        return torch.cuda.max_memory_allocated() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


if __name__ == "__main__":
    main()
