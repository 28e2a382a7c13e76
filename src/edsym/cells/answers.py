"""What the lattice finder says of test materials, beside the truth: a table with a row an answer."""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from edsym.cells.chosen import CellTest
from edsym.cells.table import POSITIONS, SCHEMA
from edsym.detector.detect import detect
from edsym.lattice.bravais import bravais_lattices, system_probabilities
from edsym.lattice.compare import deviation
from edsym.lattice.find import Found, find_lattice
from edsym.parquet import write_parquet
from edsym.predictions.draw import draw_views
from edsym.simulation.electrons import wavelength
from edsym.structures.standard import standardize

logger = logging.getLogger(__name__)

_EXACT = np.zeros((6, 6))


def find_cells(
    test: CellTest, output_path: str | Path, *, energy_kev: float, job: int = 0, jobs: int = 1
) -> None:
    """Write the answers of the lattice finder on chosen test materials, of one job's part of these.

    Parameters
    ----------
    test : CellTest
        Materials, patterns and detectors; under the name `POSITIONS` of a level the fewest and the most views
        only.
    output_path : str or Path
        The table to write, of `SCHEMA`.
    energy_kev : float
        Energy of the electrons in keV.
    job, jobs : int
        Which part of how many is done here.

    Raises
    ------
    InputError
        If an input is unreadable. A material at which the finder fails is a row like others.
    """
    chosen, rows = test.material_ids()[job::jobs], []
    if chosen:
        spots, structures = test.spots(chosen), test.structures()
        for name in map(str, spots.material_id):
            rows += _of_material(spots.select([name]), structures.loc[name], test, energy_kev)
    frame = pd.DataFrame(rows, columns=SCHEMA.names)
    write_parquet(pa.Table.from_pandas(frame, schema=SCHEMA, preserve_index=False), output_path)


def _of_material(spots, structure, test: CellTest, energy_kev: float) -> Iterator[dict]:
    """Yield the rows of one material."""
    name = str(spots.material_id[0])
    coords = np.reshape(structure.frac_coords, (-1, 3))
    cell = standardize(np.reshape(structure.lattice, (3, 3)), structure.numbers, coords).lattice
    true = {
        "volume": abs(np.linalg.det(cell)),
        "system": structure.crystal_system,
        "lattice": bravais_lattices(cell, _EXACT)[0].bravais,
    }
    views = test.views
    for level, detector in test.detectors:
        shown = detect(spots, detector, test.seed)
        about = {"material_id": name, "level": level, **true}
        about |= {"position_error": detector.position_error, "scale_error": detector.scale_error}
        for n in views if level != POSITIONS else sorted({min(views), max(views)}):
            drawn, _ = draw_views(
                shown.material_id[shown.material], shown.view, test.evaluation.replace(views=n)
            )
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
