"""Lists of spots in files, of XDS, PETS, py4DSTEM and edsym itself, in pixels of the detector."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from edsym.errors import InputError

_PETS_COLUMNS, _XDS_COLUMNS = 12, (4, 5, 7, 8)
_BRAGG = ("qx", "qy", "intensity")


@dataclass(frozen=True)
class SpotList:
    """Spots in pixels; x counts columns, y rows.

    Attributes
    ----------
    pattern : (S,) array of int
        Which pattern each spot is of.
    xy : (S, 2) array
        Positions as the program counts pixels.
    intensity : (S,) array
        In counts of the detector.
    center : (2,) or (S, 2) array, or None
        Where the direct beam is, if the file or one beside it tells.
    scale : float or None
        1/Å of a pixel, if it is told.
    """

    pattern: np.ndarray
    xy: np.ndarray
    intensity: np.ndarray
    center: np.ndarray | None = None
    scale: float | None = None


def reader_of(path: str | Path) -> Callable[[Path], SpotList] | None:
    """Return what reads this file by its name or its content, or None for any other format."""
    path = Path(path)
    if path.suffix.lower() == ".xds":
        return read_xds
    if path.suffix.lower() in (".rpl", ".cor"):
        return read_pets
    return read_bragg_peaks if path.is_file() and h5py.is_hdf5(path) else None


def read_xds(path: Path) -> SpotList:
    """Return the spots of SPOT.XDS, by frame; it tells neither centre nor scale."""
    table = _table(path, _XDS_COLUMNS, "SPOT.XDS")
    frame = np.maximum(np.ceil(table[:, 2]), 1).astype(int)
    return SpotList(frame, table[:, :2], table[:, 3])


def read_pets(path: Path) -> SpotList:
    """Return the spots of a .rpl or .cor file of PETS, with centre and scale of the .pts file beside it."""
    table = _table(path, (_PETS_COLUMNS,), "a list of PETS")
    center, scale = None, None
    project = path.with_suffix(".pts")
    if project.is_file():
        text = project.read_text(encoding="utf-8", errors="replace")
        found = {key: re.search(rf"^\s*{key}\s+(.+)$", text, re.M | re.I) for key in ("center", "aperpixel")}
        numbers = {key: re.findall(r"[-+.\deE]+", match[1]) for key, match in found.items() if match}
        try:
            center = np.array(numbers["center"][:2], float) if len(numbers.get("center", ())) > 1 else None
            scale = float(numbers["aperpixel"][0]) if numbers.get("aperpixel") else None
        except ValueError:
            raise InputError(f"{project}: center or aperpixel is not a number") from None
    return SpotList(table[:, 11].astype(int), table[:, 7:9], table[:, 3], center, scale)


def read_bragg_peaks(path: Path) -> SpotList:
    """Return the Bragg peaks of a py4DSTEM file, scan position by scan position, in raw pixels.

    What py4DSTEM calls x is the row of the pattern, here y.
    """
    with h5py.File(path, "r") as file:
        found = _find(file, lambda item: _fields(item) == set(_BRAGG))
        if not found:
            raise InputError(f"{path}: no Bragg peaks of py4DSTEM in it")
        if len(found) > 1:
            raw = [item for item in found if "uncal" in item.name]
            found = raw if len(raw) == 1 else found
        if len(found) > 1:
            raise InputError(f"{path}: several lists of Bragg peaks: {', '.join(i.name for i in found)}")
        lists = found[0][:].ravel()
        center, scale = _py4dstem_center(file, found[0].shape), _py4dstem_scale(file)
    counts = [len(one) for one in lists]
    pattern = np.repeat(np.arange(len(lists)), counts)
    columns = {
        name: np.concatenate([np.empty(0), *(one[name] for one in lists if len(one))]) for name in _BRAGG
    }
    each = None if center is None else center.reshape(-1, 2)[pattern]
    return SpotList(pattern, np.stack([columns["qy"], columns["qx"]], 1), columns["intensity"], each, scale)


def _fields(item: h5py.Dataset) -> set[str]:
    base = h5py.check_vlen_dtype(item.dtype)
    return set(getattr(base, "names", None) or ())


def _find(file: h5py.File, wanted: Callable[[h5py.Dataset], bool]) -> list[h5py.Dataset]:
    found = []

    def visit(_, item):
        if isinstance(item, h5py.Dataset) and wanted(item):
            found.append(item)

    file.visititems(visit)
    return found


def _calibration(file: h5py.File, name: str) -> np.ndarray | None:
    found = _find(file, lambda item: item.name.endswith(f"calibration/{name}") and item.dtype.kind in "fi")
    return np.asarray(found[0][()], float) if found else None


def _py4dstem_center(file: h5py.File, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return (x, y) of the direct beam at each position (..., 2), of each or their mean."""
    for names in (("qy0", "qx0"), ("qy0_mean", "qx0_mean")):
        x, y = (_calibration(file, name) for name in names)
        if x is not None and y is not None and x.shape == y.shape and x.shape in ((), shape):
            return np.stack([np.broadcast_to(x, shape), np.broadcast_to(y, shape)], axis=-1)
    return None


def _py4dstem_scale(file: h5py.File) -> float | None:
    size = _calibration(file, "Q_pixel_size")
    units = _find(file, lambda item: item.name.endswith("calibration/Q_pixel_units"))
    unit = units[0][()] if units else b""
    unit = unit.decode() if isinstance(unit, bytes) else str(unit)
    return float(size) if size is not None and unit == "A^-1" else None


def _table(path: Path, columns: tuple[int, ...], what: str) -> np.ndarray:
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith(("!", "#")):
            continue
        try:
            rows.append([float(word) for word in line.split()])
        except ValueError:
            raise InputError(f"{path}: line {number} is not numbers: {line.strip()[:60]!r}") from None
        if len(rows[-1]) not in columns or len(rows[-1]) != len(rows[0]):
            expected = " or ".join(map(str, columns))
            raise InputError(
                f"{path}: line {number} has {len(rows[-1])} numbers, expected {expected}, as {what} has, "
                "and as many in every line"
            )
    if not rows:
        raise InputError(f"{path}: there are no spots in it")
    return np.array(rows)
