"""The store of spot lists: ragged arrays in HDF5, readable with h5py alone.

Spot lists differ in length, so the spots of all patterns lie one after the other in flat arrays, and
pattern p owns the spots ``offset[p]`` to ``offset[p + 1]``::

    import h5py
    with h5py.File(path) as file:
        p = 0
        spots = slice(*file["patterns/offset"][p : p + 2])
        qx, qy, intensity = (file["spots"][name][spots] for name in ("qx", "qy", "intensity"))
        material_id = file["materials/id"].asstr()[file["patterns/material"][p]]

==================  =======  =======  =============================================================
dataset             shape    type     meaning
==================  =======  =======  =============================================================
materials/id        (M,)     str      identifiers, sorted; a material may have lost all its patterns
patterns/material   (P,)     int32    index into materials/id; patterns are sorted by it, then by view
patterns/view       (P,)     int32    which of its material's zone axes
patterns/zone_axis  (P, 3)   float64  unit vector in the crystal frame
patterns/offset     (P+1,)   int64    where each pattern's spots begin and end
spots/qx, spots/qy  (S,)     float32  position [1/Å] in the laboratory frame
spots/intensity     (S,)     float32  intensity; the incident beam is 1
dropped/material    (D,)     int32    patterns with too few spots: index into materials/id,
dropped/view        (D,)     int32    view,
dropped/n_spots     (D,)     int32    and how many spots there were
failed/id           (F,)     str      materials that could not be simulated,
failed/reason       (F,)     str      and why
==================  =======  =======  =============================================================

The root has the attributes ``format`` ("edsym-spots"), ``version`` (2) and ``settings`` (JSON).
"""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile

import h5py
import numpy as np

from edsym.errors import InputError
from edsym.hdf5 import check_values, create_dataset, create_store, open_store, read_text, write_text
from edsym.store_checks import LARGEST_Q, check_intensity, check_offset, check_patterns, read_failed

FORMAT = "edsym-spots"
VERSION = 2
SPOT_FIELDS = ("qx", "qy", "intensity")
# A column of this size or more is mapped from a file.
_MAPPED_BYTES = 2**28


@dataclass(frozen=True)
class SpotLists:
    """Spot lists of many patterns.

    Attributes
    ----------
    material_id : (M,) array of str
        Identifiers of the materials.
    material : (P,) array of int
        Index into `material_id` of each pattern.
    view : (P,) array of int
        Which view of its material each pattern is.
    offset : (P + 1,) array of int64
        Pattern p owns the spots ``offset[p]`` to ``offset[p + 1]``.
    qx, qy : (S,) array of float32
        Positions in 1/Å.
    intensity : (S,) array of float32
        Intensities; the incident beam is 1.
    """

    material_id: np.ndarray
    material: np.ndarray
    view: np.ndarray
    offset: np.ndarray
    qx: np.ndarray
    qy: np.ndarray
    intensity: np.ndarray

    def __len__(self) -> int:
        return len(self.material)

    def select(self, materials: Iterable[str]) -> "SpotLists":
        """Return the patterns of these materials, in the order of the store.

        Identifiers without a pattern here are left out, so that `material_id` lists the materials found.
        """
        wanted = np.isin(self.material_id, np.asarray(list(materials), dtype=str))
        chosen = self.take(np.flatnonzero(wanted[self.material]))
        present, material = np.unique(chosen.material, return_inverse=True)
        return replace(chosen, material_id=self.material_id[present], material=material)

    def rows(self, patterns: Iterable[int]) -> list[np.ndarray]:
        """Return the spots (n, 3) of some patterns as float64: qx, qy, intensity."""
        own = (slice(*self.offset[p : p + 2]) for p in patterns)
        columns = ([getattr(self, name)[part] for name in SPOT_FIELDS] for part in own)
        return [np.stack(three, axis=1).astype(np.float64) for three in columns]

    def take(self, patterns: np.ndarray) -> "SpotLists":
        """Return patterns by their indices (n,), in that order; `material_id` stays as it is."""
        patterns = np.asarray(patterns)
        start = self.offset[patterns]
        counts = self.offset[patterns + 1] - start
        spots = ragged_indices(start, counts)
        return SpotLists(
            material_id=self.material_id,
            material=self.material[patterns],
            view=self.view[patterns],
            offset=offsets(counts),
            **{name: getattr(self, name)[spots] for name in SPOT_FIELDS},
        )


def offsets(counts: np.ndarray) -> np.ndarray:
    """Return the (P + 1,) offsets of ragged rows of these (P,) lengths."""
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])


def ragged_indices(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the indices ``starts[p], starts[p] + 1, ...`` of all rows p, one row after the other."""
    begin = offsets(counts)
    return np.arange(begin[-1]) + np.repeat(starts - begin[:-1], counts)


def write_spots(
    path: str | Path,
    spots: SpotLists,
    zone_axis: np.ndarray,
    settings: dict,
    dropped: Sequence[tuple[int, int, int]] = (),
    failed: Sequence[tuple[str, str]] = (),
) -> None:
    """Write one shard of spot lists, atomically.

    Parameters
    ----------
    path : str or Path
        The file.
    spots : SpotLists
        The patterns, sorted by material, then view.
    zone_axis : (P, 3) array
        Zone axes of the patterns, as unit vectors in the crystal frame.
    settings : dict
        The settings that the spots were made with.
    dropped : sequence of (material, view, n_spots)
        Patterns with too few spots; `material` is an index into ``spots.material_id``.
    failed : sequence of (material_id, reason)
        Materials that could not be simulated.
    """
    lost = np.asarray(dropped, dtype=np.int32).reshape(-1, 3)
    with create_store(path, FORMAT, VERSION, settings=json.dumps(settings, sort_keys=True)) as file:
        write_text(file, "materials/id", spots.material_id)
        _write(file, "patterns/material", spots.material, np.int32)
        _write(file, "patterns/view", spots.view, np.int32)
        _write(file, "patterns/zone_axis", np.reshape(zone_axis, (-1, 3)), np.float64)
        _write(file, "patterns/offset", spots.offset, np.int64)
        for name in SPOT_FIELDS:
            _write(file, f"spots/{name}", getattr(spots, name), np.float32)
        for name, column in zip(("material", "view", "n_spots"), lost.T, strict=True):
            _write(file, f"dropped/{name}", column, np.int32)
        write_text(file, "failed/id", [name for name, _ in failed])
        write_text(file, "failed/reason", [reason for _, reason in failed])


def read_spots(paths: Iterable[str | Path], materials: Iterable[str] | None = None) -> SpotLists:
    """Read shards into one, sorted by material_id, then view, whatever the sharding.

    Many spots are not kept in memory but mapped from a temporary file (in `TMPDIR`), which goes with them.

    Parameters
    ----------
    paths : iterable of str or Path
        The shards, in any order.
    materials : iterable of str, optional
        Read the patterns of these materials alone. `material_id` then lists those that have a pattern.

    Returns
    -------
    SpotLists
        All their patterns.

    Raises
    ------
    InputError
        If no file is given, if one is unreadable, not a store of spots or inconsistent, or if two
        hold the same material.
    """
    paths = _listed(paths)
    tables = [_read_patterns(path) for path in paths]
    merged = _merged_ids(paths, [ids for ids, _, _, _ in tables])
    wanted = np.ones(len(merged), bool) if materials is None else np.isin(merged, list(materials))
    places = [np.searchsorted(merged, ids)[index] for ids, index, _, _ in tables]
    kept = [np.flatnonzero(wanted[place]) for place in places]

    material = np.concatenate([place[k] for place, k in zip(places, kept, strict=True)])
    view = np.concatenate([view[k] for (_, _, view, _), k in zip(tables, kept, strict=True)])
    counts = np.concatenate([np.diff(offset)[k] for (*_, offset), k in zip(tables, kept, strict=True)])
    order = np.lexsort((view, material))
    offset = offsets(counts[order])
    start = np.empty(len(order), dtype=np.int64)
    start[order] = offset[:-1]

    fields = {name: _spot_array(offset[-1]) for name in SPOT_FIELDS}
    starts = np.split(start, np.cumsum([len(k) for k in kept])[:-1])
    for path, (*_, local), k, begin in zip(paths, tables, kept, starts, strict=True):
        sizes = np.diff(local)[k]
        _copy_spots(path, ragged_indices(local[k], sizes), ragged_indices(begin, sizes), fields)
    if materials is not None:
        present, material = np.unique(material, return_inverse=True)
        merged = merged[present]
    return SpotLists(merged, material[order], view[order], offset, **fields)


def materials_with_patterns(paths: Iterable[str | Path]) -> np.ndarray:
    """Return the sorted identifiers of all materials that have a pattern, without reading the spots.

    Raises
    ------
    InputError
        As `read_spots`.
    """
    paths = _listed(paths)
    tables = [_read_patterns(path) for path in paths]
    return _merged_ids(paths, [ids[np.unique(material)] for ids, material, _, _ in tables])


def read_failures(paths: Iterable[str | Path]) -> tuple[list[tuple[str, int, int]], list[tuple[str, str]]]:
    """Return what is missing from shards: dropped patterns and failed materials.

    Returns
    -------
    dropped : list of (material_id, view, n_spots)
        Patterns with too few spots, sorted.
    failed : list of (material_id, reason)
        Materials that could not be simulated, sorted.
    """
    dropped, failed = [], []
    for path in map(Path, paths):
        with open_store(path, FORMAT, VERSION) as file:
            names = read_text(file, "materials/id")[file["dropped/material"][:]]
            columns = (file[f"dropped/{name}"][:].tolist() for name in ("view", "n_spots"))
            dropped += zip(names.tolist(), *columns, strict=True)
            failed += read_failed(file)
    return sorted(dropped), sorted(failed)


def _listed(paths: Iterable[str | Path]) -> list[Path]:
    listed = [Path(path) for path in paths]
    if not listed:
        raise InputError("no files of spots were given")
    return listed


def _read_patterns(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return material_id, material, view and offset of one shard, checked."""
    with open_store(path, FORMAT, VERSION) as file:
        ids = read_text(file, "materials/id")
        material, view, zone_axis, offset = (
            file[f"patterns/{name}"][:] for name in ("material", "view", "zone_axis", "offset")
        )
        check_patterns(file, ids, material, view, zone_axis)
        check_offset(file, offset, len(material), [f"spots/{name}" for name in SPOT_FIELDS])
    return ids, material, view, offset


def _merged_ids(paths: list[Path], ids: list[np.ndarray]) -> np.ndarray:
    """Return the identifiers of all shards, sorted, none twice."""
    merged, counts = np.unique(np.concatenate(ids), return_counts=True)
    if (counts > 1).any():
        name = merged[counts > 1][0]
        where = ", ".join(str(path) for path, found in zip(paths, ids, strict=True) if name in found)
        raise InputError(f"material {name} occurs more than once in {where}; each belongs to one shard")
    return merged


def _spot_array(size: int) -> np.ndarray:
    """Return an array for so many spots; a large one lies in a file that vanishes with it.

    What lies in a file, the system can drop from memory.
    """
    n_bytes = 4 * int(size)
    if n_bytes < max(1, _MAPPED_BYTES):  # nothing cannot be mapped
        return np.empty(size, np.float32)
    with TemporaryFile() as file:
        os.posix_fallocate(file.fileno(), 0, n_bytes)  # a full disk is told now, not by a signal later
        return np.asarray(np.memmap(file, np.float32, "r+", shape=(size,)))


def _copy_spots(path: Path, sources: np.ndarray, targets: np.ndarray, fields: dict[str, np.ndarray]) -> None:
    """Copy spots of one shard to their places in the merged arrays."""
    with open_store(path, FORMAT, VERSION) as file:
        for name, target in fields.items():
            values = file[f"spots/{name}"][:]
            if name == "intensity":
                check_intensity(file, "spots/intensity", values)
            else:
                good = np.abs(values) <= LARGEST_Q
                check_values(file, f"spots/{name}", values, good, f"-{LARGEST_Q:g} to {LARGEST_Q:g} 1/Å")
            target[targets] = values[sources]


def _write(file: h5py.File, name: str, values: np.ndarray, dtype: type) -> None:
    create_dataset(file, name, np.asarray(values, dtype=dtype))
