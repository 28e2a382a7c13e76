"""The table of the split of materials into training and test, and the patterns of its sides."""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from edsym.errors import InputError
from edsym.parquet import read_parquet, write_parquet
from edsym.seeds import generator
from edsym.spots.settings import SplitSettings
from edsym.spots.store import SpotLists, read_spots
from edsym.symmetry import CRYSTAL_SYSTEMS, N_SPACE_GROUPS, system_index

SCHEMA = pa.schema(
    [
        ("material_id", pa.string()),
        ("split", pa.string()),
        ("crystal_system", pa.string()),
        ("spacegroup_number", pa.uint8()),
        ("kin", pa.string()),
    ]
)
"""Columns of a split. ``kin`` is what materials share that are kept together: by material the id, so that
each stands alone; else the prototype or the chemical system. Tables without it are by material."""
SIDES = ("train", "test")


def write_split(frame: pd.DataFrame, path: str | Path, settings: SplitSettings) -> None:
    """Check and write a split, with the settings that it was made with.

    Raises
    ------
    InputError
        If it is no split: see `read_split`.
    """
    _check(frame, str(path))
    table = pa.Table.from_pandas(frame, schema=SCHEMA, preserve_index=False)
    table = table.replace_schema_metadata({"edsym": json.dumps(settings.model_dump(), sort_keys=True)})
    write_parquet(table, path)


def read_split(path: str | Path) -> pd.DataFrame:
    """Read and check a split.

    Returns
    -------
    pandas.DataFrame
        material_id, split ("train" or "test"), crystal_system, spacegroup_number, kin; sorted by material_id.

    Raises
    ------
    InputError
        If the table is unreadable, lacks a column, has a material twice, is empty on one side, or has kin
        on both.
    """
    table = read_parquet(path)
    try:
        if "kin" not in table.column_names and "material_id" in table.column_names:
            table = table.append_column("kin", table["material_id"])
        missing = [name for name in SCHEMA.names if name not in table.column_names]
        if missing:
            raise InputError(f"{path} lacks the columns {', '.join(missing)} of a split")
        frame = table.select(SCHEMA.names).cast(SCHEMA).to_pandas()
    except (ValueError, pa.ArrowException) as error:
        raise InputError(f"{path} cannot be read as a table of a split: {error}") from error
    _check(frame, str(path))
    return frame.sort_values("material_id", ignore_index=True)


def labelled_patterns(
    spots_paths: Iterable[str | Path], split_path: str | Path, part: str
) -> tuple[SpotLists, np.ndarray]:
    """Return the patterns of one part of the split and their space groups.

    Parameters
    ----------
    spots_paths : iterable of str or Path
        All shards of spot lists.
    split_path : str or Path
        The split.
    part : {"train", "test"}
        Which part.

    Returns
    -------
    spots : SpotLists
        The patterns of its materials.
    spacegroup_number : (P,) array of int
        Space group of each pattern, 1 to 230.

    Raises
    ------
    InputError
        If an input is unreadable or no material of the part has a pattern.
    """
    split = read_split(split_path)
    split = split[split.split == part]
    spots = read_spots(spots_paths, split.material_id)
    if not len(spots):
        raise InputError(
            f"{split_path}: none of the {len(split)} {part} materials has a pattern in the spot lists"
        )
    number = pd.Series(split.spacegroup_number.to_numpy(dtype=int), index=split.material_id)
    return spots, number.loc[spots.material_id].to_numpy()[spots.material]


def patterns_to_predict(
    spots_paths: Iterable[str | Path],
    split_path: str | Path,
    validation: tuple[float, int] | None = None,
) -> tuple[SpotLists, np.ndarray]:
    """Return the test patterns and their space groups, or the training patterns that validate.

    Parameters
    ----------
    spots_paths : iterable of str or Path
        All shards of spot lists.
    split_path : str or Path
        The split.
    validation : (float, int) or None
        Share of the training materials and seed by which the model was trained, as
        `validation_patterns` takes them; None means the test patterns.

    Returns
    -------
    spots, spacegroup_number
        As `labelled_patterns` returns them.

    Raises
    ------
    InputError
        If an input is unreadable or there is no such pattern.
    """
    if validation is None:
        return labelled_patterns(spots_paths, split_path, "test")
    spots, groups = labelled_patterns(spots_paths, split_path, "train")
    chosen = validating(spots, split_path, *validation)
    return spots.select(spots.material_id[np.unique(spots.material[chosen])]), groups[chosen]


def validating(spots: SpotLists, split_path: str | Path, fraction: float, seed: int) -> np.ndarray:
    """Choose the training patterns that validate: `validation_patterns` by what the split keeps together."""
    split = read_split(split_path).set_index("material_id")
    kin = np.unique(split.kin.loc[spots.material_id].to_numpy(dtype=str), return_inverse=True)[1]
    return validation_patterns(spots.material, fraction, seed, kin[spots.material])


def validation_patterns(
    material: np.ndarray, fraction: float, seed: int, kin: np.ndarray | None = None
) -> np.ndarray:
    """Choose training materials that validate, the same for every model with this seed.

    Parameters
    ----------
    material : (P,) array of int
        Material of each training pattern.
    fraction : float
        Share of the materials; one is chosen and one is left at least.
    seed : int
        Seed of the choice.
    kin : (P,) array of int, optional
        What materials are kept together by; without, each stands alone.

    Returns
    -------
    (P,) array of bool
        Which patterns are of a chosen material.

    Raises
    ------
    InputError
        If there are fewer than two materials, or all are kin.
    """
    kin = material if kin is None else kin
    keys, sizes = np.unique(np.unique(np.stack([kin, material]), axis=1)[0], return_counts=True)
    if len(keys) < 2:
        raise InputError(
            f"training takes patterns of two materials at least that share no prototype or elements by which "
            f"the split keeps them together, not of {len(keys)}"
        )
    order = generator(seed, "validation").permutation(len(keys))
    return np.isin(kin, keys[order[: first_share(sizes[order], fraction)]])


def first_share(sizes: np.ndarray, fraction: float) -> int:
    """Return how many of the first parts of these sizes (n,) make up a share of the whole most nearly.

    It is one part at least, but never all.
    """
    wanted = round(float(fraction * sizes.sum()))
    nearest = int(np.abs(np.cumsum(sizes) - wanted).argmin()) + 1
    return min(nearest, len(sizes) - 1)


def _check(frame: pd.DataFrame, where: str) -> None:
    """Raise an InputError unless every material is on one side, with a space group and its system."""
    if frame.isna().any(axis=None):
        raise InputError(f"{where}: the split has empty values")
    repeated = frame.material_id[frame.material_id.duplicated()]
    if len(repeated):
        raise InputError(f"{where}: material {repeated.iloc[0]} occurs more than once in the split")
    sides = set(frame.split)
    if sides != set(SIDES):
        raise InputError(
            f"{where}: the split has the sides {sorted(sides)}, expected both of {list(SIDES)}; "
            "it takes at least two materials of one crystal system"
        )
    groups = frame.spacegroup_number.to_numpy()
    if groups.min() < 1 or groups.max() > N_SPACE_GROUPS:
        raise InputError(f"{where}: the split has a space-group number outside 1 to {N_SPACE_GROUPS}")
    _check_kin(frame, where)
    wrong = frame[np.array(CRYSTAL_SYSTEMS)[system_index(groups)] != frame.crystal_system.to_numpy()]
    if len(wrong):
        row = wrong.iloc[0]
        raise InputError(
            f"{where}: material {row.material_id} has space group {row.spacegroup_number}, "
            f"which is not {row.crystal_system}"
        )


def _check_kin(frame: pd.DataFrame, where: str) -> None:
    """Raise an InputError if materials that are to be kept together are on both sides."""
    sides = frame.groupby("kin").split.nunique()
    if leaks := sorted(sides.index[sides > 1]):
        kin = frame[frame.kin == leaks[0]].sort_values("material_id")
        train, test = (kin.material_id[kin.split == side].iloc[0] for side in SIDES)
        raise InputError(
            f"{where}: material {train} trains and {test} tests, though both are {leaks[0]!r}, "
            f"which is to be on one side ({len(leaks)} such leaks)"
        )
