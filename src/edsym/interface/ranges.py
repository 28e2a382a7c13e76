"""What a model's training patterns are like, so that a pattern unlike all of them is told."""

import warnings
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from edsym.errors import InputWarning
from edsym.interface.spots import Spots

SHARE = 0.998
"""Share of the training patterns that lie within each range."""

NAMES = {
    "spots": "number of spots is {:.0f}",
    "smallest_q": "smallest |q| is {:.3g} 1/Å",
    "median_q": "median |q| is {:.3g} 1/Å",
    "largest_q": "largest |q| is {:.3g} 1/Å",
    "smallest_distance": "smallest distance between spots is {:.2g} 1/Å",
    "total_intensity": "total intensity is {:.2g}",
}
"""Quantities that have a range, and how a warning says them."""


def statistics(spots: Spots) -> pd.DataFrame:
    """Return the quantities of each pattern that have ranges: one row a pattern."""
    start, length = spots.offset[:-1], np.hypot(spots.qx, spots.qy)
    return pd.DataFrame(
        {
            "spots": np.diff(spots.offset),
            "smallest_q": np.minimum.reduceat(length, start),
            "median_q": [np.median(part) for part in np.split(length, start[1:])],
            "largest_q": np.maximum.reduceat(length, start),
            "smallest_distance": [_smallest_distance(pattern[:, :2]) for pattern in spots],
            "total_intensity": np.add.reduceat(spots.intensity, start),
        }
    )


def measured_ranges(spots: Spots) -> dict[str, list[float]]:
    """Return the range (low, high) of each quantity that `SHARE` of the patterns lie in, and the median."""
    tail = (1 - SHARE) / 2
    table = statistics(spots).quantile([tail, 0.5, 1 - tail])
    return {name: [float(f"{value:.4g}") for value in table[name]] for name in table}


def outside(spots: Spots, ranges: Mapping[str, list[float]]) -> list[str]:
    """Return for each pattern in words which quantity is outside its range; empty where none is."""
    table, beyond = _compared(spots, ranges)
    first = beyond.to_numpy().argmax(axis=1)
    return [
        NAMES[table.columns[k]].format(table.iloc[p, k]) if beyond.iloc[p, k] else ""
        for p, k in enumerate(first)
    ]


def _compared(spots: Spots, ranges: Mapping[str, list[float]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the quantities of each pattern, and which are outside their ranges."""
    table = statistics(spots)
    if not spots.absolute:
        table = table.drop(columns="total_intensity")
    low, high = (np.array([ranges[name][i] for name in table]) for i in (0, 2))
    return table, (table < low) | (table > high)


def warn_outside(spots: Spots, ranges: Mapping[str, list[float]]) -> None:
    """Warn of patterns with a quantity outside its range."""
    table, beyond = _compared(spots, ranges)
    if not beyond.any(axis=None):
        return
    pattern = int(beyond.any(axis=1).to_numpy().argmax())
    name = beyond.columns[beyond.iloc[pattern].argmax()]
    low, _, high = ranges[name]
    warnings.warn(
        f"{beyond.any(axis=1).sum()} of {len(table)} patterns are unlike those of the training, and the "
        f"answer cannot be relied on: of pattern {pattern} the {NAMES[name].format(table[name][pattern])}, "
        f"there {low:.3g} to {high:.3g}",
        InputWarning,
        stacklevel=3,
    )


def _smallest_distance(q: np.ndarray) -> float:
    """Return the distance of the two closest spots; without a second one that to infinity."""
    return float(cKDTree(q).query(q, k=2)[0][:, 1].min())
