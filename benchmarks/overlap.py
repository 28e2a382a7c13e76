"""How often two crystals that overlap in one pattern are told apart, and how often one is taken for two.

Patterns of two materials are laid over each other, with the spots of both; beside it stand the same patterns
apart, each with its most probable lattice.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from inputs import use_one_core
from lattice import draw, interval

from edsym.detector.detect import detect
from edsym.detector.levels import LEVELS
from edsym.lattice.compare import deviation
from edsym.lattice.find import Found
from edsym.lattice.overlap import find_overlapping
from edsym.lattice.single import single_view
from edsym.simulation.electrons import wavelength
from edsym.spots.store import read_spots
from edsym.structures.standard import standardize

WITHIN = 0.03


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spots", type=Path, nargs="+", help="stores of spots")
    parser.add_argument("--structures", type=Path, required=True, help="the table of materials (Parquet)")
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--levels", nargs="+", choices=tuple(LEVELS), default=("ideal", "typical"))
    parser.add_argument("--energy", type=float, default=300, help="keV")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    use_one_core()
    electrons = wavelength(options.energy)
    patterns = draw(read_spots(options.spots), 2 * options.pairs, "held-out", options.seed)
    table = pd.read_parquet(options.structures).set_index("material_id")
    cells = [_cell(table.loc[name]) for name in patterns.material_id[patterns.material]]
    heads = ["", "pairs", "both right apart", "both right", "one at least", "of the claimed", "stated"]
    print(f"| {' | '.join([*heads, 'one taken for two'])} |")
    print("|---|---|---|---|---|---|---|---|")
    for level in options.levels:
        seen = detect(patterns, level, options.seed).rows(range(2 * options.pairs))
        pairs = [(slice(i, i + 2), np.concatenate(seen[i : i + 2])) for i in range(0, len(seen), 2)]
        lines = pd.DataFrame(_line(seen[two], both, cells[two], electrons) for two, both in pairs)
        shares = [
            interval(lines[name].to_numpy(), options.seed)
            for name in ("apart", "both", "any", "single_is_two")
        ]
        claimed = f"{100 * lines.right.sum() / lines.claimed.sum():.1f}"
        stated = f"{100 * lines.stated.sum() / lines.claimed.sum():.1f}"
        print(
            f"| {level} | {len(lines)} | {' | '.join([*shares[:3], claimed, stated, shares[3]])} |",
            flush=True,
        )


def _cell(row: pd.Series) -> np.ndarray:
    return standardize(
        np.reshape(row.lattice, (3, 3)), row.numbers, np.reshape(row.frac_coords, (-1, 3))
    ).lattice


def _line(alone: list[np.ndarray], both: np.ndarray, cells: list[np.ndarray], electrons: float) -> dict:
    """Return what is found in two patterns over each other, and in each of them."""
    first = [single_view(*pattern.T, electrons, n=1) for pattern in alone]
    apart = [len(one) > 0 and _off(one[0].direct, cell) for one, cell in zip(first, cells, strict=True)]
    found = [one for one, _ in find_overlapping(both, electrons, 2)]
    right = np.array([[_off(_direct(one), cell) for cell in cells] for one in found]).reshape(-1, 2)
    return {
        "apart": all(apart),
        "both": len(found) == 2 and bool(right.any(axis=0).all() and right.any(axis=1).all()),
        "any": bool(right.any()),
        "claimed": len(found),
        "right": int(right.any(axis=1).sum()),
        "stated": sum(one.probability for one in found),
        "single_is_two": len(find_overlapping(alone[0], electrons, 2)) > 1,
    }


def _direct(found: Found) -> np.ndarray:
    return np.linalg.inv(found.solution.fit.basis).T


def _off(direct: np.ndarray, cell: np.ndarray) -> bool:
    return deviation(direct, cell, True) < WITHIN


if __name__ == "__main__":
    main()
