"""Which beams may take part in a pattern: the reciprocal-lattice points up to a length."""

from dataclasses import dataclass

import numpy as np

from edsym.simulation.constants import RIM
from edsym.simulation.crystal.cell import Cell


@dataclass(frozen=True)
class Candidates:
    """All reciprocal-lattice points up to g_max, in the crystal frame.

    Attributes
    ----------
    hkl : (n, 3) int32
        Indices in the computing cell.
    vectors : (3, n) float64
        x, y and z components in 1/Å.
    squared : (n,) float64
        Squared lengths in 1/Å².
    incident : int
        Position of 000.
    rows : (m + 1,) int64
        Points ``rows[i]`` to ``rows[i + 1]`` differ in l only, and lie one after the other.
    step : (3,) float64
        Vector from one of these points to the next, in 1/Å.
    """

    hkl: np.ndarray
    vectors: np.ndarray
    squared: np.ndarray
    incident: int
    rows: np.ndarray
    step: np.ndarray


def candidates_bytes(cell: Cell, g_max: float) -> int:
    """Return the memory that `find_candidates` takes at its peak: a box of indices and vectors."""
    return int(np.prod(2 * cell.box(g_max) + 1)) * 8 * 8


def find_candidates(cell: Cell, g_max: float) -> Candidates:
    """Return all reciprocal-lattice points with |g| <= `g_max` (1/Å)."""
    widths = cell.box(g_max)
    # Component by component, each a sum of three short lists: quicker than a product of all indices.
    steps = [
        np.multiply.outer(vector, np.arange(-width, width + 1))
        for vector, width in zip(cell.reciprocal, widths, strict=True)
    ]
    vectors = steps[0][:, :, None, None] + steps[1][:, None, :, None] + steps[2][:, None, None, :]
    squared = np.einsum("xijk,xijk->ijk", vectors, vectors)
    inside = np.flatnonzero(squared.ravel() <= (g_max * RIM) ** 2)
    row = inside // squared.shape[2]
    return Candidates(
        hkl=(np.stack(np.unravel_index(inside, squared.shape), axis=1) - widths).astype(np.int32),
        vectors=np.ascontiguousarray(vectors.reshape(3, -1)[:, inside]),
        squared=squared.ravel()[inside],
        incident=len(inside) // 2,  # the box is symmetric
        rows=np.flatnonzero(np.r_[True, np.diff(row) != 0, True]),
        step=cell.reciprocal[2],
    )
