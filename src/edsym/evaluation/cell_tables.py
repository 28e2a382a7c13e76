"""How well lattices are told of the test materials: tables 12 and 19. All shares are percentages."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from edsym.cells.table import POSITIONS
from edsym.evaluation.accuracy_tables import LEVEL
from edsym.evaluation.inputs import EvaluationInputs
from edsym.evaluation.metrics import accuracy_in_percent, expected_calibration_error, wilson_interval
from edsym.evaluation.table_writer import Column, Table

WITHIN = {"within_3": 0.03, "within_1": 0.01, "within_05": 0.005}
"""Largest deviations of a cell that is right, by the columns of the table."""
_CALIBRATED = 0.03  # what the finder's probability is about


def table12(inputs: EvaluationInputs) -> Table:
    """Share of right cells and systems, by the level of the detector and the number of patterns."""
    shares = [*WITHIN, "with_scale_3", "lattice"]
    names = ["spots", "views", *(f"{name}{end}" for name in shares for end in ("", "_low", "_high"))]
    names += ["probability", "ece", "system", "system_low", "system_high", "system_macro"]
    return Table(
        "table12",
        "Unit cells from spots alone: accuracy of the lattice finder by the number of patterns",
        pd.DataFrame(list(_rows(inputs)), columns=[*names, "failures", "materials"]),
        (
            LEVEL,
            Column("views", "Patterns", "count"),
            Column("within_3", "Cell within 3 %, %", "interval"),
            Column("within_1", "1 %, %", "interval"),
            Column("within_05", "0.5 %, %", "interval"),
            Column("with_scale_3", "3 % with the scale, %", "percent"),
            Column("probability", "Mean probability, %", "percent"),
            Column("ece", "ECE, %", "percent"),
            Column("lattice", "Bravais lattice, %", "percent"),
            Column("system", "Crystal system, %", "interval"),
            Column("system_macro", "Mean recall of systems, %", "percent"),
            Column("materials", "Test materials", "count"),
        ),
        inputs.run.line(),
        "A cell is right if the fourteen shortest vectors of its primitive lattice are within the stated "
        "share, up to a common factor where the detector has an error of scale, which no pattern tells; one "
        "column is without this allowance. In brackets: 95 % interval (Wilson). Probability and ECE: of what "
        "is stated for each cell, that it is right within 3 % up to a common factor, in 15 bins. The Bravais "
        "lattice is compared with that of the true lattice. The crystal system is told by the lattice alone, "
        "which may have more symmetry than the crystal. No published counterpart.",
    )


def right(answers: pd.DataFrame, limit: float) -> np.ndarray:
    """Return which cells (n,) are right within a share, up to a factor where the scale is not known."""
    return deviations_of(answers) < limit


def deviations_of(answers: pd.DataFrame) -> np.ndarray:
    """Return how far cells (n,) are off, up to a factor where the scale is not known."""
    return np.where(answers.scale_error > 0, answers.deviation_to_scale, answers.deviation)


def share_in_percent(hits: np.ndarray, name: str) -> dict[str, float]:
    """Return a share ``{name}`` and its 95 % interval, ``{name}_low`` and ``{name}_high``."""
    share = hits.mean() if len(hits) else np.nan
    low, high = wilson_interval(share, len(hits))
    return {name: 100 * share, f"{name}_low": 100 * low, f"{name}_high": 100 * high}


def _rows(inputs: EvaluationInputs) -> Iterator[dict]:
    answers = inputs.cells[inputs.cells.level != POSITIONS]
    for (level, views), frame in answers.groupby(["level", "views"], sort=False):
        row = {"spots": level, "views": views, "materials": len(frame)}
        for name, limit in WITHIN.items():
            row |= share_in_percent(right(frame, limit), name)
        row |= share_in_percent((frame.deviation < _CALIBRATED).to_numpy(), "with_scale_3")
        row |= share_in_percent((frame.lattice == frame.predicted_lattice).to_numpy(), "lattice")
        row |= accuracy_in_percent(frame, "system", "system")
        to_scale = (frame.deviation_to_scale < _CALIBRATED).to_numpy()
        ece = expected_calibration_error(frame.probability.to_numpy(), to_scale)
        row |= {"probability": 100 * frame.probability.mean(), "ece": 100 * ece}
        yield row | {"failures": int((frame.failure != "").sum())}


_SHARES = {"within_1": 0.01, "within_3": 0.03, "within_10": 0.1}


def table19(inputs: EvaluationInputs) -> Table:
    """Lattices by the forest's regressors beside those of the lattice finder, on the same patterns."""
    names = [
        "method",
        "spots",
        "views",
        "median",
        *(f"{n}{end}" for n in _SHARES for end in ("", "_low", "_high")),
    ]
    return Table(
        "table19",
        "Unit cells by the forest's regressors and by the lattice finder",
        pd.DataFrame(list(_compared(inputs)), columns=[*names, "materials"]),
        (
            Column("method", "Method"),
            LEVEL,
            Column("views", "Patterns", "count"),
            Column("median", "Median deviation, %", "number"),
            *(Column(name, f"Within {100 * limit:g} %, %", "interval") for name, limit in _SHARES.items()),
            Column("materials", "Test materials", "count"),
        ),
        inputs.run.line(),
        "The deviation is that of table 12: the largest relative one of the fourteen shortest vectors of the "
        "primitive lattice, up to a common factor where the detector has an error of scale; where no cell is "
        "told it is infinite. The regressors tell the free parameters of the crystal system that the forest "
        "answers, and the centring is that of its space group; of orthorhombic lattices with one centred "
        "face, the face counts that is nearest to the truth. No published counterpart.",
    )


def _compared(inputs: EvaluationInputs) -> Iterator[dict]:
    found = inputs.cells[inputs.cells.level != POSITIONS]
    for method, answers in {"Lattice finder": found, "Forest's regressors": inputs.regressed}.items():
        for (level, views), frame in answers.groupby(["level", "views"], sort=False):
            off = deviations_of(frame)
            row = {"method": method, "spots": level, "views": views, "materials": len(frame)}
            median = 100 * float(np.median(off))
            row["median"] = median if np.isfinite(median) else np.nan
            for name, limit in _SHARES.items():
                row |= share_in_percent(off < limit, name)
            yield row
