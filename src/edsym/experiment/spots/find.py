"""The spots of all patterns of a scan, block after block, in threads, and resumed where they were ended."""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from edsym.errors import InputError
from edsym.experiment.descan import centres_of, fitted_descan
from edsym.experiment.ellipse import Ellipse, given_ellipse
from edsym.experiment.files.scan import Scan, scan_of_array
from edsym.experiment.spots.correlation import POWERS
from edsym.experiment.spots.scan_spots import ScanSpots
from edsym.experiment.spots.search import Found, spots_of
from edsym.experiment.spots.survey import Survey, survey
from edsym.files import kept_arrays

CENTERS = ("beam", "friedel")
"""How the direct beam is found: as a spot, or by pairs of spots on either side of it."""

_BLOCK_BYTES = 2**26
_COLUMNS = ("y", "x", "intensity", "error", "significance")
_NUMBERS = ("beam", "background", "noise")


def find_scan_spots(
    scan,
    *,
    pixel: float | Sequence[float] | None = None,
    probe=None,
    mask: np.ndarray | None = None,
    center: Sequence[float] | str | None = None,
    ellipse: Sequence[float] | Ellipse | None = None,
    false_spots: float = 0.05,
    spacing: float | None = None,
    correlation: str = "cross",
    threads: int | None = None,
    progress: bool = False,
    parts: str | Path | None = None,
) -> ScanSpots:
    """Find the Bragg spots in the patterns of a scan; `edsym.find_spots` tells of the arguments.

    Parameters
    ----------
    parts : str or Path, optional
        A folder in which finished blocks are kept until all are; those that are there are not done again.
    """
    scan = scan if isinstance(scan, Scan) else scan_of_array(_array(scan))
    scan = scan.calibrated(pixel)
    _check(false_spots, spacing, center, correlation, scan)
    ellipse = given_ellipse(ellipse)
    overview = survey(scan, mask, probe, center, false_spots, spacing)
    overview = replace(overview, finder=replace(overview.finder, correlation=correlation))
    threads = threads or len(os.sched_getaffinity(0))
    blocks = list(scan.blocks(_BLOCK_BYTES))
    folder = parts and _folder(Path(parts), scan, overview, blocks)
    done = []
    with (
        ThreadPoolExecutor(threads) as pool,
        tqdm(total=len(scan), desc="spots", unit="pattern", disable=not progress) as bar,
    ):
        for start, stop in blocks:
            make = partial(_block, scan, overview, pool, start, stop, bar)
            done.append(kept_arrays(folder and folder / f"{start}.npz", make))
            bar.update(stop - bar.n)
    if folder:
        shutil.rmtree(parts)
    columns = {name: np.concatenate([block[name] for block in done]) for name in done[0]}
    found = _together(scan, overview, columns)
    return found if ellipse is None else found.with_ellipse(ellipse.ratio, ellipse.angle)


def _array(values) -> np.ndarray:
    try:
        return np.asarray(values)
    except ValueError as error:
        raise InputError(f"the patterns are no array: {error}") from error


def _check(false_spots: float, spacing: float | None, center, correlation: str, scan: Scan) -> None:
    if not 0 < false_spots <= 10:
        raise InputError(f"false_spots is {false_spots!r}, expected more than 0 and at most 10 a pattern")
    if spacing is not None and not 1 <= spacing <= min(scan.frame):
        raise InputError(f"spacing is {spacing!r}, expected 1 to {min(scan.frame)} pixels")
    if correlation not in POWERS:
        raise InputError(f"correlation is {correlation!r}, expected {', '.join(POWERS)}")
    if center is not None and not (isinstance(center, str) and center in CENTERS):
        _check_place(center)
    if min(scan.frame) < 16:
        size = " × ".join(map(str, scan.frame))
        raise InputError(
            f"{scan.name}: patterns of {size} pixels are too small for spots, expected 16 × 16 at least"
        )


def _check_place(center) -> None:
    try:
        place = np.asarray(center, float)
    except (TypeError, ValueError):
        place = np.empty(0)
    if place.shape != (2,) or not np.isfinite(place).all():
        raise InputError(f"center is {center!r}, expected x and y in pixels, {' or '.join(CENTERS)}")


def _folder(parts: Path, scan: Scan, overview: Survey, blocks: list) -> Path:
    """Return where blocks of this scan, found in this way, are kept; what else was there is removed."""
    f = overview.finder
    facts = [
        scan.name,
        scan.shape,
        scan.frame,
        blocks,
        f.gain,
        f.pedestal,
        f.false_spots,
        f.spacing,
        f.wander,
        f.correlation,
        f.hidden,
    ]
    text = json.dumps(facts, default=str).encode()
    arrays = (f.good, f.probe.profile, f.aspect, overview.descan.coefficients)
    digest = hashlib.sha256(text + b"".join(np.ascontiguousarray(a).tobytes() for a in arrays))
    folder = parts / digest.hexdigest()[:16]
    if parts.is_dir():
        for other in parts.iterdir():
            if other != folder:
                shutil.rmtree(other)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _block(scan: Scan, overview: Survey, pool: ThreadPoolExecutor, start: int, stop: int, bar) -> dict:
    values = scan.read(start, stop)
    expected = overview.descan.at(np.arange(start, stop), scan.shape)
    found: list[Found] = []
    for one in pool.map(partial(spots_of, overview.finder), values, expected):
        found.append(one)
        bar.update()
    columns = {name: np.concatenate([getattr(one, name) for one in found]) for name in _COLUMNS}
    columns |= {name: np.array([getattr(one, name) for one in found]) for name in (*_NUMBERS, "centre")}
    columns["count"] = np.array([len(one.y) for one in found])
    columns["reason"] = np.array([one.reason for one in found], dtype="U120")
    return columns


def _together(scan: Scan, overview: Survey, columns: dict) -> ScanSpots:
    f, measured = overview.finder, columns["centre"]
    descan = overview.descan
    if f.wander:
        descan = fitted_descan(np.arange(len(scan)), measured, scan.shape, descan.coefficients[0], f.hidden)
    facts = {
        "name": scan.name,
        "radius": f.probe.radius,
        "edge": f.probe.edge,
        "gain": f.gain,
        "pedestal": f.pedestal,
        "threshold": f.threshold,
        "false_spots": f.false_spots,
        "spacing": f.spacing,
        "correlation": f.correlation,
        "friedel": f.hidden,
        "masked": int((~f.good).sum()),
        "descan": descan.coefficients.tolist(),
        "descan_scatter": descan.scatter,
        "descan_patterns": descan.n,
    }
    return ScanSpots(
        scan.shape,
        scan.frame,
        scan.pixel,
        np.concatenate([[0], np.cumsum(columns["count"])]).astype(np.int64),
        columns["x"],
        columns["y"],
        *(columns[name] for name in _COLUMNS[2:]),
        centres_of(descan, measured, scan.shape)[:, ::-1],
        measured[:, ::-1],
        *(columns[name] for name in _NUMBERS),
        columns["reason"].astype(str),
        facts,
    )
