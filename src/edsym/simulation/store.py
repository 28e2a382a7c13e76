"""The store of patterns: every beam of every pattern, in HDF5, readable with h5py alone.

Patterns differ in their number of beams, so the beams of all patterns lie one after the other in flat
arrays, and pattern p owns the beams ``offset[p]`` to ``offset[p + 1]``::

    import h5py
    with h5py.File(path) as file:
        p = 0
        beams = slice(*file["patterns/offset"][p : p + 2])
        hkl, q, intensity = (file["beams"][name][beams] for name in ("hkl", "q", "intensity"))
        material_id = file["materials/id"].asstr()[file["patterns/material"][p]]

====================  =========  =======  ==========================================================
dataset               shape      type     meaning
====================  =========  =======  ==========================================================
materials/id          (M,)       str      identifiers, sorted
patterns/material     (P,)       int32    index into materials/id; sorted by it, then by view
patterns/view         (P,)       int32    which of its material's zone axes
patterns/zone_axis    (P, 3)     float64  unit vector along which the electrons travel, crystal frame
patterns/orientation  (P, 3, 3)  float64  rows: the laboratory's x, y, z axes in the crystal frame
patterns/offset       (P+1,)     int64    where each pattern's beams begin and end
beams/hkl             (B, 3)     int16    indices in the reciprocal lattice of the primitive cell
beams/q               (B, 2)     float32  position [1/Å] along the laboratory's x and y
beams/intensity       (B,)       float32  intensity; the incident beam before the crystal is 1
failed/id             (F,)       str      materials that could not be simulated, sorted
failed/reason         (F,)       str      and why
====================  =========  =======  ==========================================================

The direct beam is the one of hkl 000. The crystal frame is that of the material's standardised structure:
a along x, c* along z of the conventional cell. The root has the attributes ``format``
("edsym-patterns"), ``version`` (1) and ``settings`` (JSON).
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import h5py
import numpy as np

from edsym.errors import InputError
from edsym.simulation.engine import Pattern
from edsym.simulation.settings import SimulationSettings

FORMAT = "edsym-patterns"
VERSION = 1

# name: (shape of one entry, type, entries in a chunk); shuffled and compressed by gzip at its fastest level.
_TEXT = h5py.string_dtype()
_DATASETS = {
    "materials/id": ((), _TEXT, 1024),
    "patterns/material": ((), np.int32, 4096),
    "patterns/view": ((), np.int32, 4096),
    "patterns/zone_axis": ((3,), np.float64, 1024),
    "patterns/orientation": ((3, 3), np.float64, 1024),
    "patterns/offset": ((), np.int64, 4096),
    "beams/hkl": ((3,), np.int16, 32768),
    "beams/q": ((2,), np.float32, 32768),
    "beams/intensity": ((), np.float32, 65536),
    "failed/id": ((), _TEXT, 256),
    "failed/reason": ((), _TEXT, 256),
}


@dataclass(frozen=True)
class MaterialPatterns:
    """The patterns of one material.

    Attributes
    ----------
    material_id : str
        Identifier.
    view : (n,) int
        Number of each pattern.
    orientation : (n, 3, 3) float64
        Rows are the laboratory's axes in the crystal frame; the last is the zone axis.
    patterns : list of Pattern
        Of length n.
    """

    material_id: str
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
                chunks=(chunk, *shape),
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

    def add(self, material_id: str, orientations: np.ndarray, patterns: Sequence[Pattern]) -> None:
        """Append the patterns of one material; materials come in the order of their identifiers."""
        n_materials, n_beams = len(self._datasets["materials/id"]), len(self._datasets["beams/intensity"])
        self._append("materials/id", [material_id])
        self._append("patterns/material", np.full(len(patterns), n_materials))
        self._append("patterns/view", np.arange(len(patterns)))
        self._append("patterns/zone_axis", orientations[:, 2])
        self._append("patterns/orientation", orientations)
        self._append("patterns/offset", n_beams + np.cumsum([p.intensity.size for p in patterns]))
        for name in ("hkl", "q", "intensity"):
            self._append(f"beams/{name}", np.concatenate([getattr(p, name) for p in patterns]))

    def fail(self, material_id: str, reason: str) -> None:
        """List a material that could not be simulated."""
        self._append("failed/id", [material_id])
        self._append("failed/reason", [reason])

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
    with open_patterns(path) as file:
        material, offset = file["patterns/material"][:], file["patterns/offset"][:]
        first = np.searchsorted(material, np.arange(len(file["materials/id"]) + 1))
        for i, material_id in enumerate(file["materials/id"].asstr()[:]):
            start, stop = first[i], first[i + 1]
            yield MaterialPatterns(
                material_id=material_id,
                view=file["patterns/view"][start:stop],
                orientation=file["patterns/orientation"][start:stop],
                patterns=_read_beams(file["beams"], offset[start : stop + 1]),
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


def _read_beams(group: h5py.Group, offset: np.ndarray) -> list[Pattern]:
    if len(offset) < 2:
        return []
    hkl, q, intensity = (group[name][offset[0] : offset[-1]] for name in ("hkl", "q", "intensity"))
    inner = offset[1:-1] - offset[0]
    parts = (np.split(values, inner) for values in (hkl, q, intensity))
    return [Pattern(h, q, i, int(np.flatnonzero(~h.any(axis=1))[0])) for h, q, i in zip(*parts, strict=True)]
