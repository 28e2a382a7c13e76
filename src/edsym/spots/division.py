"""The division of the materials into training and test."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from edsym.errors import InputError
from edsym.seeds import stable_hash
from edsym.spots.settings import SplitSettings
from edsym.spots.split import first_share, write_split
from edsym.spots.store import materials_with_patterns
from edsym.structures.kinship_table import read_kinship
from edsym.structures.table import read_materials
from edsym.symmetry import CRYSTAL_SYSTEMS, system_index

_COLUMN = {"prototype": "prototype", "chemistry": "chemical_system"}


def split_materials(
    spots_paths: Iterable[str | Path],
    selected_path: str | Path,
    kinship_path: str | Path,
    split_path: str | Path,
    settings: SplitSettings,
) -> None:
    """Split the materials that have patterns, and write the table.

    Parameters
    ----------
    spots_paths : iterable of str or Path
        All shards of spot lists.
    selected_path : str or Path
        The table of materials.
    kinship_path : str or Path
        Their prototypes and chemical systems, see `edsym.structures.kinship`.
    split_path : str or Path
        The parquet table to write, see `edsym.spots.split.SCHEMA`; sorted by material_id.
    settings : SplitSettings
        What is kept together, share of the test, and seed.

    Raises
    ------
    InputError
        If no material has a pattern, if one is not in the tables, or if no system has the two materials that
        it takes to test anything.
    """
    ids = materials_with_patterns(spots_paths)
    if not len(ids):
        raise InputError("no material has a pattern: there is nothing to split")
    selected = read_materials(selected_path).set_index("material_id")
    kinship = read_kinship(kinship_path)
    for path, table in ((selected_path, selected), (kinship_path, kinship)):
        if unknown := [name for name in ids if name not in table.index]:
            raise InputError(
                f"{path} lacks {len(unknown)} materials that have patterns, such as {unknown[0]}"
            )
    kin = ids if settings.strategy == "material" else kinship.loc[ids, _COLUMN[settings.strategy]].to_numpy()
    groups = selected.loc[ids, "spacegroup_number"].to_numpy()
    frame = pd.DataFrame(
        {
            "material_id": ids,
            "split": _sides(kin, system_index(groups), settings),
            "crystal_system": np.array(CRYSTAL_SYSTEMS)[system_index(groups)],
            "spacegroup_number": groups,
            "kin": kin,
        }
    )
    write_split(frame, split_path, settings)


def _sides(kin: np.ndarray, systems: np.ndarray, settings: SplitSettings) -> np.ndarray:
    """Return "train" or "test" for every material.

    Kin of a system are ranked by a hash of what they share, and the first test: no draw depends on which
    others there are. Those of the same elements are of several systems, and ranked all together.
    """
    keys, first, of_key = np.unique(kin, return_index=True, return_inverse=True)
    sizes, tested = np.bincount(of_key), np.zeros(len(keys), dtype=bool)
    strata = systems[first] if settings.strategy != "chemistry" else np.zeros(len(keys), dtype=int)
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        ranks = [stable_hash("split", settings.seed, name) for name in keys[members]]
        ranked = members[np.argsort(ranks)]
        tested[ranked[: first_share(sizes[ranked], settings.test_fraction)]] = True
    return np.where(tested[of_key], "test", "train")
