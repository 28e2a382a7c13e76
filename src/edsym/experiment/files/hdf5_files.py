"""Patterns in HDF5: EMD, py4DSTEM's cubes, NeXus, HyperSpy's and Arina's, any with one array of them."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np

from edsym.errors import InputError
from edsym.experiment.files.calibration import NoCalibration
from edsym.experiment.files.hdf5_axes import calibrated_pixel, in_order, text_of
from edsym.experiment.files.scan import SMALLEST, Scan, scan_of_array

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
        scan = scan_of_array(in_order(found), str(path))
        scan = replace(scan, source=_reader(path, found.name), rows=_rows_together(found))
        try:
            return replace(scan, pixel=calibrated_pixel(found, energy_kev))
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
            return scan_of_array(in_order(file[name]), str(path)).source(start, stop)

    return read


def _rows_together(found: h5py.Dataset) -> int:
    if not found.chunks or found.ndim != 4:
        return 1
    return found.chunks[0 if in_order(found) is found else -1]


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
        if numbers and item.ndim in (2, 3, 4) and min(in_order(item).shape[-2:]) >= SMALLEST and item.size:
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
    """Return whether EMD, NeXus or HyperSpy says that this is data."""
    group, name = item.parent, item.name.rpartition("/")[2]
    if text_of(group.attrs.get("NX_class")) == "NXdata":
        signal = text_of(group.attrs.get("signal"))
        return signal == name if signal else "signal" in item.attrs
    hyperspy = group.parent.name == "/Experiments"
    return (hyperspy or "emd_group_type" in group.attrs) and name == "data"
