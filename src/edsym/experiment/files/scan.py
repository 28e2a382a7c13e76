"""Diffraction patterns of a scan, or a single one, of which only the asked ones are read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from edsym.errors import InputError
from edsym.experiment.files.calibration import given_pixel

SMALLEST = 4
"""Pixels that a pattern has at least along each axis."""


@dataclass(frozen=True)
class Scan:
    """Patterns at the positions of a scan, lazily: `read` alone touches the file.

    The centre of the first pixel has the coordinates 0, 0: pixel (i, j) reaches from i - 1/2 to i + 1/2.

    Attributes
    ----------
    name : str
        The file, for messages.
    shape : (int, int)
        Rows and columns of probe positions; (1, 1) is a single pattern. Pattern p is at the row
        ``p // columns``.
    frame : (int, int)
        Height and width of a pattern in pixels.
    pixel : (2,) array or None
        A pixel along y and along x, in 1/Å; None if nobody has told.
    note : str
        Why there is no pixel, or nothing.
    counts : bool
        Whether values are whole numbers, as counted electrons are.
    rows : int
        So many rows of the scan are stored together: a multiple of them is read in one go.
    source : callable
        Of first and last + 1 pattern: their values (n, height, width).
    """

    name: str
    shape: tuple[int, int]
    frame: tuple[int, int]
    source: Callable[[int, int], np.ndarray]
    pixel: np.ndarray | None = None
    note: str = ""
    counts: bool = True
    rows: int = 1

    def __post_init__(self):
        if min(self.shape) < 1:
            raise InputError(f"{self.name}: there are no patterns")
        if min(self.frame) < SMALLEST:
            size = " × ".join(map(str, self.frame))
            raise InputError(
                f"{self.name}: patterns of {size} pixels, expected {SMALLEST} × {SMALLEST} at least"
            )

    def __len__(self) -> int:
        return self.shape[0] * self.shape[1]

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return the patterns `start` to `stop`, without the last: (n, height, width) float32.

        Raises
        ------
        InputError
            If the file cannot be read there.
        """
        try:
            values = np.asarray(self.source(start, stop))
        except InputError:
            raise
        except Exception as error:  # readers of foreign formats raise anything
            text = " ".join(str(error).split()) or type(error).__name__
            raise InputError(f"{self.name}: patterns {start} to {stop - 1} cannot be read: {text}") from error
        if values.shape != (stop - start, *self.frame):
            raise InputError(
                f"{self.name}: patterns {start} to {stop - 1} have the shape {values.shape}, "
                f"expected {(stop - start, *self.frame)}"
            )
        return values.astype(np.float32)

    def __getitem__(self, pattern: int) -> np.ndarray:
        """Return pattern p as (height, width) float32."""
        p = range(len(self))[pattern]
        return self.read(p, p + 1)[0]

    def blocks(self, n_bytes: int) -> Iterator[tuple[int, int]]:
        """Yield firsts and ends of blocks of whole patterns whose float32 take about so much memory.

        Where rows are stored together and fit, a block is a multiple of them: nothing is unpacked twice.
        """
        size = max(1, n_bytes // (4 * self.frame[0] * self.frame[1]))
        together = self.rows * self.shape[1]
        size = size // together * together or size
        for start in range(0, len(self), size):
            yield start, min(start + size, len(self))

    def reshaped(self, shape: tuple[int, int] | None) -> "Scan":
        """Return the scan with other rows and columns, for files that tell only the number of patterns."""
        if shape is None:
            return self
        if len(shape) != 2 or min(shape) < 1 or shape[0] * shape[1] != len(self):
            text = " × ".join(map(str, shape))
            raise InputError(f"{self.name}: {len(self)} patterns are not a scan of {text} positions")
        return replace(self, shape=(int(shape[0]), int(shape[1])), rows=1)

    def calibrated(self, pixel) -> "Scan":
        """Return the scan with pixels in 1/Å that the user gives: one number, or along y and along x."""
        if pixel is None:
            return self
        try:
            return replace(self, pixel=given_pixel(pixel, self.frame), note="")
        except InputError as error:
            raise InputError(f"{self.name}: {error}") from None


def scan_of_array(values, name: str = "the array", **fields) -> Scan:
    """Return a scan of an array (height, width), (n, height, width) or (rows, columns, height, width).

    The array may be mapped from a file, or be anything that slices as an array does.

    Raises
    ------
    InputError
        If it has another number of axes or does not hold numbers.
    """
    shape, kind = tuple(values.shape), np.dtype(values.dtype).kind
    if len(shape) not in (2, 3, 4) or kind not in "iufb":
        raise InputError(
            f"{name}: an array {shape} of {values.dtype}, expected numbers of (height, width), "
            "(n, height, width) or (rows, columns, height, width)"
        )
    positions = {2: (1, 1), 3: (1, *shape[:1]), 4: shape[:2]}[len(shape)]
    return Scan(name, positions, shape[-2:], _slices(values), counts=kind in "iub", **fields)


def _slices(values) -> Callable[[int, int], np.ndarray]:
    """Return the function that reads patterns of an array by their numbers."""

    def read(start: int, stop: int) -> np.ndarray:
        if len(values.shape) == 2:
            return np.asarray(values[:])[None]
        if len(values.shape) == 3:
            return np.asarray(values[start:stop])
        columns = values.shape[1]
        first, last = start // columns, (stop - 1) // columns
        if start % columns == 0 and stop % columns == 0:
            return np.asarray(values[first : last + 1]).reshape(-1, *values.shape[2:])
        rows = [
            np.asarray(values[r, max(start - r * columns, 0) : min(stop - r * columns, columns)])
            for r in range(first, last + 1)
        ]
        return np.concatenate(rows)

    return read
