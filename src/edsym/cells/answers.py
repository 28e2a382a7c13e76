"""What the lattice finder says of test materials, beside the truth: a table with a row an answer."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from edsym.cells.table import POSITIONS, SCHEMA
from edsym.detector.detect import detect
from edsym.detector.levels import Detector
from edsym.lattice.bravais import bravais_lattices, system_probabilities
from edsym.lattice.compare import deviation
from edsym.lattice.find import Found, find_lattice
from edsym.parquet import write_parquet
from edsym.predictions.draw import draw_materials, draw_views
from edsym.predictions.settings import EvaluationSettings
from edsym.simulation.electrons import wavelength
from edsym.spots.split import read_split
from edsym.spots.store import read_spots
from edsym.structures.standard import standardize
from edsym.structures.table import read_materials

logger = logging.getLogger(__name__)

_EXACT = np.zeros((6, 6))


def find_cells(
    spots_paths: Iterable[str | Path],
    split_path: str | Path,
    structures_path: str | Path,
    output_path: str | Path,
    *,
    detectors: Sequence[tuple[str, Detector]],
    seed: int,
    energy_kev: float,
    materials: int,
    views: Sequence[int],
    evaluation: EvaluationSettings,
    job: int = 0,
    jobs: int = 1,
) -> None:
    """Write the answers of the lattice finder on chosen test materials, of one job's part of these.

    Parameters
    ----------
    spots_paths : iterable of str or Path
        All shards of spot lists.
    split_path, structures_path : str or Path
        The split, and the table of materials.
    output_path : str or Path
        The table to write, of `SCHEMA`.
    detectors : sequence of (str, Detector)
        What shows the spots, by level; under the name `POSITIONS` the fewest and the most views only.
    seed : int
        Seed of what detectors draw.
    energy_kev : float
        Energy of the electrons in keV.
    materials : int
        How many test materials are chosen, by the evaluation's seed and their names.
    views : sequence of int
        Patterns of a material that an answer is found from, ascending; the evaluation draws them.
    evaluation : EvaluationSettings
        How views are drawn.
    job, jobs : int
        Which part of how many is done here.

    Raises
    ------
    InputError
        If an input is unreadable. A material at which the finder fails is a row like others.
    """
    split = read_split(split_path)
    chosen = draw_materials(split.material_id[split.split == "test"], materials, evaluation)[job::jobs]
    rows = []
    if chosen:
        spots = read_spots(spots_paths, chosen)
        structures = read_materials(structures_path).set_index("material_id")
        for name in map(str, spots.material_id):
            own = spots.select([name])
            rows += _of_material(own, structures.loc[name], detectors, seed, energy_kev, views, evaluation)
    frame = pd.DataFrame(rows, columns=SCHEMA.names)
    write_parquet(pa.Table.from_pandas(frame, schema=SCHEMA, preserve_index=False), output_path)


def _of_material(spots, structure, detectors, seed, energy_kev, views, evaluation) -> Iterator[dict]:
    """Yield the rows of one material."""
    name = str(spots.material_id[0])
    coords = np.reshape(structure.frac_coords, (-1, 3))
    cell = standardize(np.reshape(structure.lattice, (3, 3)), structure.numbers, coords).lattice
    true = {
        "volume": abs(np.linalg.det(cell)),
        "system": structure.crystal_system,
        "lattice": bravais_lattices(cell, _EXACT)[0].bravais,
    }
    for level, detector in detectors:
        shown = detect(spots, detector, seed)
        about = {"material_id": name, "level": level, **true}
        about |= {"position_error": detector.position_error, "scale_error": detector.scale_error}
        for n in views if level != POSITIONS else sorted({min(views), max(views)}):
            drawn, _ = draw_views(shown.material_id[shown.material], shown.view, evaluation.replace(views=n))
            patterns = shown.rows(drawn)
            row = about | {"views": n, "spots": sum(map(len, patterns))}
            yield row | _answer(patterns, cell, energy_kev, f"{name}, {level}, {n} views")


def _answer(patterns: list[np.ndarray], cell: np.ndarray, energy_kev: float, where: str) -> dict:
    """Return what the finder says of patterns, judged by the true cell; a failure is told."""
    nothing = {"deviation": np.inf, "deviation_to_scale": np.inf, "probability": 0.0, "failure": ""}
    nothing |= {"predicted_lattice": "none", "predicted_system": "none"}
    try:
        found = find_lattice(patterns, wavelength(energy_kev))
        return nothing if found is None else nothing | _judged(found, cell)
    except Exception as error:  # a defect at one material is a row of the table, and no end of the others
        logger.warning("%s: %s", where, error, exc_info=True)
        return nothing | {"failure": f"{type(error).__name__}: {error}"}


def _judged(found: Found, cell: np.ndarray) -> dict:
    direct = np.linalg.inv(found.solution.fit.basis).T
    bravais = bravais_lattices(direct, found.solution.fit.covariance)
    systems = system_probabilities(bravais)
    bound = np.linalg.solve(bravais[0].transformation, bravais[0].conventional)
    return {
        "deviation": deviation(bound, cell),
        "deviation_to_scale": deviation(bound, cell, up_to_scale=True),
        "probability": found.probability,
        "predicted_lattice": bravais[0].bravais,
        "predicted_system": max(systems, key=systems.get),
    }
