"""Patterns in the formats of microscopes and cameras, read by RosettaSciIO."""

import math
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from edsym.errors import InputError
from edsym.experiment.files.calibration import NoCalibration, pixel_size
from edsym.experiment.files.scan import Scan, scan_of_array

PLUGINS = {
    ".blo": "blockfile",
    ".dm3": "digitalmicrograph",
    ".dm4": "digitalmicrograph",
    ".emi": "tia",
    ".mib": "quantumdetector",
    ".ser": "tia",
    ".tvips": "tvips",
    ".zspy": "zspy",
}
"""Names of files and what of RosettaSciIO reads them."""

_FRAMES = "Frames in Acquisition (Number)"
_INSTALL = "pip install 'edsym[microscope]'"
_BLOCK = 2**25  # bytes of patterns that are read together


def read_vendor(path: Path, plugin: str, dataset: str | None, energy_kev: float | None) -> Scan:
    """Return the patterns of a file that a module of RosettaSciIO reads.

    Raises
    ------
    InputError
        If RosettaSciIO is not installed, or the file holds no or several arrays of patterns; `dataset` is
        the title or the number of one.
    """
    try:
        reader = import_module(f"rsciio.{plugin}").file_reader
        signals = _signals(reader, path, plugin)
    except ImportError as error:
        raise InputError(f"{path}: {error.name} reads it, which is not installed: {_INSTALL}") from error
    except Exception as error:  # damaged files make the readers raise anything
        told = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise InputError(
            f"{path} cannot be read as {path.suffix}: damaged, cut short or of another format ({told})"
        ) from error
    signal = _chosen(path, signals, dataset)
    _check_whole(path, signal)
    axes = signal["axes"][-2:]
    scan = scan_of_array(signal["data"], str(path))
    try:
        scales = [float(axis.get("scale", 1)) for axis in axes]
        units = [str(axis.get("units") or "") for axis in axes]
        return replace(scan, pixel=pixel_size(scales, units, scan.frame, energy_kev))
    except NoCalibration as reason:
        return replace(scan, note=str(reason))


def _signals(reader, path: Path, plugin: str) -> list[dict]:
    """Return what the reader finds, in blocks of whole patterns where it lets choose them."""
    if plugin != "blockfile":
        return reader(str(path), lazy=True)
    height, width = reader(str(path), lazy=True)[0]["data"].shape[-2:]
    together = max(1, _BLOCK // (height * width))
    return reader(str(path), lazy=True, chunks=(1, together, height, width))


def _check_whole(path: Path, signal: dict) -> None:
    """Raise InputError if there are fewer patterns than the header file of a Merlin detector says."""
    told = signal.get("original_metadata", {}).get("hdr_file", {}).get(_FRAMES)
    found = math.prod(signal["data"].shape[:-2])
    if told is not None and found < int(told):
        raise InputError(
            f"{path}: {found} patterns, but its .hdr file says {told}: cut short; without that file, those "
            "that are there are read"
        )


def _chosen(path: Path, signals: list[dict], dataset: str | None) -> dict:
    """Return the signal of this title or number or, without, the only one that may be patterns."""
    found = {}
    for k, signal in enumerate(signals):
        title = signal.get("metadata", {}).get("General", {}).get("title", "")
        if len(signal["data"].shape) in (2, 3, 4):
            found[str(k)] = (title, signal)
    wanted = [s for k, (title, s) in found.items() if dataset is None or dataset in (k, title)]
    if len(wanted) != 1:
        names = ", ".join(f"{k} ({title})" for k, (title, _) in found.items()) or "none"
        asked = f"dataset {dataset!r} is not one of them" if dataset else "expected one; name it as dataset"
        raise InputError(f"{path}: arrays that may be patterns: {names}; {asked}")
    return wanted[0]
