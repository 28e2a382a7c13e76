"""How often the lattice is found from one pattern: by volume, system, number of spots and detector."""

import argparse
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from inputs import use_one_core

from edsym.lattice.compare import deviation
from edsym.lattice.single import single_view
from edsym.seeds import generator, stable_hash
from edsym.simulation.electrons import wavelength
from edsym.spots.store import SpotLists, read_spots
from edsym.structures.standard import standardize

LEVELS = ("ideal", "typical")
WITHIN = (0.01, 0.03, 0.1)
VOLUMES = (0, 100, 200, 400, 1000)
SPOTS = (0, 12, 20, 35, 60, 1000)
RESAMPLES = 1000


def detected(spots: np.ndarray, level: str, rng: np.random.Generator) -> np.ndarray:
    """Return the spots (n, 3), qx, qy and intensity, as a detector of this level shows them.

    `typical`: positions off by 0.003 1/Å each and 0.003 together, a scale by 1 % and an ellipse by
    0.5 % about any axis, intensities times exp(0.3 n), a threshold between 1e-4 and 2e-3 that keeps the
    five brightest, 5 % of the spots lost and 2 % spurious.
    """
    if level == "ideal":
        return spots
    spots = spots[rng.random(len(spots)) >= 0.05]
    spots[:, 2] *= np.exp(0.3 * rng.normal(size=len(spots)))
    rank = np.argsort(np.argsort(-spots[:, 2]))
    spots = spots[(spots[:, 2] >= 10 ** rng.uniform(-4, np.log10(2e-3))) | (rank < 5)]
    angle = 2 * rng.uniform(0, np.pi)
    axis = np.array([[np.cos(angle), np.sin(angle)], [np.sin(angle), -np.cos(angle)]])
    matrix = (1 + 0.01 * rng.normal()) * (np.eye(2) + 0.0025 * rng.normal() * axis)
    spots[:, :2] = spots[:, :2] @ matrix + rng.normal(0, 0.003, (len(spots), 2)) + rng.normal(0, 0.003, 2)
    stray = rng.poisson(0.02 * len(spots))
    length, angle = 2 * np.sqrt(rng.random(stray)), rng.uniform(0, 2 * np.pi, stray)
    extra = np.column_stack([length * np.cos(angle), length * np.sin(angle), rng.choice(spots[:, 2], stray)])
    return np.concatenate([spots, extra])


def draw(spots: SpotLists, count: int, part: str, seed: int) -> dict[str, np.ndarray]:
    """Return one pattern (n, 3) of each of so many materials, drawn by their names."""
    odd = {"all": (0, 1), "development": (0,), "held-out": (1,)}[part]
    ids = [name for name in map(str, spots.material_id) if stable_hash(name) % 2 in odd]
    ids.sort(key=lambda name: stable_hash(seed, "benchmark", name))
    patterns = {}
    for name in ids[:count]:
        own = np.flatnonzero(spots.material == np.searchsorted(spots.material_id, name))
        if len(own):
            p = own[stable_hash(seed, "view", name) % len(own)]
            rows = slice(spots.offset[p], spots.offset[p + 1])
            patterns[name] = np.stack(
                [spots.qx[rows], spots.qy[rows], spots.intensity[rows]], axis=1, dtype=np.float64
            )
    return patterns


def solve(patterns: dict[str, np.ndarray], table: pd.DataFrame, level: str, energy: float, seed: int):
    """Return a table: a line a pattern, with the deviation of the first lattice and of the best of all."""
    rows = []
    for name, pattern in patterns.items():
        row = table.loc[name]
        lattice, coords = np.reshape(row.lattice, (3, 3)), np.reshape(row.frac_coords, (-1, 3))
        truth = standardize(lattice, row.numbers, coords)
        shown = detected(pattern.copy(), level, generator(seed, "detector", name))
        start = time.perf_counter()
        found = single_view(*shown.T, wavelength(energy))
        seconds = time.perf_counter() - start
        off = [deviation(one.direct, truth.lattice, level != "ideal") for one in found]
        rows.append(
            {
                "off": off[0] if off else np.inf,
                "best": min(off, default=np.inf),
                "probability": found[0].probability if found else 0.0,
                "volume": abs(np.linalg.det(truth.lattice)),
                "system": row.crystal_system,
                "spots": len(shown),
                "seconds": seconds,
            }
        )
    return pd.DataFrame(rows)


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
    yield f"\ncalibration error {100 * error:.1f} %; {1000 * result.seconds.mean():.0f} ms a view on average"


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
    parser.add_argument("--levels", nargs="+", choices=LEVELS, default=LEVELS)
    parser.add_argument("--energy", type=float, default=300, help="keV")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    use_one_core()
    patterns = draw(read_spots(options.spots), options.count, options.part, options.seed)
    table = pd.read_parquet(options.structures).set_index("material_id").loc[list(patterns)]
    first = next(iter(patterns.values()))
    single_view(*first.T, wavelength(options.energy))  # compiles
    for level in options.levels:
        print(f"\n## {level}\n")
        for line in lines(solve(patterns, table, level, options.energy, options.seed), options.seed):
            print(line)


if __name__ == "__main__":
    main()
