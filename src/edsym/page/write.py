"""One HTML file with a map, its patterns and what shows them: it asks nothing of a network."""

import base64
import gzip
import json
from importlib.resources import files
from pathlib import Path

import numpy as np

from edsym.errors import InputError
from edsym.experiment.files.read import read_scan
from edsym.experiment.files.scan import Scan
from edsym.experiment.spots.scan_spots import ScanSpots
from edsym.files import write_text
from edsym.mapping.scan_map import ScanMap
from edsym.page.content import facts_of, farthest, known_of, positions_of, spots_of
from edsym.page.images import chosen_positions, images_of

_HERE = files("edsym.page")
_SCRIPTS = ("page", "layers", "map", "pattern", "answers")  # each uses what those before it define
_ALIGNED = 8  # bytes: arrays begin where those of JavaScript may


def write_page(
    path: str | Path, found: ScanMap, spots: ScanSpots, scan: Scan | None, min_intensity: float
) -> None:
    """Write a map as a page of HTML.

    Parameters
    ----------
    path : str or Path
        The file to write.
    found : ScanMap
        The map.
    spots : ScanSpots
        The spots that it is made of.
    scan : Scan, optional
        The patterns; without, spots are drawn alone.
    min_intensity : float
        What `edsym.interface.classify.classify_scan` was given.
    """
    facts = facts_of(found, spots) | {"farthest": farthest(spots), "minIntensity": min_intensity}
    arrays = positions_of(found) | known_of(found) | spots_of(found, spots, min_intensity)
    if scan is not None:
        images = images_of(scan, chosen_positions(found))
        arrays["imaged"] = images.positions.astype(np.uint32)
        arrays |= {f"sheet{k}": np.frombuffer(sheet, np.uint8) for k, sheet in enumerate(images.sheets)}
        facts["images"] = {name: getattr(images, name) for name in ("size", "tile", "columns", "binned")}
    from plotly.offline import get_plotlyjs

    parts = {
        "TITLE": facts["name"].replace("&", "&amp;").replace("<", "&lt;"),
        "STYLE": (_HERE / "page.css").read_text("utf-8"),
        "FACTS": json.dumps(_listed(facts, arrays), allow_nan=False).replace("<", "\\u003c"),
        "ARRAYS": _packed(_joined(arrays)),
        "PLOTLY": _packed(get_plotlyjs().encode()),
        "SCRIPT": "\n".join((_HERE / f"{name}.js").read_text("utf-8") for name in _SCRIPTS),
    }
    page = (_HERE / "page.html").read_text("utf-8")
    for name, text in parts.items():
        page = page.replace(f"{{{{{name}}}}}", text, 1)
    write_text(path, page)


def scan_of_spots(spots: ScanSpots) -> Scan | None:
    """Return the scan that spots were found in, if it lies where it lay and is the same in size."""
    name = Path(str(spots.facts.get("name", "")))
    if not name.is_file():
        return None
    try:
        scan = read_scan(name)
    except InputError:  # of several arrays in it, say, which cannot be known here
        return None
    if len(scan) != len(spots) or scan.frame != spots.frame:
        return None
    return scan


def _listed(facts: dict, arrays: dict[str, np.ndarray]) -> dict:
    """Return the facts with names, kinds and places of the arrays."""
    table, start = {}, 0
    for name, array in arrays.items():
        table[name] = [array.dtype.str[1:], start, array.size]
        start += -(-array.nbytes // _ALIGNED) * _ALIGNED
    return facts | {"arrays": table}


def _joined(arrays: dict[str, np.ndarray]) -> bytes:
    """Return arrays one behind the other, little-endian, each filled up to whole units of eight bytes."""
    parts = (array.astype(array.dtype.newbyteorder("<")).tobytes() for array in arrays.values())
    return b"".join(part + bytes(-len(part) % _ALIGNED) for part in parts)


def _packed(content: bytes) -> str:
    """Return bytes as compressed text, the same in every run."""
    return base64.b64encode(gzip.compress(content, 6, mtime=0)).decode()
