"""The run's accuracies against the published ones: figure 9."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from edsym.evaluation.inputs import EvaluationInputs
from edsym.evaluation.palette import BLUE, ORANGE, VERMILION, add_note
from edsym.evaluation.products import SYSTEM_LABELS
from edsym.evaluation.published_cells import METHODS, QUANTITIES, cells
from edsym.models.registry import MODELS

_COLOURS, _MARKERS = {"gmoe": BLUE, "forest": VERMILION, "mvof": ORANGE}, {"single": "o", "vote": "s"}


def fig9(inputs: EvaluationInputs) -> Figure:
    """Accuracies against the published ones, for crystal systems and for space groups."""
    frame = pd.DataFrame(list(cells(inputs)))
    figure = Figure(figsize=(7.2, 3.9), layout="constrained")
    panels = figure.subplots(1, len(QUANTITIES), sharex=True, sharey=True)
    for axes, (quantity, _) in zip(panels, QUANTITIES.values(), strict=True):
        _draw(axes, frame[(frame.quantity == quantity) & frame.difference.notna()])
        axes.set(title=quantity, xlabel="Published, %", xlim=(0, 102), ylim=(0, 102), aspect="equal")
    panels[0].set_ylabel(f"This run, {inputs.run.published_level} spots, %")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=3, fontsize=6)
    add_note(figure, inputs.run.line())
    return figure


def _draw(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw the values of each model and method with their intervals; large marks are of all patterns."""
    axes.plot((0, 102), (0, 102), color="0.8", lw=0.7, zorder=0)
    titles = {MODELS[model].title: colour for model, colour in _COLOURS.items()}
    markers = {METHODS[method]: marker for method, marker in _MARKERS.items()}
    for (model, method), own in rows.groupby(["model", "method"], sort=False):
        x, y = own.published.astype(float), own.ours
        errors = (y - own.ours_low, own.ours_high - y)
        style = {"color": titles[model], "fmt": markers[method], "elinewidth": 0.4}
        axes.errorbar(x, y, errors, markersize=2.5, label=f"{model}, {method}", **style)
        whole = own[own.system == SYSTEM_LABELS["all"]]
        axes.plot(whole.published.astype(float), whole.ours, markers[method], color=titles[model], ms=6)
        for row in own.itertuples():
            if row.system != SYSTEM_LABELS["all"]:
                axes.annotate(
                    row.system[:5], (row.published, row.ours), (3, -5), textcoords="offset points", fontsize=4
                )
