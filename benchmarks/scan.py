"""How much memory `edsym spots` takes for a large scan, how fast it is, and what a killed one leaves.

    python benchmarks/scan.py --rows 256 --folder /tmp
    python benchmarks/scan.py --rows 32 --whole --classify --jobs 2
    python benchmarks/scan.py --rows 32 --whole --classify found.h5 --jobs 2

Writes a scan of drawn patterns (192 × 192 pixels, uint16, HDF5; 18.9 MB a row of 256), finds its spots by the
command in a process of its own, then again in one that is killed half-way and started once more, and prints
a line in Markdown. The scan is removed afterwards. With ``--classify`` positions are classified right after,
as `edsym.classify_scan` does it with each by itself: those that were found, each a plane lattice of many
spots, or those of another file.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
from spots import SIZE, drawn

from edsym.experiment.spots.scan_spots import read_scan_spots
from edsym.interface.classify import bright_spots
from edsym.interface.crystals import FEWEST, answers
from edsym.interface.model import load_model

COLUMNS, RADIUS, DOSE, DRAWN = 256, 4, 1e5, 64
MIN_INTENSITY, ENERGY = 0.001, 200.0


def write(path: Path, rows: int) -> None:
    """Write a scan, row by row: some drawn patterns in any order."""
    rng = np.random.default_rng(3)
    images = np.array([drawn(rng, RADIUS, DOSE)[0] for _ in range(DRAWN)], np.uint16)
    with h5py.File(path, "w") as file:
        cube = file.create_dataset("data", (rows, COLUMNS, SIZE, SIZE), np.uint16)
        for row in range(rows):
            cube[row] = images[rng.integers(0, DRAWN, COLUMNS)]


def command(scan: Path, out: Path) -> list[str]:
    """Return the command that finds the spots."""
    return [sys.executable, "-m", "edsym.cli", "spots", str(scan), "--pixel", "0.02", "--out", str(out)]


def measured(scan: Path, out: Path) -> tuple[float, float, float]:
    """Return seconds, seconds of processors and the largest resident memory in GB of a whole run."""
    start = time.perf_counter()
    process = subprocess.Popen(command(scan, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"edsym spots ended with {status}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e9


def classified(path: Path, most: int, jobs: int) -> tuple[int, float, float]:
    """Return how many positions were classified, and the seconds and seconds of processors of it."""
    patterns = [one for one in bright_spots(read_scan_spots(path), MIN_INTENSITY) if len(one) >= FEWEST]
    crystals = [[patterns[i % len(patterns)]] for i in range(most)]
    model = load_model("lattice")
    answers(model, crystals[:2], ENERGY, 1)  # compiles
    before, start = os.times(), time.perf_counter()
    answers(model, crystals, ENERGY, jobs)
    seconds, after = time.perf_counter() - start, os.times()
    return len(crystals), seconds, sum(after[:4]) - sum(before[:4])


def resumed(scan: Path, out: Path, after: float) -> None:
    """Find the spots in a process that is killed after so many seconds, and in another that goes on."""
    process = subprocess.Popen(command(scan, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    if process.wait() != -signal.SIGKILL or out.exists():
        raise SystemExit("the scan was done before it could be killed")
    print(f"killed after {len(list(out.parent.glob('*.parts/*/*.npz')))} blocks", file=sys.stderr)
    measured(scan, out)


def main() -> None:
    """Print the line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=32, help=f"of {COLUMNS} patterns each")
    parser.add_argument("--folder", type=Path, help="for the scan; otherwise that of temporary files")
    parser.add_argument("--whole", action="store_true", help="do not kill one and go on")
    parser.add_argument("--classify", type=Path, nargs="?", const=Path(), help="also, or the spots of a file")
    parser.add_argument(
        "--positions", type=int, default=1000, help="how many to classify, each again and again"
    )
    parser.add_argument("--jobs", type=int, default=2, help="processes that classify")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        scan, out = Path(folder) / "scan.h5", Path(folder) / "spots.h5"
        write(scan, options.rows)
        seconds, processors, memory = measured(scan, out)
        n, same = options.rows * COLUMNS, "not tried"
        if not options.whole:
            resumed(scan, Path(folder) / "again.h5", seconds / 2)
            same = "yes" if (Path(folder) / "again.h5").read_bytes() == out.read_bytes() else "no"
        print(
            "| patterns | scan [GB] | memory [GB] | patterns/s | processor [ms/pattern] | resumed the same |"
        )
        print("|---|---|---|---|---|---|")
        size = scan.stat().st_size / 1e9
        print(
            f"| {n} | {size:.2f} | {memory:.2f} | {n / seconds:.0f} | {1e3 * processors / n:.1f} | {same} |"
        )
        if options.classify is not None:
            path = out if options.classify == Path() else options.classify
            m, own_seconds, own = classified(path, options.positions, options.jobs)
            faster, cheaper = m / own_seconds * seconds / n, processors / n * m / own
            print(f"\n{m} positions by {options.jobs} processes: {m / own_seconds:.0f} a second,", end=" ")
            print(
                f"{1e3 * own / m:.1f} ms of processors each; {faster:.2f} and {cheaper:.2f} times the search"
            )


if __name__ == "__main__":
    main()
