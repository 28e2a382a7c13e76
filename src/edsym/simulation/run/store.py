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
patterns/offset       (P+1,)     int64    where each pattern's beams begin and end
beams/hkl             (B, 3)     int16    indices in the reciprocal lattice of the primitive cell
beams/intensity       (B,)       float32  intensity; the incident beam before the crystal is 1
failed/id             (F,)       str      materials that could not be simulated, sorted
failed/reason         (F,)       str      and why
====================  =========  =======  ==========================================================

Positions are not stored, since they follow from the indices, and would be more than half of the file. The
direct beam is the one of hkl 000. The crystal frame is that of the material's standardised structure:
a along x, c* along z of the conventional cell. The root has the attributes ``format``
("edsym-patterns"), ``version`` (2) and ``settings`` (JSON).
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import h5py
import numpy as np

from edsym.errors import InputError
from edsym.simulation.engines.interface import Pattern
from edsym.simulation.run.results import FailedMaterial, SimulatedMaterial, beam_positions
from edsym.simulation.settings import SimulationSettings

FORMAT = "edsym-patterns"
VERSION = 2

# name: (shape of one entry, type, shape of a chunk); shuffled and compressed by gzip at its fastest level
# (slower ones save a fiftieth). Columns of indices are apart, since each alone is half as long compressed.
_TEXT = h5py.string_dtype()
_DATASETS = {
    "materials/id": ((), _TEXT, (1024,)),
    "materials/reciprocal": ((3, 3), np.float64, (128, 3, 3)),
    "patterns/material": ((), np.int32, (4096,)),
    "patterns/view": ((), np.int32, (4096,)),
    "patterns/zone_axis": ((3,), np.float64, (1024, 3)),
    "patterns/orientation": ((3, 3), np.float64, (1024, 3, 3)),
    "patterns/offset": ((), np.int64, (4096,)),
    "beams/hkl": ((3,), np.int16, (65536, 1)),
    "beams/intensity": ((), np.float32, (65536,)),
    "failed/id": ((), _TEXT, (256,)),
    "failed/reason": ((), _TEXT, (256,)),
}


@dataclass(frozen=True)
class MaterialPatterns:
    """The patterns of one material.

    Attributes
    ----------
    material_id : str
        Identifier.
    reciprocal : (3, 3) float64
        Row vectors of the reciprocal lattice of the primitive cell in the crystal frame, in 1/Å.
    view : (n,) int
        Number of each pattern.
    orientation : (n, 3, 3) float64
        Rows are the laboratory's axes in the crystal frame; the last is the zone axis.
    patterns : list of Pattern
        Of length n.
    """

    material_id: str
    reciprocal: np.ndarray
    view: np.ndarray
    orientation: np.ndarray
    patterns: list[Pattern]


class PatternWriter:
    """Writes patterns material by material: memory does not grow with their number.

    Parameters
    ----------
    path : str or Path
        A new file.
    settings : SimulationSettings
        Kept in the file.
    """

    def __init__(self, path: str | Path, settings: SimulationSettings):
        self._file = h5py.File(path, "w")
        self._file.attrs.update(format=FORMAT, version=VERSION, settings=json.dumps(asdict(settings)))
        # Held open: a dataset that is closed compresses its last chunk and unpacks it for the next append.
        self._datasets = {
            name: self._file.create_dataset(
                name,
                shape=(0, *shape),
                maxshape=(None, *shape),
                chunks=chunk,
                dtype=dtype,
                compression="gzip",
                compression_opts=1,
                shuffle=True,
            )
            for name, (shape, dtype, chunk) in _DATASETS.items()
        }
        self._append("patterns/offset", np.zeros(1))

    def __enter__(self) -> "PatternWriter":
        return self

    def __exit__(self, *_) -> None:
        self._file.close()

    def add(self, result: SimulatedMaterial | FailedMaterial) -> None:
        """Append a material; they come in the order of their identifiers."""
        if isinstance(result, FailedMaterial):
            self._append("failed/id", [result.material_id])
            self._append("failed/reason", [result.reason])
            return
        n_materials, n_beams = len(self._datasets["materials/id"]), len(self._datasets["beams/intensity"])
        n_patterns = len(result.n_beams)
        self._append("materials/id", [result.material_id])
        self._append("materials/reciprocal", result.reciprocal[None])
        self._append("patterns/material", np.full(n_patterns, n_materials))
        self._append("patterns/view", np.arange(n_patterns))
        self._append("patterns/zone_axis", result.orientation[:, 2])
        self._append("patterns/orientation", result.orientation)
        self._append("patterns/offset", n_beams + np.cumsum(result.n_beams))
        self._append("beams/hkl", result.hkl)
        self._append("beams/intensity", result.intensity)

    def _append(self, name: str, values) -> None:
        dataset = self._datasets[name]
        dataset.resize(len(dataset) + len(values), axis=0)
        dataset[len(dataset) - len(values) :] = values


def read_patterns(path: str | Path) -> Iterator[MaterialPatterns]:
    """Read the patterns of a file, one material at a time.

    Raises
    ------
    InputError
        If the file cannot be read or is not a store of patterns.
    """
    try:
        yield from _read_patterns(path)
    except (LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error}): expected a store of patterns") from error


def _read_patterns(path: str | Path) -> Iterator[MaterialPatterns]:
    with open_patterns(path) as file:
        material, offset = file["patterns/material"][:], file["patterns/offset"][:]
        first = np.searchsorted(material, np.arange(len(file["materials/id"]) + 1))
        for i, material_id in enumerate(file["materials/id"].asstr()[:]):
            mine = slice(first[i], first[i + 1])
            reciprocal, orientation = file["materials/reciprocal"][i], file["patterns/orientation"][mine]
            yield MaterialPatterns(
                material_id=material_id,
                reciprocal=reciprocal,
                view=file["patterns/view"][mine],
                orientation=orientation,
                patterns=_read_beams(
                    file["beams"], offset[mine.start : mine.stop + 1], reciprocal, orientation
                ),
            )


def read_failures(path: str | Path) -> list[tuple[str, str]]:
    """Return identifiers and reasons of the materials that could not be simulated.

    Raises
    ------
    InputError
        If the file cannot be read or is not a store of patterns.
    """
    with open_patterns(path) as file:
        return list(zip(file["failed/id"].asstr()[:], file["failed/reason"].asstr()[:], strict=True))


def open_patterns(path: str | Path) -> h5py.File:
    """Open a store of patterns for reading.

    Raises
    ------
    InputError
        If the file cannot be read or is not a store of patterns.
    """
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise InputError(f"{path}: cannot be read as HDF5 ({error})") from error
    found = file.attrs.get("format"), file.attrs.get("version")
    missing = [name for name in _DATASETS if name not in file]
    if found != (FORMAT, VERSION) or missing:
        file.close()
        reason = f"lacks {', '.join(missing)}" if found == (FORMAT, VERSION) else f"is {found[0]}, {found[1]}"
        raise InputError(
            f"{path}: expected a store of patterns ({FORMAT}, version {VERSION}), but it {reason}"
        )
    return file


def _read_beams(
    group: h5py.Group, offset: np.ndarray, reciprocal: np.ndarray, orientation: np.ndarray
) -> list[Pattern]:
    if len(offset) < 2:
        return []
    hkl, intensity = (group[name][offset[0] : offset[-1]] for name in ("hkl", "intensity"))
    local = offset - offset[0]
    reciprocals = np.broadcast_to(reciprocal, orientation.shape)
    q = beam_positions(hkl, reciprocals, orientation, local).astype(np.float32)
    parts = (np.split(values, local[1:-1]) for values in (hkl, q, intensity))
    return [Pattern(h, q, i, int(np.flatnonzero(~h.any(axis=1))[0])) for h, q, i in zip(*parts, strict=True)]
