"""How often the lattice is found from one pattern: by volume, system, number of spots and detector."""

import argparse
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from inputs import use_one_core
from vectors import find_vectors

from edsym.detector.detect import detect
from edsym.detector.levels import LEVELS
from edsym.lattice.compare import deviation
from edsym.lattice.single import single_view
from edsym.seeds import stable_hash
from edsym.simulation.electrons import wavelength
from edsym.spots.store import SPOT_FIELDS, SpotLists, offsets, ragged_indices, read_spots
from edsym.structures.standard import standardize

WITHIN = (0.01, 0.03, 0.1)
VOLUMES = (0, 100, 200, 400, 1000)
SPOTS = (0, 12, 20, 35, 60, 1000)
RESAMPLES = 1000
METHODS = {"finder": single_view, "vectors": find_vectors}


def draw(spots: SpotLists, count: int, part: str, seed: int) -> SpotLists:
    """Return one pattern of each of so many materials, drawn by their names."""
    odd = {"all": (0, 1), "development": (0,), "held-out": (1,)}[part]
    ids = [name for name in map(str, spots.material_id) if stable_hash(name) % 2 in odd]
    ids.sort(key=lambda name: stable_hash(seed, "benchmark", name))
    own = spots.select(ids[:count])
    starts = np.searchsorted(own.material, np.arange(len(own.material_id) + 1))
    sizes = zip(map(str, own.material_id), np.diff(starts).tolist(), strict=True)
    chosen = starts[:-1] + [stable_hash(seed, "view", name) % size for name, size in sizes]
    counts = np.diff(own.offset)[chosen]
    rows = ragged_indices(own.offset[chosen], counts)
    columns = (getattr(own, name)[rows] for name in SPOT_FIELDS)
    return SpotLists(own.material_id, own.material[chosen], own.view[chosen], offsets(counts), *columns)


def solve(method, patterns: SpotLists, table: pd.DataFrame, energy: float, scaled: bool) -> pd.DataFrame:
    """Return a line a pattern, with the deviation of a method's first lattice and of the best of all."""
    lines = []
    for p, material in enumerate(patterns.material_id[patterns.material]):
        row, own = table.loc[material], slice(*patterns.offset[p : p + 2])
        lattice, coords = np.reshape(row.lattice, (3, 3)), np.reshape(row.frac_coords, (-1, 3))
        truth = standardize(lattice, row.numbers, coords).lattice
        start = time.process_time()
        found = method(*(getattr(patterns, name)[own] for name in SPOT_FIELDS), wavelength(energy))
        seconds = time.process_time() - start
        off = [deviation(one.direct, truth, scaled) for one in found]
        lines.append(
            {
                "off": off[0] if off else np.inf,
                "best": min(off, default=np.inf),
                "probability": found[0].probability if found else 0.0,
                "volume": abs(np.linalg.det(truth)),
                "system": row.crystal_system,
                "spots": own.stop - own.start,
                "seconds": seconds,
            }
        )
    return pd.DataFrame(lines)


def interval(right: np.ndarray, seed: int) -> str:
    """Return a share in per cent with its 95 % interval over materials."""
    drawn = np.random.default_rng(seed).integers(len(right), size=(RESAMPLES, len(right)))
    low, high = np.quantile(right[drawn].mean(axis=1), [0.025, 0.975])
    return f"{100 * right.mean():.1f} ({100 * low:.0f}–{100 * high:.0f})"


def calibration_error(probability: np.ndarray, right: np.ndarray, bins: int = 10) -> float:
    """Return the mean distance between probability and share right, in bins of as many patterns each."""
    parts = np.array_split(np.argsort(probability, kind="stable"), bins)
    return sum(len(p) * abs(probability[p].mean() - right[p].mean()) for p in parts if len(p)) / len(right)


def lines(result: pd.DataFrame, seed: int):
    """Yield the lines of a table of Markdown."""
    groups = [("all", result)]
    groups += [(f"{name} Å³", part) for name, part in _cut(result, "volume", VOLUMES)]
    groups += [(f"{name} spots", part) for name, part in _cut(result, "spots", SPOTS)]
    groups += list(result.groupby("system"))
    yield "| | patterns | within 1 % | within 3 % | within 10 % | any of five within 3 % |"
    yield "|---|---|---|---|---|---|"
    for name, part in groups:
        shares = [interval(part.off.to_numpy() < limit, seed) for limit in WITHIN]
        shares.append(interval(part.best.to_numpy() < 0.03, seed))
        yield f"| {name} | {len(part)} | " + " | ".join(shares) + " |"
    error = calibration_error(result.probability.to_numpy(), result.off.to_numpy() < 0.03)
    milliseconds = 1000 * result.seconds.mean()
    yield f"\ncalibration error {100 * error:.1f} %; {milliseconds:.0f} ms of one core a view on average"


def _cut(result: pd.DataFrame, column: str, edges):
    for low, high in pairwise(edges):
        part = result[(result[column] >= low) & (result[column] < high)]
        if len(part):
            yield f"{low}–{high}", part


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spots", type=Path, nargs="+", help="stores of spots")
    parser.add_argument("--structures", type=Path, required=True, help="the table of materials (Parquet)")
    parser.add_argument("--count", type=int, default=200, help="materials, one pattern each")
    parser.add_argument("--part", choices=("all", "development", "held-out"), default="held-out")
    parser.add_argument("--levels", nargs="+", choices=tuple(LEVELS), default=tuple(LEVELS))
    parser.add_argument("--energy", type=float, default=300, help="keV")
    parser.add_argument("--method", choices=tuple(METHODS), default="finder")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    use_one_core()
    patterns = draw(read_spots(options.spots), options.count, options.part, options.seed)
    table = pd.read_parquet(options.structures).set_index("material_id").loc[list(patterns.material_id)]
    first = slice(*patterns.offset[:2])
    method = METHODS[options.method]
    method(*(getattr(patterns, name)[first] for name in SPOT_FIELDS), wavelength(options.energy))  # compiles
    for level in options.levels:
        shown = detect(patterns, level, options.seed)
        print(f"\n## {level}\n")
        result = solve(method, shown, table, options.energy, level != "ideal")
        print("\n".join(lines(result, options.seed)), flush=True)


if __name__ == "__main__":
    main()
