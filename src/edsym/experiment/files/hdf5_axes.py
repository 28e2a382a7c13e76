"""What the axes of an array in an HDF5 file are: steps and units, as EMD, NeXus and HyperSpy write them."""

import h5py
import numpy as np

from edsym.experiment.files.calibration import NoCalibration, pixel_size, reciprocal


class Reversed:
    """An array whose axes are stored the other way round, as HyperSpy writes EMD; it slices as arrays do."""

    def __init__(self, stored: h5py.Dataset):
        self.stored, self.shape, self.dtype = stored, stored.shape[::-1], stored.dtype

    def __getitem__(self, key) -> np.ndarray:
        key = key if isinstance(key, tuple) else (key,)
        whole = (slice(None),) * (len(self.shape) - len(key))
        return self.stored[(*key, *whole)[::-1]].T


def in_order(found: h5py.Dataset) -> h5py.Dataset | Reversed:
    """Return an array with the patterns' axes last: they come first if the first alone are reciprocal."""
    if found.ndim < 3:
        return found
    units = [unit for _, unit in _axes(found)]
    first = all(map(reciprocal, units[:2])) and not any(map(reciprocal, units[2:]))
    return Reversed(found) if first else found


def calibrated_pixel(found: h5py.Dataset, energy_kev: float | None) -> np.ndarray:
    """Return what a pixel of the patterns is along y and x, in 1/Å.

    Raises
    ------
    NoCalibration
        If the file does not tell, or tells what cannot be true.
    """
    ordered = in_order(found)
    frame = ordered.shape[-2:]
    stored = _py4dstem(found.file)
    if stored:
        return pixel_size([stored[0]] * 2, [stored[1]] * 2, frame, energy_kev)
    last = _axes(found)[1::-1] if isinstance(ordered, Reversed) else _axes(found)[-2:]
    if any(step is None for step, _ in last):
        raise NoCalibration("the file has no axes of its patterns")
    if any(np.isnan(step) for step, _ in last):
        raise NoCalibration("the axes of its patterns have fewer than two values")
    return pixel_size([step for step, _ in last], [unit for _, unit in last], frame, energy_kev)


def _axes(found: h5py.Dataset) -> list[tuple[float | None, str]]:
    """Return step and unit of each axis; the step is None where the file has no axis, NaN where one value."""
    return [_hyperspy(found, n) or _values(found, name) for n, name in enumerate(_names(found))]


def _hyperspy(found: h5py.Dataset, n: int) -> tuple[float, str] | None:
    axis = found.parent.get(f"axis-{n}")
    if axis is None or "scale" not in axis.attrs:
        return None
    return float(axis.attrs["scale"]), text_of(axis.attrs.get("units"))


def _names(found: h5py.Dataset) -> list[str]:
    attributes = found.parent.attrs
    names = np.atleast_1d(attributes.get("axes", []))
    if len(names) == found.ndim:
        return [text_of(name) for name in names]
    first = 0 if attributes.get("python_class") is not None else 1  # EMD 1.0 counts from 0, EMD 0.2 from 1
    return [f"dim{n + first}" for n in range(found.ndim)]


def _values(found: h5py.Dataset, name: str) -> tuple[float | None, str]:
    axis = found.parent.get(name)
    if not isinstance(axis, h5py.Dataset):
        return None, ""
    values = np.ravel(axis[...]).astype(float)
    step = float(np.mean(np.diff(values))) if len(values) > 1 else float("nan")
    return step, text_of(axis.attrs.get("units"))


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
            return float(item[()]), text_of(unit[()])
    return None


def text_of(value) -> str:
    """Return an attribute as text, however it was stored."""
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size else ""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")
