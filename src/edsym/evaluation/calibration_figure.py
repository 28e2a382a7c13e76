"""Figure 5: reliability diagrams, before and after temperature scaling."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from edsym.evaluation.beyond_tables import TARGETS
from edsym.evaluation.inputs import EvaluationInputs
from edsym.evaluation.methods import METHODS, methods_of
from edsym.evaluation.metrics import expected_calibration_error, reliability, wilson_interval
from edsym.evaluation.palette import BLUE, ORANGE, add_note
from edsym.models.registry import MODELS

_MARKS = {"confidence": ("as predicted", ORANGE, "o", -0.006), "calibrated": ("scaled", BLUE, "s", 0.006)}
_SMALLEST_SHARE, _FEWEST_TRIALS = 0.01, 3
"""Bins with a smaller share of the decisions, or of fewer materials, are not drawn."""
_PANEL_WIDTH = 2.2  # inches


def fig5(inputs: EvaluationInputs) -> Figure:
    """Accuracy against confidence, a column for each model; a calibrated model lies on the diagonal."""
    level = inputs.run.shown_level
    rows = [(target, views) for target in TARGETS for views in (False, True)]
    figure = Figure(figsize=(0.6 + _PANEL_WIDTH * len(inputs.models), 8.8), layout="constrained")
    grid = figure.subplots(len(rows), len(inputs.models), sharex=True, sharey=True, squeeze=False)
    for axes_row, (target, views) in zip(grid, rows, strict=True):
        for axes, model in zip(axes_row, inputs.models, strict=True):
            methods = methods_of(model, inputs.configuration, counted=False)
            # the best of several views: read together, or by the learned pool where there is one
            method = methods[-1] if views else "single"
            _draw(axes, inputs.decisions(method, level)[model], target)
            axes.get_legend().set_title(METHODS[method], {"size": 6})
        kind = "several views" if views else "one pattern"
        axes_row[0].set_ylabel(f"{TARGETS[target]}, {kind}:\naccuracy")
    for axes, model in zip(grid[0], inputs.models, strict=True):
        axes.set_title(f"{MODELS[model].title},\n{level} spots", loc="left", fontweight="bold")
    for axes in grid[-1]:
        axes.set_xlabel("Confidence")
    add_note(figure, inputs.run.line())
    return figure


def _draw(axes: Axes, frame: pd.DataFrame, target: str) -> None:
    """Draw the bins of one model's decisions with their 95 % intervals, materials taken as the trials."""
    right = (frame[target] == frame[f"predicted_{target}"]).to_numpy()
    independent = frame.material_id.nunique() / len(frame)
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.6, zorder=0)
    for column, (label, colour, marker, shift) in _MARKS.items():
        confidence = frame[f"{target}_{column}"].to_numpy()
        if np.isnan(confidence).any():
            continue
        bins = reliability(confidence, right)
        trials = np.rint(independent * bins["count"]).astype(int)
        drawn = trials >= max(_FEWEST_TRIALS, _SMALLEST_SHARE * independent * len(frame))
        bins, trials = bins[drawn], trials[drawn]
        interval = [wilson_interval(share, n) for share, n in zip(bins.accuracy, trials, strict=True)]
        below, above = np.abs(np.reshape(interval, (-1, 2)).T - bins.accuracy.to_numpy())
        error = 100 * expected_calibration_error(confidence, right)
        axes.errorbar(
            bins.confidence + shift, bins.accuracy, (below, above), fmt=marker,
            color=colour, markersize=2.5, elinewidth=0.5, label=f"{label}: ECE {error:.1f} %",
        )  # fmt: skip
    # Room above for the legend.
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.3), yticks=np.linspace(0, 1, 6))
    axes.legend(loc="upper left", fontsize=6, handletextpad=0.1, borderaxespad=0.1)
