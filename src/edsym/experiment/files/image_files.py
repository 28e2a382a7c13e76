"""Patterns in npy and TIFF files, page by page."""

import math
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from edsym.errors import InputError
from edsym.experiment.files.calibration import NoCalibration, pixel_size
from edsym.experiment.files.scan import Scan, scan_of_array

_DESCRIPTION, _X_RESOLUTION, _Y_RESOLUTION = 270, 282, 283
TIFF = (".tif", ".tiff")


def read_npy(path: Path) -> Scan:
    """Return the patterns of an npy file, mapped while they are read: what was read stays in no memory."""

    def opened() -> Scan:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
        return scan_of_array(values, str(path), note="npy files tell no calibration")

    return replace(opened(), source=lambda start, stop: np.array(opened().source(start, stop)))


def read_tiff(paths: Sequence[Path], name: str, energy_kev: float | None) -> Scan:
    """Return the patterns of TIFF files: all pages of the first, then those of the next.

    Raises
    ------
    InputError
        If a page is in colour or has another size than the first.
    """
    pages, frames, whole = [], {}, True
    for path in paths:
        with _opened(path) as image:
            for k in range(getattr(image, "n_frames", 1)):
                image.seek(k)
                if len(image.getbands()) != 1 or image.mode == "P":
                    raise InputError(
                        f"{path}: page {k} is in colour ({image.mode}), expected one value a pixel"
                    )
                whole &= image.mode != "F"
                frames.setdefault((image.height, image.width), f"{path}, page {k}")
                pages.append((path, k))
    if len(frames) > 1:
        (first, a), (second, b) = list(frames.items())[:2]
        raise InputError(f"{name}: {a} is {first}, but {b} is {second} pixels: patterns are of one size")
    frame = next(iter(frames))
    scan = Scan(name, (1, len(pages)), frame, lambda start, stop: _read(pages[start:stop]), counts=whole)
    try:
        return replace(scan, pixel=_pixel(paths[0], frame, energy_kev))
    except NoCalibration as reason:
        return replace(scan, note=str(reason))


@contextmanager
def _opened(path: Path):
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # detectors have no bombs
    try:
        with Image.open(path, formats=["TIFF"]) as image:
            yield image
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _read(pages: Sequence[tuple[Path, int]]) -> np.ndarray:
    values = []
    for path in dict.fromkeys(path for path, _ in pages):
        with _opened(path) as opened:
            for k in (k for p, k in pages if p == path):
                opened.seek(k)
                values.append(np.asarray(opened, np.float32))
    return np.stack(values)


def _pixel(path: Path, frame: tuple[int, int], energy_kev: float | None) -> np.ndarray:
    """Return what ImageJ writes: the unit among the lines of the description, and pixels per unit."""
    with _opened(path) as image:
        text = str(image.tag_v2.get(_DESCRIPTION, ""))
        per_unit = [float(image.tag_v2.get(tag, math.nan)) for tag in (_Y_RESOLUTION, _X_RESOLUTION)]
    lines = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    if "unit" not in lines or not all(value > 0 for value in per_unit):
        raise NoCalibration("the TIFF file has no unit of its pixels")
    unit = lines["unit"].encode().decode("unicode_escape") if "\\u" in lines["unit"] else lines["unit"]
    return pixel_size([1 / value for value in per_unit], [unit] * 2, frame, energy_kev)
