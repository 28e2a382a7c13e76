"""Spots of all patterns of a scan: as arrays, as `edsym.Spots`, and as a file."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import h5py
import numpy as np

from edsym.errors import InputError
from edsym.experiment.descan import Descan
from edsym.experiment.ellipse import rounding
from edsym.experiment.files.spot_lists import SpotList
from edsym.hdf5 import create_dataset, create_store, open_store, read_text, write_text

FORMAT = "edsym-scan-spots"
VERSION = 1
_SPOTS = ("x", "y", "intensity", "error", "significance")
_PATTERNS = ("centre", "measured", "beam", "background", "noise", "reason")


@dataclass(frozen=True)
class ScanSpots:
    """Spots of the patterns of a scan, pattern after pattern, without the direct beam.

    Positions x and y are those on the detector; ``qx`` and ``qy`` are freed of its ellipse, if one was given.
    The centre of the first pixel has the coordinates 0, 0; x counts columns, y rows. Pattern p is at the row
    ``p // shape[1]`` of the scan and has the spots ``offset[p]`` to ``offset[p + 1]``, the brightest first.

    Attributes
    ----------
    shape : (int, int)
        Rows and columns of the scan.
    frame : (int, int)
        Height and width of a pattern in pixels.
    pixel : (2,) array or None
        A pixel along y and along x, in 1/Å; None if nobody has told.
    offset : (n + 1,) array of int64
        Where each pattern's spots begin and end.
    x, y : (S,) arrays
        Positions in pixels.
    intensity : (S,) array
        Above background and neighbours, in the units of the images.
    error : (S,) array
        Standard deviation of a coordinate that the noise makes, in pixels.
    significance : (S,) array
        In standard deviations.
    centre : (n, 2) array
        x and y of the direct beam in pixels, which the patterns are centred by; never NaN.
    measured : (n, 2) array
        x and y of the direct beam as measured in each pattern alone; NaN where it could not be.
    beam : (n,) array
        Intensity of the direct beam; NaN where it could not be measured.
    background : (n,) array
        Mean of a pixel under the spots, in the units of the images.
    noise : (n,) array
        How grainy the background is: its relative standard deviation on the area of a spot, beyond that of
        counting.
    reason : (n,) array of str
        Why a pattern cannot be used, or nothing.
    facts : dict
        What holds for all patterns: see `edsym.find_spots`.
    """

    shape: tuple[int, int]
    frame: tuple[int, int]
    pixel: np.ndarray | None
    offset: np.ndarray
    x: np.ndarray
    y: np.ndarray
    intensity: np.ndarray
    error: np.ndarray
    significance: np.ndarray
    centre: np.ndarray
    measured: np.ndarray
    beam: np.ndarray
    background: np.ndarray
    noise: np.ndarray
    reason: np.ndarray
    facts: dict = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.offset) - 1

    def __getitem__(self, pattern: int) -> np.ndarray:
        """Return x, y [pixels] and intensity (n, 3) of the spots of pattern p."""
        p = range(len(self))[pattern]
        mine = slice(*self.offset[p : p + 2])
        return np.stack([self.x[mine], self.y[mine], self.intensity[mine]], axis=1)

    @property
    def valid(self) -> np.ndarray:
        """Whether each pattern can be used (n,); if not, ``reason`` says why."""
        return self.reason == ""

    @property
    def pattern(self) -> np.ndarray:
        """Number of the pattern of each spot (S,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.offset))

    @property
    def qx(self) -> np.ndarray:
        """Positions (S,) along the columns, from the direct beam, in 1/Å."""
        return self._offsets(self._pixel())[:, 0]

    @property
    def qy(self) -> np.ndarray:
        """Positions (S,) along the rows, from the direct beam, in 1/Å."""
        return self._offsets(self._pixel())[:, 1]

    def with_ellipse(self, ratio: float, angle: float) -> "ScanSpots":
        """Return these spots with what circles are on the detector, see `edsym.measure_ellipse`."""
        return replace(self, facts=self.facts | {"ellipse": [float(ratio), float(angle)]})

    @property
    def descan(self) -> Descan:
        """The plane through the centres."""
        return Descan(
            np.array(self.facts["descan"]),
            self.facts["descan_scatter"],
            self.facts["descan_patterns"],
            self.facts.get("friedel", False),
        )

    def _offsets(self, pixel: np.ndarray) -> np.ndarray:
        """Return x and y (S, 2) from the direct beam, in a pixel's (y, x) units, as if circles were round."""
        xy = np.stack([self.x, self.y], 1) - self.centre[self.pattern]
        return xy * pixel[::-1] @ rounding(self.facts.get("ellipse"))

    def _pixel(self) -> np.ndarray:
        if self.pixel is None:
            raise InputError("the pixels are not calibrated: give find_spots or read_scan their 1/Å as pixel")
        return self.pixel

    def spot_list(self, pixel: np.ndarray | None = None) -> SpotList:
        """Return the spots of valid patterns as those of other programs come; y in widths of a pixel."""
        pixel = self.pixel if pixel is None else pixel
        stretch = np.array([1.0, 1.0 if pixel is None else pixel[0] / pixel[1]])
        kept = self.valid[self.pattern]
        numbers = self.pattern[kept]
        centre = self.centre[numbers] * stretch
        xy = centre + self._offsets(stretch[::-1])[kept]
        scale = None if pixel is None else float(pixel[1])
        return SpotList(numbers, xy, self.intensity[kept], centre, scale)

    def write(self, path: str | Path) -> None:
        """Write all of it as HDF5, which `edsym.read_spots` and `edsym.read_scan_spots` read."""
        facts = self.facts | {"shape": [int(n) for n in self.shape], "frame": [int(n) for n in self.frame]}
        facts["pixel"] = None if self.pixel is None else [float(v) for v in self.pixel]
        with create_store(path, FORMAT, VERSION, facts=json.dumps(facts, sort_keys=True)) as file:
            create_dataset(file, "offset", self.offset.astype(np.int64))
            for name in _SPOTS:
                create_dataset(file, f"spots/{name}", getattr(self, name).astype(np.float32))
            for name in _PATTERNS[:-1]:
                create_dataset(file, f"patterns/{name}", getattr(self, name).astype(np.float32))
            write_text(file, "patterns/reason", self.reason)


def read_list(path: Path) -> SpotList:
    """Return the spots of the valid patterns of such a file, as those of other programs come."""
    return read_scan_spots(path).spot_list()


def is_scan_spots(path: str | Path) -> bool:
    """Return whether a file is one that `ScanSpots.write` wrote."""
    if not (Path(path).is_file() and h5py.is_hdf5(path)):
        return False
    try:
        with h5py.File(path, "r") as file:
            return file.attrs.get("format") in (FORMAT, FORMAT.encode())
    except OSError:  # who reads it tells what is wrong
        return False


def read_scan_spots(path: str | Path) -> ScanSpots:
    """Return the spots of a scan that `ScanSpots.write` or ``edsym spots`` wrote, and what is beside them.

    Raises
    ------
    InputError
        If the file is missing, damaged or of another format.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[:64, :64]
    >>> disks = sum(np.hypot(y - b, x - a) < 4 for a in (12, 32, 52) for b in (12, 32, 52))
    >>> edsym.find_spots(np.random.default_rng(0).poisson(0.1 + 5 * disks), pixel=0.02).write("spots.h5")
    >>> edsym.read_scan_spots("spots.h5").valid
    array([ True])
    """
    with open_store(path, FORMAT, VERSION) as file:
        facts = json.loads(file.attrs["facts"])
        shape, frame, pixel = (facts.pop(name) for name in ("shape", "frame", "pixel"))
        offset = file["offset"][:]
        spots = [file[f"spots/{name}"][:] for name in _SPOTS]
        patterns = [file[f"patterns/{name}"][:] for name in _PATTERNS[:-1]]
        reason = read_text(file, "patterns/reason")
    if len(offset) != shape[0] * shape[1] + 1 or (np.diff(offset) < 0).any() or offset[-1] != len(spots[0]):
        raise InputError(
            f"{path}: offset does not fit {shape[0]} × {shape[1]} patterns of {len(spots[0])} spots"
        )
    pixel = None if pixel is None else np.array(pixel)
    return ScanSpots(tuple(shape), tuple(frame), pixel, offset, *spots, *patterns, reason, facts)
