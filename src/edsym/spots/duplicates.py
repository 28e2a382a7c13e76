"""Structures that stand on both sides of the split under two names: a test of them is no test."""

from itertools import product
from math import gcd

import numpy as np
import pandas as pd
import spglib

from edsym.structures.standard import primitive

LENGTHS, ANGLES = 0.02, 2.0
"""Reduced cells are alike whose edges differ by this share and whose angles by so many degrees at most."""


def duplicates(materials: pd.DataFrame, split: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs of a training and a test material that are one structure by all appearance.

    They have the same composition, the same space group, and alike reduced cells; where atoms are is not
    compared.

    Parameters
    ----------
    materials : DataFrame
        Of `edsym.structures.table.read_materials`.
    split : DataFrame
        Of `edsym.spots.split.read_split`.

    Returns
    -------
    DataFrame
        test, train (ids), formula, spacegroup_number; sorted.
    """
    frame = split[["material_id", "split"]].merge(materials, on="material_id")
    frame["composition"] = frame["numbers"].map(_composition)
    pairs = []
    for _, group in frame.groupby(["composition", "spacegroup_number"]):
        train, test = (group[group["split"] == side] for side in ("train", "test"))
        if len(train) and len(test):
            cells = {row.material_id: _reduced_cell(row) for row in group.itertuples()}
            pairs += [
                (one.material_id, other.material_id, one.formula, one.spacegroup_number)
                for one, other in product(test.itertuples(), train.itertuples())
                if _alike(cells[one.material_id], cells[other.material_id])
            ]
    return pd.DataFrame(sorted(pairs), columns=["test", "train", "formula", "spacegroup_number"])


def _composition(numbers: np.ndarray) -> str:
    elements, counts = np.unique(numbers, return_counts=True)
    return str([*zip(elements.tolist(), (counts // gcd(*counts)).tolist(), strict=True)])


def _reduced_cell(row) -> np.ndarray:
    """Return edges in Å and angles in degrees (2, 3) of the reduced primitive cell of a material."""
    cell = primitive(np.reshape(row.lattice, (3, 3)), row.numbers, np.reshape(row.frac_coords, (-1, 3)))
    lattice = spglib.niggli_reduce(cell.lattice)
    edges = np.linalg.norm(lattice, axis=1)
    a, b, c = lattice / edges[:, None]
    return np.array([edges, np.degrees(np.arccos([b @ c, a @ c, a @ b]))])


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(
        np.allclose(one[0], other[0], rtol=LENGTHS, atol=0)
        and np.allclose(one[1], other[1], rtol=0, atol=ANGLES)
    )
