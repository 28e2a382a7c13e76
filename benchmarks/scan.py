"""How much memory `edsym spots` takes for a large scan, how fast it is, and what a killed one leaves.

    python benchmarks/scan.py --rows 256 --folder /tmp

Writes a scan of drawn patterns (192 × 192 pixels, uint16, HDF5; 18.9 MB a row of 256), finds its spots by the
command in a process of its own, then again in one that is killed half-way and started once more, and prints
a line in Markdown. The scan is removed afterwards.
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

COLUMNS, RADIUS, DOSE, DRAWN = 256, 4, 1e5, 64


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


if __name__ == "__main__":
    main()
