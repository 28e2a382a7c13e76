"""Figure 1: confusion matrices of the crystal systems and distributions of confidence."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from edsym.evaluation.inputs import EvaluationInputs
from edsym.evaluation.methods import decides
from edsym.evaluation.metrics import accuracy, confusion_counts, confusion_shares
from edsym.evaluation.palette import BLUE, ORANGE, add_note
from edsym.models.registry import MODELS
from edsym.symmetry import CRYSTAL_SYSTEMS

_BINS = 20
_PANEL_WIDTH = 2.2  # inches


def fig1(inputs: EvaluationInputs) -> Figure:
    """Confusion and confidence of all models, on single patterns and by several views.

    A column for each model; above single patterns, below several views: their vote, or what a model says that
    reads them together.
    """
    figure = Figure(figsize=(0.8 + _PANEL_WIDTH * len(inputs.models), 8.6), layout="constrained")
    figure.get_layout_engine().set(hspace=0.02, h_pad=0.12)
    grid = figure.subplots(4, len(inputs.models), height_ratios=(3, 1.1) * 2, squeeze=False)
    views, level = inputs.run.views, inputs.run.shown_level
    titles = {
        "single": "single patterns",
        "vote": f"vote of {views} views",
        "together": f"{views} views together",
    }
    for block, methods in enumerate((("single",), ("together", "vote"))):
        confusions, confidences = grid[2 * block : 2 * block + 2]
        for column, model in enumerate(inputs.models):
            method = next(m for m in methods if decides(model, m))
            frame = inputs.decisions(method, level)[model]
            name = f"{MODELS[model].title},\n{level} spots, {titles[method]}"
            confusions[column].set_title(name, loc="left", fontweight="bold", fontsize=7)
            _draw_confusion(confusions[column], frame, first=column == 0)
            _draw_confidence(confidences[column], frame, method, views)
        unit = "materials" if block else "patterns"
        confusions[0].set_ylabel(f"True crystal system (n: test {unit})")
        confidences[0].set_ylabel(f"Test {unit}, %")
    add_note(figure, inputs.run.line())
    return figure


def _draw_confusion(axes: Axes, frame: pd.DataFrame, *, first: bool) -> None:
    """Draw shares of each true system in percent; systems without patterns are hatched."""
    n = len(CRYSTAL_SYSTEMS)
    counts = confusion_counts(frame.system, frame.predicted_system, n)
    shares = 100 * confusion_shares(counts)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    axes.spines[:].set_visible(False)
    for i, j in np.ndindex(n, n):
        if not np.isnan(shares[i, j]):
            colour = "white" if shares[i, j] > 55 else "black"
            text = f"{shares[i, j]:.1f}" if counts[i, j] else "0"
            axes.text(j, i, text, ha="center", va="center", fontsize=5.5, color=colour)
    for i in np.flatnonzero(np.isnan(shares[:, 0])):
        axes.axhspan(i - 0.5, i + 0.5, facecolor="0.95", edgecolor="0.7", hatch="////", linewidth=0)
    totals = counts.sum(axis=1)
    labels = [f"{name}\n(n = {total:,})" for name, total in zip(CRYSTAL_SYSTEMS, totals, strict=True)]
    # All models are tested on the same patterns: one column of names does for all.
    axes.set_yticks(range(n), labels if first else [""] * n, fontsize=6)
    axes.set_xticks(range(n), CRYSTAL_SYSTEMS, rotation=40, ha="right", rotation_mode="anchor", fontsize=6)
    axes.tick_params(length=0)
    axes.set_xlabel("Predicted (% of the true system)")


def _draw_confidence(axes: Axes, frame: pd.DataFrame, method: str, views: int) -> None:
    """Draw how many decisions have which confidence, the right and the wrong ones stacked."""
    # Shares of votes are multiples of 1/views: every bar is one of them.
    edges = (np.arange(views + 2) - 0.5) / views if method == "vote" else np.linspace(0, 1, _BINS + 1)
    right = (frame.system == frame.predicted_system).to_numpy()
    below = np.zeros(len(edges) - 1)
    share = 100 * accuracy(frame.system, frame.predicted_system)
    groups = (
        (right, f"right ({share:.1f} %)", BLUE, ""),
        (~right, f"wrong ({100 - share:.1f} %)", ORANGE, "////"),
    )
    for chosen, label, colour, hatch in groups:
        heights = 100 * np.histogram(frame.system_confidence[chosen], edges)[0] / len(frame)
        axes.bar(
            edges[:-1], heights, np.diff(edges), below, align="edge", label=label,
            color=colour, hatch=hatch, edgecolor="white", linewidth=0.3,
        )  # fmt: skip
        below += heights
    axes.set_xlim(min(edges[0], 0), max(edges[-1], 1))
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 0.98), ncols=2, fontsize=6, handlelength=1.2,
        columnspacing=1, borderaxespad=0,
    )  # fmt: skip
    axes.set_xlabel("Share of votes" if method == "vote" else "Largest probability")
