"""The store of patterns: every beam of every pattern, in HDF5, readable with h5py alone.

Patterns differ in their number of beams, so the beams of all patterns lie one after the other in flat
arrays, and pattern p owns the beams ``offset[p]`` to ``offset[p + 1]``::

    import h5py
    with h5py.File(path) as file:
        p = 0
        m, orientation = file["patterns/material"][p], file["patterns/orientation"][p]
        beams = slice(*file["patterns/offset"][p : p + 2])
        hkl, intensity = file["beams/hkl"][beams], file["beams/intensity"][beams]
        qx, qy, qz = orientation @ file["materials/reciprocal"][m].T @ hkl.T
        material_id = file["materials/id"].asstr()[m]

====================  =========  =======  ==========================================================
dataset               shape      type     meaning
====================  =========  =======  ==========================================================
materials/id          (M,)       str      identifiers, sorted
materials/reciprocal  (M, 3, 3)  float64  rows: a*, b*, c* of the primitive cell [1/Å], crystal frame
patterns/material     (P,)       int32    index into materials/id; sorted by it, then by view
patterns/view         (P,)       int32    which of its material's zone axes
patterns/zone_axis    (P, 3)     float64  unit vector along which the electrons travel, crystal frame
patterns/orientation  (P, 3, 3)  float64  rows: the laboratory's x, y, z axes in the crystal frame
patterns/thickness    (P,)       float64  of the crystal [Å]
patterns/offset       (P+1,)     int64    where each pattern's beams begin and end
beams/hkl             (B, 3)     int16    indices in the reciprocal lattice of the primitive cell
beams/intensity       (B,)       float32  intensity; the incident beam before the crystal is 1
failed/id             (F,)       str      materials that could not be simulated, sorted
failed/reason         (F,)       str      and why
====================  =========  =======  ==========================================================

Positions are not stored, since they follow from the indices, and would be more than half of the file. The
direct beam is the one of hkl 000. The crystal frame is that of the material's standardised structure:
a along x, c* along z of the conventional cell. The root has the attributes ``format``
("edsym-patterns"), ``version`` (4) and ``settings`` (JSON).
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np

from edsym.hdf5 import check_values, create_dataset, create_store, open_store, read_text, write_text
from edsym.simulation.engines.interface import beam_positions
from edsym.simulation.run.results import FailedMaterial, SimulatedMaterial
from edsym.simulation.settings import SimulationSettings
from edsym.store_checks import LARGEST_Q, check_intensity, check_offset, check_patterns, read_failed

FORMAT = "edsym-patterns"
VERSION = 4

# name: (shape of one entry, type, shape of a chunk); shuffled and compressed by gzip at its fastest level
# (slower ones save a fiftieth). Columns of indices are apart, since each alone is half as long compressed.
_DATASETS = {
    "materials/reciprocal": ((3, 3), np.float64, (128, 3, 3)),
    "patterns/material": ((), np.int32, (4096,)),
    "patterns/view": ((), np.int32, (4096,)),
    "patterns/zone_axis": ((3,), np.float64, (1024, 3)),
    "patterns/orientation": ((3, 3), np.float64, (1024, 3, 3)),
    "patterns/thickness": ((), np.float64, (4096,)),
    "patterns/offset": ((), np.int64, (4096,)),
    "beams/hkl": ((3,), np.int16, (65536, 1)),
    "beams/intensity": ((), np.float32, (65536,)),
}


def write_patterns(
    path: str | Path, settings: SimulationSettings, results: Iterable[SimulatedMaterial | FailedMaterial]
) -> None:
    """Write patterns material by material, atomically: memory does not grow with their number.

    Parameters
    ----------
    path : str or Path
        The file.
    settings : SimulationSettings
        Kept in the file.
    results : iterable of SimulatedMaterial or FailedMaterial
        In the order of their identifiers.
    """
    ids, failed = [], []
    with create_store(path, FORMAT, VERSION, settings=settings.model_dump_json()) as file:
        # Held open: a dataset that is closed compresses its last chunk and unpacks it for the next append.
        datasets = {
            name: create_dataset(file, name, np.empty((0, *shape), dtype), chunk, level=1)
            for name, (shape, dtype, chunk) in _DATASETS.items()
        }
        _append(datasets["patterns/offset"], np.zeros(1))
        for result in results:
            if isinstance(result, FailedMaterial):
                failed.append(result)
                continue
            for name, values in _columns(result, len(ids), len(datasets["beams/intensity"])).items():
                _append(datasets[name], values)
            ids.append(result.material_id)
        write_text(file, "materials/id", ids)
        write_text(file, "failed/id", [result.material_id for result in failed])
        write_text(file, "failed/reason", [result.reason for result in failed])


@dataclass(frozen=True)
class PatternStore:
    """An open file of patterns: its columns, as the module's table tells, and access to the beams.

    Attributes
    ----------
    settings : dict
        Of the simulation.
    failed : list of (material_id, reason)
        Materials that could not be simulated.
    """

    settings: dict
    failed: list[tuple[str, str]]
    material_id: np.ndarray
    reciprocal: np.ndarray
    material: np.ndarray
    view: np.ndarray
    zone_axis: np.ndarray
    orientation: np.ndarray
    thickness: np.ndarray
    offset: np.ndarray
    _file: h5py.File

    def __len__(self) -> int:
        return len(self.material)

    def beams(self, patterns: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the beams of consecutive patterns, one after the other.

        Returns
        -------
        hkl : (B, 3) int16
            Indices.
        q : (B, 2) float64
            Positions along the laboratory's x and y, in 1/Å.
        intensity : (B,) float32
            Intensities; the incident beam before the crystal is 1.

        Raises
        ------
        InputError
            If a value is none that a beam can have.
        """
        offset = self.offset[patterns.start : patterns.stop + 1]
        hkl, intensity = (
            self._file[f"beams/{name}"][offset[0] : offset[-1]] for name in ("hkl", "intensity")
        )
        q = np.empty((len(hkl), 2))
        frames = self.reciprocal[self.material[patterns]], self.orientation[patterns]
        for (start, stop), *frame in zip(pairwise(offset - offset[0]), *frames, strict=True):
            q[start:stop] = beam_positions(hkl[start:stop], *frame)
        near = (np.abs(q) <= LARGEST_Q).all(axis=1)
        check_values(self._file, "beams/hkl", hkl, near, "|q| <= 100 1/Å", offset[0])
        check_intensity(self._file, "beams/intensity", intensity, offset[0])
        return hkl, q, intensity


@contextmanager
def open_patterns(path: str | Path) -> Iterator[PatternStore]:
    """Open a store of patterns for reading.

    Raises
    ------
    InputError
        If the file cannot be read, also later in the block, or holds what no simulation gives.
    """
    with open_store(path, FORMAT, VERSION) as file:
        columns = {name.partition("/")[2]: file[name][:] for name in _DATASETS if "beams" not in name}
        store = PatternStore(
            settings=json.loads(file.attrs["settings"]),
            failed=read_failed(file),
            material_id=read_text(file, "materials/id"),
            **columns,
            _file=file,
        )
        _check(store)
        yield store


def _check(store: PatternStore) -> None:
    file = store._file
    check_patterns(file, store.material_id, store.material, store.view, store.zone_axis)
    check_offset(file, store.offset, len(store), ["beams/hkl", "beams/intensity"])
    spread = np.abs(store.reciprocal).max(axis=(1, 2), initial=0)
    check_values(file, "materials/reciprocal", store.reciprocal, spread <= LARGEST_Q, "vectors of <= 100 1/Å")
    turned = store.orientation @ np.swapaxes(store.orientation, 1, 2)
    orthogonal = (np.abs(turned - np.eye(3)) < 1e-6).all(axis=(1, 2))
    check_values(file, "patterns/orientation", store.orientation, orthogonal, "three orthogonal unit vectors")
    check_values(file, "patterns/thickness", store.thickness, store.thickness > 0, "a positive number")


def _columns(result: SimulatedMaterial, material: int, n_beams: int) -> dict[str, np.ndarray]:
    """Return what the patterns of a material add to the datasets."""
    n_patterns = len(result.n_beams)
    return {
        "materials/reciprocal": result.reciprocal[None],
        "patterns/material": np.full(n_patterns, material),
        "patterns/view": np.arange(n_patterns),
        "patterns/zone_axis": result.orientation[:, 2],
        "patterns/orientation": result.orientation,
        "patterns/thickness": result.thickness,
        "patterns/offset": n_beams + np.cumsum(result.n_beams),
        "beams/hkl": result.hkl,
        "beams/intensity": result.intensity,
    }


def _append(dataset: h5py.Dataset, values: np.ndarray) -> None:
    dataset.resize(len(dataset) + len(values), axis=0)
    dataset[len(dataset) - len(values) :] = values
