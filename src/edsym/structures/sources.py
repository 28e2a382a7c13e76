"""From the configured source to the table of materials."""

import logging
import re
from pathlib import Path
from pkgutil import resolve_name

import numpy as np
import pandas as pd
from tqdm import tqdm

from edsym.errors import InputError, MaterialError
from edsym.seeds import stable_hash
from edsym.structures.checks import printable
from edsym.structures.settings import StructuresSettings
from edsym.structures.source import (
    SOURCES,
    Material,
    Rejection,
    Source,
    cell_formula,
    write_rejections,
)
from edsym.structures.standard import primitive, spacegroup_number
from edsym.structures.table import existing_table, write_materials
from edsym.symmetry import crystal_system

_LOG = logging.getLogger(__name__)


def collect_structures(
    settings: StructuresSettings,
    materials_path: str | Path,
    rejected_path: str | Path,
    cache_dir: str | Path,
) -> None:
    """Write the table of materials of a source, and the list of those that cannot be used.

    With ``settings.limit`` a subset of the source's ids is drawn before anything is downloaded or
    read; unusable ones among them are not replaced. The subset depends on the seed and the ids
    only, and a larger limit adds to a smaller one.

    Parameters
    ----------
    settings : StructuresSettings
    materials_path : str or Path
        The table (`edsym.structures.table`), with source, version and date as metadata.
    rejected_path : str or Path
        CSV: material_id, formula, reason.
    cache_dir : str or Path
        Where the answers of the database are kept, so that an interrupted query goes on.

    Raises
    ------
    InputError
        If the source cannot be read at all, or nothing usable is in it.
    """
    source = open_source(settings, cache_dir)
    ids = subset(source.ids(), settings.limit, settings.seed)
    items = tqdm(source.read(ids), total=len(ids), desc="structures", unit="material")
    results = [_finish(item, source.reduces) for item in items]
    rows = [result for result in results if isinstance(result, dict)]
    rejections = [result for result in results if isinstance(result, Rejection)]
    write_rejections(rejections, rejected_path)
    if not rows:
        raise InputError(f"structures.source {settings.source}: nothing usable: {_summary(rejections)}")
    relabelled = _relabelled(rows)
    if rejections:
        _LOG.warning("%d structures cannot be used: %s", len(rejections), _summary(rejections))
    about = {"source": settings.source, "relabelled": len(relabelled), **source.metadata()}
    write_materials(pd.DataFrame(rows), materials_path, about)


def open_source(settings: StructuresSettings, cache_dir: str | Path) -> Source:
    """Return the configured source; what only it needs is imported here."""
    source = resolve_name(SOURCES[settings.source])
    match settings.source:
        case "materials_project":
            return source(Path(cache_dir), settings.chunk_size, settings.retries)
        case "snapshot" | "cif":
            return source(settings.path)
    return source()


def source_files(settings: StructuresSettings) -> list[Path]:
    """Return the files that the configured source reads: the table, the CIF files, or none.

    Raises
    ------
    InputError
        If nothing is at ``settings.path``.
    """
    if settings.source == "cif":
        return resolve_name("edsym.structures.cif:cif_files")(settings.path)
    if settings.source == "snapshot":
        return [existing_table(settings.path)]
    return []


def subset(ids: list[str], limit: int | None, seed: int) -> list[str]:
    """Return `limit` ids in an order that is random, but the same for the same seed and ids anywhere."""
    ranked = sorted(ids, key=lambda material_id: (stable_hash(seed, "limit", material_id), material_id))
    return ranked[:limit]


def _finish(item: Material | Rejection, reduce: bool) -> dict | Rejection:
    if isinstance(item, Rejection):
        return item
    try:
        return _row(item, reduce)
    except MaterialError as error:
        return Rejection(item.material_id, item.formula, str(error))


def _row(material: Material, reduce: bool) -> dict:
    lattice, numbers, formula = material.lattice, material.numbers, material.formula
    if reduce:
        cell = primitive(lattice, numbers, material.frac_coords)
        lattice, numbers, number = cell.lattice, cell.numbers, cell.spacegroup_number
        coords, formula = np.asarray(cell.frac_coords, dtype=np.float32), cell_formula(numbers)
    else:
        # The group is that of the numbers as they are stored, so that reading them again finds the same.
        coords = np.asarray(material.frac_coords, dtype=np.float32)
        number = spacegroup_number(lattice, numbers, coords)
    return {
        "material_id": material.material_id,
        "formula": formula,
        "spacegroup_number": number,
        "crystal_system": crystal_system(number),
        "volume": float(abs(np.linalg.det(lattice))),
        "nsites": len(numbers),
        "lattice": np.ravel(lattice),
        "numbers": numbers,
        "frac_coords": coords.ravel(),
        "stated_number": material.stated_number,
    }


def _relabelled(rows: list[dict]) -> list[str]:
    """Return the materials that have another space group than their source states, and log them."""
    found = sorted(
        row["material_id"] for row in rows if row["stated_number"] not in (None, row["spacegroup_number"])
    )
    if found:
        _LOG.warning(
            "%d of %d materials have another space group than their table states, the first: %s",
            len(found),
            len(rows),
            ", ".join(found[:5]),
        )
    return found


def _summary(rejections: list[Rejection]) -> str:
    """Return how often each kind of reason occurs, each with its first reason."""
    kinds: dict[str, list[Rejection]] = {}
    for rejection in sorted(rejections, key=lambda r: r.material_id):
        kind = re.sub(r"""'[^']*'|"[^"]*"|\S*\d\S*""", "", rejection.reason)  # less values and names
        kinds.setdefault(kind, []).append(rejection)
    common = sorted(kinds.values(), key=len, reverse=True)
    texts = [
        f"{len(kind)} × such as {printable(kind[0].material_id)}: {kind[0].reason}" for kind in common[:5]
    ]
    if rest := common[5:]:
        texts.append(f"{sum(map(len, rest))} for {len(rest)} other reasons")
    return "; ".join(texts) or "the source is empty"
