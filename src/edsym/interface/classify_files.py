"""What `edsym classify` does: from the file of a scan, or of its spots, to a folder with its map."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg

from edsym.errors import InputError
from edsym.evaluation.drawing import STYLE
from edsym.evaluation.map_figure import draw_maps
from edsym.evaluation.map_tables import shares_of_map
from edsym.experiment.files.read import read_scan
from edsym.experiment.files.scan import Scan
from edsym.experiment.spots.find import find_scan_spots
from edsym.experiment.spots.scan_spots import ScanSpots, is_scan_spots, read_scan_spots
from edsym.files import atomic_path
from edsym.interface.classify import classify_scan
from edsym.interface.known_phases import LEAST_SCORE, match_scan
from edsym.mapping.scan_map import ScanMap
from edsym.page.write import scan_of_spots, write_page
from edsym.specimen.truth import read_truth

_DPI = 150
_SHOWN = ("grain", "positions", "crystal_system", "p_crystal_system", "space_group", "bravais", "a", "b", "c")


def classify_file(
    path: str | Path,
    out: str | Path,
    *,
    model: str = "lattice",
    energy_kev: float = 300.0,
    pixel: float | Sequence[float] | None = None,
    shape: tuple[int, int] | None = None,
    min_intensity: float = 0.001,
    phases: Sequence[str | Path] = (),
    thickness: float = 200.0,
    min_score: float = LEAST_SCORE,
    threads: int = 1,
) -> ScanMap:
    """Classify a scan: spots, map, page, picture, and tables of positions, grains and phases in a folder.

    Parameters
    ----------
    path : str or Path
        A scan, or the spots that `edsym spots` has found in it.
    out : str or Path
        The folder. What an ended run has left there is gone on from.
    model, energy_kev, min_intensity, threads
        See `edsym.interface.classify.classify_scan`.
    pixel, shape
        See `edsym.read_scan`.
    phases, thickness, min_score
        Candidate phases that template matching tells apart beside the model, see
        `edsym.interface.known_phases.match_scan`.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    spots, scan = _spots(Path(path), out, pixel, shape, energy_kev, threads)
    if spots.pixel is None:
        raise InputError(f"{path}: the pixels are not calibrated, give their 1/Å as pixel")
    found = classify_scan(
        spots,
        model,
        energy_kev,
        min_intensity=min_intensity,
        threads=threads,
        progress=True,
        parts=out / "parts",
    )
    if phases:
        known = match_scan(
            spots,
            phases,
            energy_kev,
            thickness,
            min_score=min_score,
            grain=found.grain,
            jobs=threads,
            progress=True,
            parts=out / "known.parts",
        )
        found = replace(found, known=known)
    found.write(out / "map.h5")
    found.to_csv(*(out / f"{name}.csv" for name in ("positions", "grains", "phases")))
    with mpl.rc_context(mpl.rcParamsDefault | STYLE), atomic_path(out / "map.png") as temporary:
        figure = draw_maps([found], read_truth(path), shares_of_map(found))
        FigureCanvasAgg(figure)
        figure.savefig(temporary, format="png", dpi=_DPI)
    write_page(out / "map.html", found, spots, scan, min_intensity)
    for parts in ("parts", "known.parts"):
        shutil.rmtree(out / parts, ignore_errors=True)
    return found


def _spots(
    path: Path, out: Path, pixel, shape, energy_kev: float, threads: int
) -> tuple[ScanSpots, Scan | None]:
    """Return the spots of a scan, from their own file, from an earlier run, or found now; and the scan."""
    if is_scan_spots(path):
        spots = read_scan_spots(path)
        return spots, scan_of_spots(spots)
    scan = read_scan(path, pixel=pixel, shape=shape, energy_kev=energy_kev)
    kept = out / "spots.h5"
    if kept.exists() and kept.stat().st_mtime > path.stat().st_mtime:
        spots = read_scan_spots(kept)
        same = spots.pixel is not None and scan.pixel is not None and np.allclose(spots.pixel, scan.pixel)
        if same and (spots.facts["name"], spots.shape, spots.frame) == (scan.name, scan.shape, scan.frame):
            return spots, scan
    spots = find_scan_spots(scan, threads=threads, progress=True, parts=out / "spots.parts")
    spots.write(kept)
    return spots, scan


def summary(found: ScanMap) -> str:
    """Return in words what a map says."""
    lines = [
        f"{found.shape[0]} × {found.shape[1]} positions: {found.of_positions.answered.sum()} have five spots "
        f"or more, {found.of_positions.valid.sum()} of them like what the model was trained on; "
        f"{len(found.of_grains)} grains of {len(found.of_phases)} phases"
    ]
    for one in shares_of_map(found):
        text = ", ".join(f"{name} {value:.0f} %" for name, value in one.percent.items())
        lines.append(f"{one.label}: {text}")
    if found.known is not None:
        counts = found.known.positions().known_phase.value_counts()
        told = [f"{name} {n}" for name, n in counts.items() if name]
        lines.append(f"known phases: positions: {', '.join(told) or 'no match'}")
    known = [] if found.known is None else ["known_phase", "known_share"]
    lines += _listed(found.phases(), found.of_phases.cell, ["phase", "grains", "positions"])
    lines += _listed(found.grains(), found.of_grains.cell, ["grain", "phase", "positions", *known])
    return "\n".join(lines) + "\n"


def _listed(table: pd.DataFrame, cell: np.ndarray, first: list[str]) -> list[str]:
    """Return a table of phases or grains in words."""
    if not len(table):
        return []
    chosen = table[[*first, "crystal_system", "p_crystal_system", "space_group", "bravais"]]
    cells = [" ".join(f"{v:.3f}" for v in c[:3]) if c[0] == c[0] else "" for c in cell]
    return ["", chosen.assign(cell=cells).to_string(index=False, float_format="{:.2f}".format)]
