"""Crystal symmetry from electron diffraction: simulation, networks, forests and their evaluation."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edsym.experiment.ellipse_fit import measure_ellipse
    from edsym.experiment.files.read import read_scan
    from edsym.experiment.spots.scan_spots import read_scan_spots
    from edsym.interface.cell import find_cell, find_crystals
    from edsym.interface.classify import classify_scan
    from edsym.interface.finding import find_spots
    from edsym.interface.model import load_model
    from edsym.interface.orientation import match_orientations
    from edsym.interface.plot import plot_pattern
    from edsym.interface.powder import classify_powder, simulate_powder
    from edsym.interface.simulation import simulate
    from edsym.interface.spot_files import read_spots
    from edsym.interface.spots import Spots
    from edsym.powder.pattern import PowderPattern
    from edsym.powder.pattern_files import read_powder
    from edsym.structures.structure import Structure

# Late and by name: who only simulates does not load torch, and no stage of the workflow stands on this.
_MODULES = {
    "PowderPattern": "edsym.powder.pattern",
    "Spots": "edsym.interface.spots",
    "Structure": "edsym.structures.structure",
    "classify_powder": "edsym.interface.powder",
    "classify_scan": "edsym.interface.classify",
    "find_cell": "edsym.interface.cell",
    "find_crystals": "edsym.interface.cell",
    "find_spots": "edsym.interface.finding",
    "load_model": "edsym.interface.model",
    "match_orientations": "edsym.interface.orientation",
    "measure_ellipse": "edsym.experiment.ellipse_fit",
    "plot_pattern": "edsym.interface.plot",
    "read_powder": "edsym.powder.pattern_files",
    "read_scan": "edsym.experiment.files.read",
    "read_scan_spots": "edsym.experiment.spots.scan_spots",
    "read_spots": "edsym.interface.spot_files",
    "simulate": "edsym.interface.simulation",
    "simulate_powder": "edsym.interface.powder",
}

__all__ = [
    "PowderPattern",
    "Spots",
    "Structure",
    "classify_powder",
    "classify_scan",
    "find_cell",
    "find_crystals",
    "find_spots",
    "load_model",
    "match_orientations",
    "measure_ellipse",
    "plot_pattern",
    "read_powder",
    "read_scan",
    "read_scan_spots",
    "read_spots",
    "simulate",
    "simulate_powder",
]


def __getattr__(name: str):
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
