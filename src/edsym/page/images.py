"""Patterns as small grey images on a logarithmic scale, many on each sheet of JPEG."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from edsym.experiment.files.scan import Scan
from edsym.mapping.scan_map import ScanMap

MOST = 4096
"""Most positions whose patterns are kept as images: of more, the page would not open well."""
LARGEST = 128
"""Pixels along an edge: larger patterns are binned."""
_DECADES = 4  # from black to white
_WHITE = 99.9  # percentile of the pixels of a sample; the direct beam is brighter
_SAMPLE = 32
_QUALITY = 85
_BLOCK = 8  # JPEG compresses squares of so many pixels: images do not share one
_EDGE = 8  # images along an edge of a sheet
_MEMORY = 64 * 2**20


@dataclass(frozen=True)
class Images:
    """Images of the patterns of some positions.

    Attributes
    ----------
    positions : (m,) array of int
        Which positions have one, in the order of the sheets.
    size : (int, int)
        Height and width of an image in pixels, each of `binned` pixels of the detector along each edge.
    tile : (int, int)
        Height and width that an image takes on a sheet.
    columns : int
        Images in a row of a sheet, and rows of a sheet.
    binned : int
        See `size`.
    sheets : list of bytes
        JPEG files.
    """

    positions: np.ndarray
    size: tuple[int, int]
    tile: tuple[int, int]
    columns: int
    binned: int
    sheets: list[bytes]


def chosen_positions(found: ScanMap, most: int = MOST) -> np.ndarray:
    """Return positions (m,) whose patterns are kept: all, or of each grain the brightest, and an even net."""
    n = len(found.of_positions)
    if n <= most:
        return np.arange(n)
    order = np.argsort(-found.of_positions.dark_field, kind="stable")
    grain, first = np.unique(found.grain[order], return_index=True)
    brightest = order[first[grain >= 0]][: most // 2]
    rows, columns = found.shape
    step = int(np.ceil(np.sqrt(n / (most - len(brightest)))))
    while -(-rows // step) * -(-columns // step) > most - len(brightest):
        step += 1
    net = np.arange(n).reshape(rows, columns)[step // 2 :: step, step // 2 :: step]
    return np.union1d(brightest, net)


def images_of(scan: Scan, positions: np.ndarray) -> Images:
    """Return images of the patterns at some positions (m,), in increasing order.

    Grey is log(1 + I / I₀), from black to white over four decades of the sum I of binned pixels; one scale is
    for all, so that patterns can be compared.
    """
    binned = -(-max(scan.frame) // LARGEST)
    size = scan.frame[0] // binned, scan.frame[1] // binned
    tile = tuple(-(-n // _BLOCK) * _BLOCK for n in size)
    every = max(1, len(positions) // _SAMPLE)
    sample = np.array([_binned(scan[p][None], binned)[0] for p in positions[::every]])
    white = float(np.percentile(sample, _WHITE)) or float(sample.max()) or 1.0
    black = white / 10**_DECADES
    grey = np.zeros((len(positions), *tile), np.uint8)
    for start, stop in scan.blocks(_MEMORY):
        first, last = np.searchsorted(positions, [start, stop])
        if first == last:
            continue
        begin, end = positions[first], positions[last - 1] + 1
        sums = _binned(scan.read(begin, end)[positions[first:last] - begin], binned)
        level = np.log1p(np.maximum(sums, 0) / black) / np.log1p(white / black)
        grey[first:last, : size[0], : size[1]] = np.rint(255 * np.minimum(level, 1))
    sheets = [_sheet(grey[k : k + _EDGE**2]) for k in range(0, len(grey), _EDGE**2)]
    return Images(positions, size, tile, _EDGE, binned, sheets)


def _binned(patterns: np.ndarray, binned: int) -> np.ndarray:
    """Return sums of squares of pixels; what is no number counts nothing, nor does a rest at the edge."""
    n, height, width = patterns.shape
    rows, columns = height // binned, width // binned
    cut = np.nan_to_num(patterns[:, : rows * binned, : columns * binned], posinf=0, neginf=0)
    return cut.reshape(n, rows, binned, columns, binned).sum(axis=(2, 4))


def _sheet(images: np.ndarray) -> bytes:
    """Return images (k, height, width) side by side as JPEG."""
    k, height, width = images.shape
    full = np.zeros((_EDGE**2, height, width), np.uint8)
    full[:k] = images
    sheet = full.reshape(_EDGE, _EDGE, height, width).transpose(0, 2, 1, 3)
    file = io.BytesIO()
    picture = Image.fromarray(sheet.reshape(_EDGE * height, _EDGE * width))
    picture.save(file, "JPEG", quality=_QUALITY, optimize=True)
    return file.getvalue()
