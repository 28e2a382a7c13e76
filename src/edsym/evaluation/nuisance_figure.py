"""Figure 7: accuracy against single nuisances of a detector."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from edsym.evaluation.inputs import EvaluationInputs
from edsym.evaluation.nuisances import METHODS, NUISANCES, nuisance_rows
from edsym.evaluation.palette import BLUE, ORANGE, VERMILION, add_note

_COLOURS = (BLUE, ORANGE, VERMILION, "#009e73", "#cc79a7", "#56b4e9", "#8c8c8c")
_MARKERS = "osD^vP*"


def fig7(inputs: EvaluationInputs) -> Figure:
    """Crystal-system accuracy against each nuisance: single patterns, and the log-sum of several views."""
    rows = pd.DataFrame(list(nuisance_rows(inputs)))
    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    grid = figure.subplots(2, 4, sharey=True).ravel()
    ideal = rows[rows.nuisance == NUISANCES["none"][0]]
    for axes, (name, unit) in zip(grid, list(NUISANCES.values())[1:], strict=True):
        _draw(axes, pd.concat([ideal, rows[rows.nuisance == name]]))
        axes.set_xlabel(f"{name}, {unit}" if unit else name)
    for axes in grid[::4]:
        axes.set_ylabel("Crystal-system accuracy, %")
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=2)
    add_note(figure, f"{inputs.run.line()} These curves: {rows.materials.max():,} test materials.")
    return figure


def _draw(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw the curves of all models: full lines for single patterns, broken ones for several views."""
    for (model, frame), colour, marker in zip(
        rows.groupby("model", sort=False), _COLOURS, _MARKERS, strict=False
    ):
        for (method, name), line in zip(METHODS.items(), ("-", "--"), strict=True):
            label = f"{model}, {name}"
            values = frame[f"system_{method}"]
            axes.plot(frame["size"], values, line, color=colour, marker=marker, ms=3, lw=0.9, label=label)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.set_ylim(0, 102)
