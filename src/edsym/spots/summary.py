"""The account of a data set: what each stage kept, and why every other material went."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from edsym.files import atomic_path
from edsym.spots.duplicates import duplicates
from edsym.spots.split import read_split
from edsym.spots.store import SpotLists, read_failures, read_spots
from edsym.structures.table import read_materials, read_metadata


def summarize_dataset(
    spots_paths: Sequence[str | Path],
    split_path: str | Path,
    materials_path: str | Path,
    unreadable_path: str | Path,
    rejected_path: str | Path,
    summary_path: str | Path,
    per_material_path: str | Path,
    lost_path: str | Path,
    duplicates_path: str | Path,
) -> None:
    """Write what became of all materials of the source.

    Parameters
    ----------
    spots_paths : sequence of path
        All shards of spot lists.
    split_path, materials_path : path
        The split, and the materials that the source gave.
    unreadable_path, rejected_path : path
        Materials that the source could not give and that the filter rejected (material_id, formula, reason).
    summary_path : path
        Written: materials and patterns that each stage kept and lost.
    per_material_path : path
        Written: split, classes, patterns, dropped patterns and spots of each material.
    lost_path : path
        Written: material_id, stage and reason of each material that has no pattern.
    duplicates_path : path
        Written: see `edsym.spots.duplicates.duplicates`.
    """
    spots = read_spots(spots_paths)
    dropped, failed = read_failures(spots_paths)
    unreadable, rejected = (pd.read_csv(path, dtype=str) for path in (unreadable_path, rejected_path))
    structures, split = read_materials(materials_path), read_split(split_path)
    n_read = len(structures)
    materials, pairs = _per_material(spots, dropped, split), duplicates(structures, split)
    spotless = sorted({name for name, _, _ in dropped} - set(materials["material_id"]))
    lost = pd.concat(
        [
            _lost("structures", unreadable),
            _lost("filter", rejected),
            _lost("simulation", pd.DataFrame(failed, columns=["material_id", "reason"])),
            _lost(
                "spots", pd.DataFrame({"material_id": spotless, "reason": "too few spots in every pattern"})
            ),
        ]
    )
    n_selected = n_read - len(rejected)
    n_simulated = n_selected - len(failed)
    rows = [
        ("structures", n_read, len(unreadable), None, None),
        ("filter", n_selected, len(rejected), None, None),
        ("simulation", n_simulated, len(failed), len(spots) + len(dropped), None),
        ("spots", len(materials), len(spotless), len(spots), len(dropped)),
        *(_part(materials, part) for part in ("train", "test")),
        ("relabelled", read_metadata(materials_path).get("relabelled"), None, None, None),
        ("duplicates", pairs["test"].nunique(), None, None, None),
    ]
    columns = ["stage", "materials", "materials_lost", "patterns", "patterns_dropped"]
    summary = pd.DataFrame(rows, columns=columns).convert_dtypes()
    written = {
        summary_path: summary,
        per_material_path: materials,
        lost_path: lost,
        duplicates_path: pairs,
    }
    for path, frame in written.items():
        with atomic_path(path) as temporary:
            frame.to_csv(temporary, index=False)


def told(summary_path: str | Path) -> str:
    """Return what a person should know of a data set's summary, in a few lines."""
    table = pd.read_csv(summary_path).set_index("stage").fillna(0).astype(int)
    lost = table["materials_lost"][table["materials_lost"] > 0]
    count = table["materials"]
    lines = [
        f"{count['structures'] + lost.get('structures', 0)} materials: {count['train']} to train, "
        f"{count['test']} to test, {lost.sum()} lost",
        *(f"  {number} by {stage}" for stage, number in lost.items()),
    ]
    if lost.sum():
        lines[-1] += "; the reason of each is in lost.csv"
    if count["relabelled"]:
        lines.append(f"{count['relabelled']} have another space group than their source states")
    if count["duplicates"]:
        lines.append(
            f"{count['duplicates']} test materials seem to be training materials under another name: "
            "see duplicates.csv"
        )
    return "\n".join(lines)


def _per_material(spots: SpotLists, dropped: list[tuple[str, int, int]], split: pd.DataFrame) -> pd.DataFrame:
    """Return the split with the numbers of patterns, dropped patterns and spots of each material."""
    names = spots.material_id[spots.material]
    counts = pd.DataFrame({"material_id": names, "n_spots": np.diff(spots.offset)})
    counts = counts.groupby("material_id")["n_spots"].agg(n_patterns="size", n_spots="sum")
    counts["n_dropped"] = pd.Series([name for name, _, _ in dropped], dtype=object).value_counts()
    counts["n_dropped"] = counts["n_dropped"].fillna(0).astype(int)
    return split.merge(counts, left_on="material_id", right_index=True, validate="one_to_one")


def _part(materials: pd.DataFrame, part: str) -> tuple:
    rows = materials[materials["split"] == part]
    return part, len(rows), None, int(rows["n_patterns"].sum()), int(rows["n_dropped"].sum())


def _lost(stage: str, frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(stage=stage)[["material_id", "stage", "reason"]]
