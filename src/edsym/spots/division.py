"""The division of the materials into training and test."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from edsym.errors import InputError
from edsym.seeds import stable_hash
from edsym.spots.settings import SplitSettings
from edsym.spots.split import write_split
from edsym.spots.store import materials_with_patterns
from edsym.structures.table import read_materials
from edsym.symmetry import CRYSTAL_SYSTEMS, system_index


def split_materials(
    spots_paths: Iterable[str | Path],
    selected_path: str | Path,
    split_path: str | Path,
    settings: SplitSettings,
) -> None:
    """Split the materials that have patterns, crystal system by crystal system, and write the table.

    Parameters
    ----------
    spots_paths : iterable of str or Path
        All shards of spot lists.
    selected_path : str or Path
        The table of materials.
    split_path : str or Path
        The parquet table to write: material_id, split ("train" or "test"), crystal_system,
        spacegroup_number; sorted by material_id.
    settings : SplitSettings
        Share of the test, and seed.

    Raises
    ------
    InputError
        If no material has a pattern, if one is not in the table of materials, or if no system has
        the two materials that it takes to test anything.
    """
    ids = materials_with_patterns(spots_paths)
    if not len(ids):
        raise InputError("no material has a pattern: there is nothing to split")
    selected = read_materials(selected_path).set_index("material_id")
    unknown = [name for name in ids if name not in selected.index]
    if unknown:
        raise InputError(
            f"{selected_path} lacks {len(unknown)} materials that have patterns, such as {unknown[0]}"
        )
    groups = selected.loc[ids, "spacegroup_number"].to_numpy()
    frame = pd.DataFrame(
        {
            "material_id": ids,
            "split": _sides(ids, system_index(groups), settings),
            "crystal_system": np.array(CRYSTAL_SYSTEMS)[system_index(groups)],
            "spacegroup_number": groups,
        }
    )
    write_split(frame, split_path, settings)


def _sides(ids: np.ndarray, systems: np.ndarray, settings: SplitSettings) -> np.ndarray:
    """Return "train" or "test" for every material.

    Materials of a system are ranked by a hash of their id: no draw depends on which others there are.
    """
    sides = np.full(len(ids), "train", dtype="<U5")
    for system in np.unique(systems):
        members = np.flatnonzero(systems == system)
        ranks = [stable_hash("split", settings.seed, name) for name in ids[members]]
        sides[members[np.argsort(ranks)[: _n_test(len(members), settings.test_fraction)]]] = "test"
    return sides


def _n_test(n: int, fraction: float) -> int:
    """Return how many of n materials are tested: of two or more at least one, but never all."""
    return min(max(round(n * fraction), 1), n - 1)
