"""Patterns a second of the network in training and in prediction, beside a literal reading of the paper.

edsym in float32 and in bf16 (`training.precision`), the literal reading in float32.

Both compute the same patterns with the same weights, in turns; their logits are compared first. The literal
reading trains in the configuration's batches in the order of the data and predicts in batches of 4, as the
paper says; edsym takes patterns of similar size together.
"""

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import inputs
import numpy as np
import torch
from literal import LiteralNetwork
from torch.utils.flop_counter import FlopCounterMode

from edsym.models.gmoe.network import GMoENetwork
from edsym.models.gmoe.settings import NetworkSettings
from edsym.simulation.run.shard import simulate_shard
from edsym.spots.peaks import extract_shard
from edsym.spots.settings import PeaksSettings
from edsym.spots.store import SpotLists, read_spots
from edsym.structures.table import write_materials
from edsym.training.batches import BatchSampler, PatternDataset

PAPER_RATE = 10_000 / 120  # patterns a second on an RTX A4000, batches of 4
LITERAL_BATCH = 4


class Bench:
    """A network and the patterns on which it is timed."""

    def __init__(self, spots: SpotLists, groups: np.ndarray, settings: NetworkSettings, batch_size: int):
        torch.manual_seed(0)
        # Without dropout, which would be other random numbers in each reading.
        self.network = GMoENetwork(settings.replace(dropout=0.0, spectra_width=0))
        self.dataset = PatternDataset(spots, groups)
        everything = np.arange(len(self.dataset))
        self.network.encoder.measure(self.dataset.points_of(everything))
        self.literal = LiteralNetwork(self.network)
        self.batch_size = batch_size
        self.batches = list(BatchSampler(everything, self.dataset.sizes, batch_size))

    def slices(self, size: int) -> list[np.ndarray]:
        """Return the patterns in batches, in the order of the data."""
        return np.split(np.arange(len(self.dataset)), range(size, len(self.dataset), size))

    def fast(self, patterns: np.ndarray) -> tuple:
        """Return logits by edsym's network."""
        output = self.network(self.dataset[patterns])
        return output.system, output.spacegroup

    def fast_bf16(self, patterns: np.ndarray) -> tuple:
        """Return logits by edsym's network with matrix products in bf16."""
        with torch.autocast("cpu", torch.bfloat16):
            return self.fast(patterns)

    def slow(self, patterns: np.ndarray) -> tuple:
        """Return logits by the literal reading."""
        return self.literal([self.dataset.points_of(np.array([p])) for p in patterns])

    def largest_difference(self, count: int = 32) -> float:
        """Return the largest difference between logits of the two."""
        patterns = np.arange(min(count, len(self.dataset)))
        with torch.inference_mode():
            pairs = zip(self.fast(patterns), self.slow(patterns), strict=True)
            return max(float((a - b).abs().max()) for a, b in pairs)

    def predict(self, forward: Callable, batches: Iterable[np.ndarray]) -> float:
        """Return the seconds that prediction takes."""
        self.network.eval()
        start = time.perf_counter()
        with torch.inference_mode():
            for patterns in batches:
                forward(patterns)
        return time.perf_counter() - start

    def train(self, forward: Callable, batches: Iterable[np.ndarray]) -> float:
        """Return the seconds that an epoch takes: forward, backward, step."""
        self.network.train()
        optimizer = torch.optim.AdamW(self.network.parameters(), lr=0.0)
        start = time.perf_counter()
        for patterns in batches:
            labels = torch.from_numpy(self.dataset.spacegroup_number[patterns].astype(np.int64) - 1)
            system, spacegroup = forward(patterns)
            loss = torch.nn.functional.cross_entropy(spacegroup, labels) + 0 * system.sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return time.perf_counter() - start

    def flops(self) -> float:
        """Return the operations of the matrix products in the prediction of one pattern."""
        with FlopCounterMode(display=False) as counter:  # which does not count in inference mode
            for patterns in self.batches:
                self.fast(patterns)
        return counter.get_total_flops() / len(self.dataset)


def simulated_spots(arguments: argparse.Namespace, config: dict) -> tuple[SpotLists, np.ndarray]:
    """Return spot lists of so many materials of the table, as the workflow makes them, and space groups."""
    settings = inputs.simulation_settings(config, shards=1, zone_axes=arguments.views)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = inputs.read_table(arguments, config, folder).head(arguments.count)
        write_materials(table, folder / "materials.parquet", {})
        simulate_shard(folder / "materials.parquet", folder / "patterns.h5", 0, settings)
        extract_shard(folder / "patterns.h5", folder / "spots.h5", PeaksSettings(**config["peaks"]))
        spots = read_spots([folder / "spots.h5"])
    groups = table.set_index("material_id").spacegroup_number.loc[spots.material_id].to_numpy(int)
    return spots, groups[spots.material]


def matmul_rate() -> float:
    """Return the operations a second of a large matrix product: what the machine can reach."""
    a = torch.randn(2048, 2048)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - start)
    return 2 * 2048**3 / min(seconds)


def compared(bench: Bench, repeats: int) -> list[dict]:
    """Return rows for training and for prediction; the readings take turns."""
    kinds = {
        "training": (bench.train, bench.slices(bench.batch_size)),
        "prediction": (bench.predict, bench.slices(LITERAL_BATCH)),
    }
    precisions = {"float32": bench.fast, "bf16": bench.fast_bf16}
    rows = []
    for name, (run, literal_batches) in kinds.items():
        for forward in precisions.values():
            run(forward, bench.batches[:2])  # warm
        literal, fast = [], {precision: [] for precision in precisions}
        for _ in range(repeats):
            for precision, forward in precisions.items():
                fast[precision].append(run(forward, bench.batches))
            literal.append(run(bench.slow, literal_batches))
        for precision, seconds in fast.items():
            rows.append(
                {
                    "": f"{name}, {precision}",
                    "edsym [patterns/s]": f"{len(bench.dataset) / np.median(seconds):.1f}",
                    "literal [patterns/s]": f"{len(bench.dataset) / np.median(literal):.2f}",
                    "ratio": f"{np.median(np.divide(literal, seconds)):.1f}",
                }
            )
    return rows


def by_size(bench: Bench) -> list[dict]:
    """Return what a pattern costs in prediction, by its number of spots."""
    edges = np.unique(np.quantile(bench.dataset.sizes, [0, 0.25, 0.5, 0.75, 1]).astype(int))
    rows = []
    for low, high in itertools.pairwise(edges):
        chosen = [b for b in bench.batches if low <= bench.dataset.sizes[b].mean() <= high]
        if chosen:
            seconds = min(bench.predict(bench.fast, chosen) for _ in range(3))
            count = sum(map(len, chosen))
            rows.append({"spots": f"{low}–{high}", "patterns": count, "ms": f"{1e3 * seconds / count:.2f}"})
    return rows


def main() -> None:
    """Run the benchmark."""
    parser = inputs.parser(__doc__)
    parser.add_argument("--count", type=int, default=40, help="materials")
    parser.add_argument("--views", type=int, default=5, help="patterns of each")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    config = inputs.configuration(arguments)
    torch.set_num_threads(arguments.threads)
    spots, groups = simulated_spots(arguments, config)
    bench = Bench(spots, groups, NetworkSettings(**config["network"]), config["training"]["batch_size"])
    difference = bench.largest_difference()
    rows, sizes = compared(bench, arguments.repeats), by_size(bench)
    rate, flops = float(rows[2]["edsym [patterns/s]"]), bench.flops()
    spots_each = bench.dataset.sizes
    text = (
        f"{len(spots)} patterns of {spots_each.mean():.0f} spots (largest {spots_each.max()}), "
        f"{sum(p.numel() for p in bench.network.parameters()):,} parameters, {arguments.threads} threads; "
        f"largest difference of logits {difference:.0e}; {flops / 1e9:.2f} GFLOP a pattern, in float32 "
        f"prediction {rate * flops / matmul_rate():.0%} of what a large matrix product reaches; "
        f"the paper's rate on a GPU is {PAPER_RATE:.0f} patterns/s\n\n"
    )
    inputs.report(text + inputs.markdown(rows) + "\n\n" + inputs.markdown(sizes), arguments)


if __name__ == "__main__":
    main()
