"""Table 10: accuracy against single nuisances of a detector. All shares are percentages."""

from collections.abc import Iterator

import pandas as pd

from edsym.evaluation.inputs import EvaluationInputs
from edsym.evaluation.metrics import accuracy_columns, accuracy_in_percent, sizes
from edsym.evaluation.table_writer import Column, Table
from edsym.models.registry import MODELS

NUISANCES = {
    "none": ("None", ""),
    "position": ("Error of each position", "1/Å"),
    "centre": ("Error of the centre", "1/Å"),
    "scale": ("Error of the scale", "%"),
    "ellipse": ("Ellipse", "%"),
    "intensity": ("Error of ln(intensity)", ""),
    "threshold": ("Threshold, up to", "of the beam"),
    "lost": ("Spots lost", "%"),
    "spurious": ("Spurious spots", "%"),
}
"""Nuisances by their names in the table of decisions: what they are called, and the unit of their size."""

METHODS = {"single": "one pattern", "logsum": "log-sum"}
_TARGETS = {"system": "Crystal system", "spacegroup": "Space group"}


def table10(inputs: EvaluationInputs) -> Table:
    """Accuracy of all models with one nuisance at a time."""
    values = [f"{target}_{method}" for target in _TARGETS for method in METHODS]
    names = ("model", "nuisance", "size", "unit", "patterns", "materials", *accuracy_columns(values))
    headings = [f"{target}, {name}, %" for target in _TARGETS.values() for name in METHODS.values()]
    return Table(
        "table10",
        "Accuracy with one nuisance of the detector at a time",
        pd.DataFrame(list(nuisance_rows(inputs)), columns=list(names)),
        (
            Column("model", "Model"),
            Column("nuisance", "Nuisance"),
            Column("size", "Size", "size"),
            Column("unit", "Unit"),
            *(Column(value, heading, "percent") for value, heading in zip(values, headings, strict=True)),
            Column("patterns", "Test patterns", "count"),
            Column("materials", "Test materials", "count"),
        ),
        inputs.run.line(),
        "Sizes of errors are standard deviations; a threshold is drawn for each pattern. Only views count "
        "that are drawn for the log-probability sum, of as many test materials as the last column says. The "
        "csv file has 95 % intervals (Wilson, with the materials as independent trials) and mean recalls of "
        "the classes. No published counterpart.",
    )


def nuisance_rows(inputs: EvaluationInputs) -> Iterator[dict]:
    """Yield the row of each model, nuisance and size."""
    for model in inputs.models:
        for (nuisance, size), frame in inputs.curves(model).groupby(["nuisance", "size"], sort=False):
            name, unit = NUISANCES[nuisance]
            row = {"model": MODELS[model].title, "nuisance": name}
            row |= {"size": _shown(size, unit), "unit": unit or None}
            for method in METHODS:
                decided = frame[frame.method == method]
                row |= sizes(decided) if method == "single" else {}
                for target in _TARGETS:
                    row |= accuracy_in_percent(decided, target, f"{target}_{method}")
            yield row


def _shown(size: float, unit: str) -> float:
    return 100 * size if unit == "%" else size
