"""Reflections of many crystals in one HDF5 file, and in flat arrays that compiled code reads."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import pandas as pd
from tqdm import tqdm

from edsym.errors import InputError, MaterialError
from edsym.files import atomic_path
from edsym.hdf5 import create_dataset, create_store, open_store, read_text, write_text
from edsym.powder.reflections import Reflections, reflections
from edsym.powder.relatives import relatives
from edsym.powder.settings import PowderSettings
from edsym.structures.kinship import prototype
from edsym.structures.standard import standardize
from edsym.structures.table import read_materials
from edsym.symmetry import system_index

FORMAT, VERSION = "edsym-powder-reflections", 2


class Lines(NamedTuple):
    """Reflections of M crystals one after another, see `edsym.powder.reflections.Reflections`.

    Attributes
    ----------
    hkl : (R, 3) int8
    intensity : (R,) float32
    line : (L + M,) int64
        The first reflection of each line and, after the lines of each crystal, where they end.
    offset : (M + 1,) int64
        Where the lines of each crystal start in `line`.
    reciprocal : (M, 3, 3) float64
        Row vectors a*, b*, c* in 1/Å.
    system : (M,) int64
        Index of the crystal system, which strains keep.
    """

    hkl: np.ndarray
    intensity: np.ndarray
    line: np.ndarray
    offset: np.ndarray
    reciprocal: np.ndarray
    system: np.ndarray

    def first(self, count: int) -> "Lines":
        """Return those of the first crystals."""
        offset = self.offset[: count + 1]
        return self._replace(
            line=self.line[: offset[-1]],
            offset=offset,
            reciprocal=self.reciprocal[:count],
            system=self.system[:count],
        )


def joined(crystals: Iterable[Reflections], spacegroup_number: np.ndarray) -> Lines:
    """Return the reflections of crystals with these space groups (M,) as flat arrays."""
    crystals = list(crystals)
    starts = np.cumsum([0] + [len(one.hkl) for one in crystals])
    return Lines(
        np.concatenate([one.hkl for one in crystals]),
        np.concatenate([one.intensity for one in crystals]),
        np.concatenate([one.line + start for one, start in zip(crystals, starts[:-1], strict=True)]),
        np.cumsum([0] + [len(one.line) for one in crystals]),
        np.stack([one.reciprocal for one in crystals]),
        system_index(spacegroup_number).astype(np.int64),
    )


def write_reflections(
    materials_path: str | Path,
    output_path: str | Path,
    rejected_path: str | Path,
    settings: PowderSettings,
    progress: bool = False,
) -> None:
    """Compute the reflections of all materials of a table and write them to one file.

    Parameters
    ----------
    materials_path : str or Path
        Table of materials, see `edsym.structures.table`.
    output_path : str or Path
        The HDF5 file, by ascending material_id; after all materials their first relatives, and so on.
    rejected_path : str or Path
        CSV of materials that cannot be used: material_id, reason.
    settings : PowderSettings
        Wavelength, end of the axis and B; relatives.
    progress : bool
        Whether to show a progress bar.

    Raises
    ------
    InputError
        If the table is wrong, or no material can be used.
    """
    frame = read_materials(materials_path)
    rejected: list[tuple[str, str]] = []
    rows = tqdm(frame.itertuples(), "reflections", len(frame), unit="material", disable=not progress)
    # elements as often as materials have them
    abundance = np.bincount(np.concatenate([np.unique(numbers) for numbers in frame.numbers]), minlength=119)
    found = list(_each(rows, abundance, settings, rejected))
    with atomic_path(rejected_path) as temporary:
        pd.DataFrame(rejected, columns=["material_id", "reason"]).to_csv(temporary, index=False)
    if not found:
        raise InputError(f"{materials_path}: no material has reflections; the first: {rejected[0][1]}")
    ids, prototypes, groups, crystals = zip(*found, strict=True)
    # a material and its relatives stand together in `crystals`
    in_order = [one for kin in zip(*crystals, strict=True) for one in kin]
    lines = joined(in_order, np.tile(groups, len(crystals[0])))
    with create_store(output_path, FORMAT, VERSION) as file:
        write_text(file, "material_id", ids)
        write_text(file, "prototype", prototypes)
        create_dataset(file, "spacegroup_number", np.array(groups, np.uint8))
        for name in ("hkl", "intensity", "line", "offset", "reciprocal"):
            create_dataset(file, name, getattr(lines, name))


def _each(
    rows, abundance: np.ndarray, settings: PowderSettings, rejected: list
) -> Iterator[tuple[str, str, int, list[Reflections]]]:
    """Yield id, prototype, space group, and the reflections of each material and of its relatives."""
    for row in rows:
        try:
            cell = standardize(row.lattice.reshape(3, 3), row.numbers, row.frac_coords.reshape(-1, 3))
            kin = prototype(cell)
            crystals = [cell, *relatives(cell, abundance, settings, row.material_id)]
            found = [reflections(one, settings) for one in crystals]
            if not all(len(one.hkl) for one in found):
                raise MaterialError("no reflection on the axis of powder patterns")
        except MaterialError as error:
            rejected.append((row.material_id, str(error)))
            continue
        yield row.material_id, kin, cell.spacegroup_number, found


class PowderStore:
    """The reflections of a file.

    Attributes
    ----------
    material_id, prototype : (M,) arrays of str
    spacegroup_number : (M,) array of int
    lines : Lines
        Of the materials.
    lines_with_relatives : Lines
        Of the materials and after them of their relatives: that of material m are m + M, m + 2 M, ...
    relatives : int
        How many relatives each material has.
    """

    def __init__(self, path: str | Path):
        with open_store(path, FORMAT, VERSION) as file:
            self.material_id, self.prototype = read_text(file, "material_id"), read_text(file, "prototype")
            self.spacegroup_number = file["spacegroup_number"][:].astype(np.int64)
            arrays = [file[name][:] for name in ("hkl", "intensity", "line", "offset", "reciprocal")]
            self.relatives = len(arrays[-1]) // len(self) - 1
            system = np.tile(system_index(self.spacegroup_number), 1 + self.relatives).astype(np.int64)
            self.lines_with_relatives = Lines(*arrays, system)
            _check(file, self.lines_with_relatives)
            self.lines = self.lines_with_relatives.first(len(self))

    def __len__(self) -> int:
        return len(self.material_id)


def _check(file: h5py.File, lines: Lines) -> None:
    """Raise unless the offsets are within their arrays: compiled code does not look."""
    ends = (lines.offset[0], lines.offset[-1], lines.line[0], lines.line[-1])
    wanted = (0, len(lines.line), 0, len(lines.hkl))
    if ends != wanted or (np.diff(lines.offset) < 2).any() or (np.diff(lines.line) < 0).any():
        raise InputError(f"{file.filename}: offset and line end at {ends}, expected {wanted}, ascending")
