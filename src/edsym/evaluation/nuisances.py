"""Accuracy against single nuisances of a detector: table 10 and figure 7. All shares are percentages."""

from collections.abc import Iterator

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from edsym.evaluation.inputs import EvaluationInputs
from edsym.evaluation.metrics import accuracy_columns, accuracy_in_percent, sizes
from edsym.evaluation.palette import BLUE, ORANGE, VERMILION, add_note
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

_METHODS = {"single": "one pattern", "logsum": "log-sum"}
_TARGETS = {"system": "Crystal system", "spacegroup": "Space group"}
_COLOURS, _MARKERS = (BLUE, ORANGE, VERMILION, "#009e73", "#cc79a7"), "osD^v"


def table10(inputs: EvaluationInputs) -> Table:
    """Accuracy of all models with one nuisance at a time."""
    values = [f"{target}_{method}" for target in _TARGETS for method in _METHODS]
    names = ("model", "nuisance", "size", "unit", "patterns", "materials", *accuracy_columns(values))
    headings = [f"{target}, {name}, %" for target in _TARGETS.values() for name in _METHODS.values()]
    return Table(
        "table10",
        "Accuracy with one nuisance of the detector at a time",
        pd.DataFrame(list(_rows(inputs)), columns=list(names)),
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
        "that are drawn for the log-probability sum. The csv file has 95 % intervals (Wilson, with the "
        "materials as independent trials) and mean recalls of the classes. No published counterpart.",
    )


def _rows(inputs: EvaluationInputs) -> Iterator[dict]:
    for model, entry in MODELS.items():
        for (nuisance, size), frame in inputs.curves(model).groupby(["nuisance", "size"], sort=False):
            name, unit = NUISANCES[nuisance]
            row = {"model": entry.title, "nuisance": name, "size": _shown(size, unit), "unit": unit or None}
            for method in _METHODS:
                decided = frame[frame.method == method]
                row |= sizes(decided) if method == "single" else {}
                for target in _TARGETS:
                    row |= accuracy_in_percent(decided, target, f"{target}_{method}")
            yield row


def _shown(size: float, unit: str) -> float:
    return 100 * size if unit == "%" else size


def fig7(inputs: EvaluationInputs) -> Figure:
    """Crystal-system accuracy against each nuisance: single patterns, and the log-sum of several views."""
    rows = pd.DataFrame(list(_rows(inputs)))
    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    grid = figure.subplots(2, 4, sharey=True).ravel()
    ideal = rows[rows.nuisance == NUISANCES["none"][0]]
    for axes, (name, unit) in zip(grid, list(NUISANCES.values())[1:], strict=True):
        _draw(axes, pd.concat([ideal, rows[rows.nuisance == name]]))
        axes.set_xlabel(f"{name}, {unit}" if unit else name)
    for axes in grid[::4]:
        axes.set_ylabel("Crystal-system accuracy, %")
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=len(MODELS))
    add_note(figure, inputs.run.line())
    return figure


def _draw(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw the curves of all models: full lines for single patterns, broken ones for several views."""
    for (model, frame), colour, marker in zip(
        rows.groupby("model", sort=False), _COLOURS, _MARKERS, strict=False
    ):
        for (method, name), line in zip(_METHODS.items(), ("-", "--"), strict=True):
            label = f"{model}, {name}"
            values = frame[f"system_{method}"]
            axes.plot(frame["size"], values, line, color=colour, marker=marker, ms=3, lw=0.9, label=label)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.set_ylim(0, 102)
