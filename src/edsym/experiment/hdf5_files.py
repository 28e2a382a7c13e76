"""Patterns in HDF5: Berkeley's EMD, py4DSTEM's cubes, NeXus, Arina's files, any with one array of them."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np

from edsym.errors import InputError
from edsym.experiment.calibration import NoCalibration, pixel_size
from edsym.experiment.scan import SMALLEST, Scan, scan_of_array

_CACHE = 2**27  # bytes of unpacked chunks


def read_hdf5(path: Path, dataset: str | None, energy_kev: float | None) -> Scan:
    """Return the patterns of an HDF5 file.

    Parameters
    ----------
    path : Path
        The file.
    dataset : str, optional
        Name of the array; without, the one that EMD or NeXus marks, or the only large one.
    energy_kev : float, optional
        For calibrations in angles.

    Raises
    ------
    InputError
        If there is no such array, or several and no mark.
    """
    with _opened(path) as file:
        found = _named(file, dataset) if dataset else _chosen(file)
        scan = scan_of_array(found, str(path))
        scan = replace(scan, source=_reader(path, found.name), rows=_rows_together(found))
        try:
            return replace(scan, pixel=_pixel(found, scan.frame, energy_kev))
        except NoCalibration as reason:
            return replace(scan, note=str(reason))


def read_master(path: Path) -> Scan:
    """Return the patterns of an Arina detector's master file, which lie in the files that it links to.

    Raises
    ------
    InputError
        If it links to none.
    """
    with _opened(path) as file:
        group = file.get("entry/data", {})
        names = [f"entry/data/{name}" for name in sorted(group) if name.startswith("data_")]
        if not names:
            raise InputError(f"{path}: no links to data in entry/data")
        parts = [(name, len(file[name])) for name in names]
        first = scan_of_array(file[names[0]], str(path))
    shape = (1, sum(n for _, n in parts))
    note = "the file tells no calibration"
    return replace(first, shape=shape, source=_linked_reader(path, parts), note=note)


def _linked_reader(path: Path, parts: list[tuple[str, int]]):
    def read(start: int, stop: int) -> np.ndarray:
        values, begin = [], 0
        with _opened(path) as file:
            for name, n in parts:
                first, last = max(start - begin, 0), min(stop - begin, n)
                if first < last:
                    values.append(file[name][first:last])
                begin += n
        return np.concatenate(values)

    return read


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    with suppress(ImportError):  # filters that h5py does not have, if they are installed
        import hdf5plugin  # noqa: F401
    with h5py.File(path, "r", rdcc_nbytes=_CACHE) as file:
        yield file


def _reader(path: Path, name: str):
    def read(start: int, stop: int) -> np.ndarray:
        with _opened(path) as file:
            return scan_of_array(file[name], str(path)).source(start, stop)

    return read


def _rows_together(found: h5py.Dataset) -> int:
    return found.chunks[0] if found.chunks and found.ndim == 4 else 1


def _named(file: h5py.File, name: str) -> h5py.Dataset:
    if not isinstance(file.get(name), h5py.Dataset):
        names = ", ".join(d.name for d in _candidates(file)) or "none"
        raise InputError(f"{file.filename}: no dataset {name}; those that may be patterns: {names}")
    return file[name]


def _candidates(file: h5py.File) -> list[h5py.Dataset]:
    """Return the datasets that may hold patterns, those marked first, then by size."""
    found = []

    def visit(_, item):
        numbers = isinstance(item, h5py.Dataset) and item.dtype.kind in "iuf"
        if numbers and item.ndim in (2, 3, 4) and item.size and min(item.shape[-2:]) >= SMALLEST:
            found.append(item)

    file.visititems(visit)
    return sorted(found, key=lambda item: (not _marked(item), -item.size, item.name))


def _chosen(file: h5py.File) -> h5py.Dataset:
    found = _candidates(file)
    if not found:
        raise InputError(f"{file.filename}: no array of patterns in it, with two to four axes of numbers")
    rivals = [d for d in found if _marked(d) == _marked(found[0]) and d.size > found[0].size // 2]
    if len(rivals) > 1:
        names = ", ".join(d.name for d in rivals)
        raise InputError(
            f"{file.filename}: several arrays may be the patterns ({names}); name one as dataset"
        )
    return found[0]


def _marked(item: h5py.Dataset) -> bool:
    """Return whether EMD or NeXus says that this is data."""
    group, name = item.parent, item.name.rpartition("/")[2]
    if _text(group.attrs.get("NX_class")) == "NXdata":
        signal = _text(group.attrs.get("signal"))
        return signal == name if signal else "signal" in item.attrs
    return "emd_group_type" in group.attrs and name == "data"


def _pixel(found: h5py.Dataset, frame: tuple[int, int], energy_kev: float | None) -> np.ndarray:
    group = found.parent
    stored = _py4dstem(found.file)
    if stored:
        return pixel_size([stored[0]] * 2, [stored[1]] * 2, frame, energy_kev)
    numbers = (found.ndim - 2, found.ndim - 1)
    axes = np.atleast_1d(group.attrs.get("axes", []))
    names = [_text(axes[n]) for n in numbers] if len(axes) == found.ndim else [f"dim{n + 1}" for n in numbers]
    if group.attrs.get("python_class") is not None:  # EMD 1.0 counts from 0, EMD 0.2 from 1
        names = [f"dim{n}" for n in numbers]
    if not all(isinstance(group.get(name), h5py.Dataset) for name in names):
        raise NoCalibration("the file has no axes of its patterns")
    values = [np.ravel(group[name][:]).astype(float) for name in names]
    if min(map(len, values)) < 2:
        raise NoCalibration("the axes of its patterns have fewer than two values")
    steps = [float(np.mean(np.diff(v))) for v in values]
    return pixel_size(steps, [_text(group[name].attrs.get("units")) for name in names], frame, energy_kev)


def _py4dstem(file: h5py.File) -> tuple[float, str] | None:
    """Return py4DSTEM's calibration, wherever in the file its version puts it."""
    places = []

    def visit(name, item):
        if name.rpartition("/")[2] == "Q_pixel_size":
            places.append(item)

    file.visititems(visit)
    for item in places:
        unit = item.parent.get("Q_pixel_units")
        if isinstance(item, h5py.Dataset) and isinstance(unit, h5py.Dataset):
            return float(item[()]), _text(unit[()])
    return None


def _text(value) -> str:
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size else ""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")
