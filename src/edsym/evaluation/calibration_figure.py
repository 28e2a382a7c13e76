"""Figure 5: reliability diagrams, before and after temperature scaling."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from edsym.evaluation.beyond_tables import METHODS, TARGETS, methods_of
from edsym.evaluation.calibration import expected_calibration_error, reliability
from edsym.evaluation.inputs import EvaluationInputs
from edsym.evaluation.palette import BLUE, ORANGE, add_note
from edsym.models.registry import MODELS

_MARKS = {"confidence": ("as predicted", ORANGE, "o"), "calibrated": ("scaled", BLUE, "s")}


def fig5(inputs: EvaluationInputs) -> Figure:
    """Accuracy against confidence of all models; a calibrated model lies on the diagonal."""
    single, *pools = methods_of(inputs.configuration, vote=False)
    methods = (single, pools[-1])  # the learned pool where there is one
    height = 0.5 + 2.5 * len(TARGETS) * len(methods)
    figure = Figure(figsize=(7.2, height), layout="constrained")
    grid = figure.subplots(len(TARGETS) * len(methods), len(MODELS), sharex=True, sharey=True, squeeze=False)
    rows = [(target, method) for target in TARGETS for method in methods]
    for axes_row, (target, method) in zip(grid, rows, strict=True):
        for axes, (model, frame) in zip(axes_row, inputs.decisions(method).items(), strict=True):
            _draw(axes, frame, target)
            axes.set_title(f"{MODELS[model].title}, {METHODS[method].lower()}", loc="left", fontsize=7)
        axes_row[0].set_ylabel(f"{TARGETS[target]}: accuracy")
    for axes in grid[-1]:
        axes.set_xlabel("Confidence")
    add_note(figure, inputs.run.line())
    return figure


def _draw(axes: Axes, frame: pd.DataFrame, target: str) -> None:
    """Draw the bins of one model's decisions, larger marks for more decisions."""
    right = (frame[target] == frame[f"predicted_{target}"]).to_numpy()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.6, zorder=0)
    for column, (label, colour, marker) in _MARKS.items():
        confidence = frame[f"{target}_{column}"].to_numpy()
        if np.isnan(confidence).any():
            continue
        bins = reliability(confidence, right)
        error = 100 * expected_calibration_error(confidence, right)
        axes.plot(bins.confidence, bins.accuracy, color=colour, linewidth=0.5)
        axes.scatter(
            bins.confidence, bins.accuracy, 4 + 40 * bins["count"] / len(frame), color=colour,
            marker=marker, linewidths=0, label=f"{label}: ECE {error:.1f} %",
        )  # fmt: skip
    # Room above for the legend.
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.33), aspect="equal", yticks=np.linspace(0, 1, 6))
    # The legend's marks are all of one size.
    for handle in axes.legend(loc="upper left", fontsize=5.5, handletextpad=0.1).legend_handles:
        handle.set_sizes([12])
