"""Figures of the powder network: patterns with answers, reliability, distances, and what is memory."""

import textwrap
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from edsym.evaluation.drawing import save_figure
from edsym.evaluation.metrics import expected_calibration_error, reliability, wilson_interval
from edsym.evaluation.palette import BLUE, ORANGE, VERMILION, add_note
from edsym.evaluation.powder_inputs import SIMILARITIES, PowderInputs
from edsym.parquet import read_parquet
from edsym.seeds import generator
from edsym.symmetry.classes import powder_groups, space_group_symbols
from edsym.symmetry.subgroups import powder_group_distances

_FEWEST = 10
"""Bins of fewer patterns are not drawn."""
_COLOURS = {
    "Network": BLUE,
    "Random forest": ORANGE,
    "Nearest neighbour": ORANGE,
    "Network, calibrated on the other half": VERMILION,
    "Published transformer": VERMILION,
}


def powder_fig1(inputs: PowderInputs) -> Figure:
    """Show patterns drawn by lot, measured where there are, with their space groups and first answers."""
    division, path = next(iter(inputs.examples.items()))
    frame = read_parquet(path).to_pandas()
    figure = Figure(figsize=(7.2, 5.4), layout="constrained")
    grid = figure.subplots(3, 3, sharex=True)
    for axes, row in zip(grid.ravel(), frame.itertuples(), strict=False):
        _draw_pattern(axes, row)
    for axes in grid.ravel()[len(frame) :]:
        axes.set_axis_off()
    figure.supylabel("Intensity")
    for axes in grid[-1]:
        axes.set_xlabel("2θ (°)")
    add_note(figure, f"Shown: {frame.patterns[0]}, divided by {division}. {inputs.note()}")
    return figure


def _draw_pattern(axes: Axes, row) -> None:
    """Draw one pattern, and write its space group and the first groups with their probabilities."""
    profile, answers = np.asarray(row.profile), powder_groups().names
    measured = np.flatnonzero(profile)
    own = slice(measured[0], measured[-1] + 1)
    axes.plot(row.start + row.step * (np.arange(len(profile)) + 0.5)[own], profile[own], "k", linewidth=0.4)
    axes.set(yticks=[], ylim=(0, 1.9))
    symbol = space_group_symbols()[row.spacegroup_number - 1]
    axes.set_title(textwrap.shorten(f"{symbol}, {row.name}", 38, placeholder=" …"), loc="left", fontsize=6)
    truth = powder_groups().index[row.spacegroup_number - 1]
    for line, (group, p) in enumerate(zip(row.answers, row.p_answers, strict=True)):
        text = f"{100 * p:.0f} %  {textwrap.shorten(answers[group], 34, placeholder=' …')}"
        weight = "bold" if group == truth else "normal"
        axes.text(
            0.98, 0.97 - 0.11 * line, text, transform=axes.transAxes, ha="right", va="top", fontsize=5.5,
            fontweight=weight, color=BLUE if group == truth else "0.3",
        )  # fmt: skip


def powder_fig2(inputs: PowderInputs) -> Figure:
    """Draw accuracy against confidence; what is calibrated lies on the diagonal."""
    panels = _panels(inputs, *_METHODS_OF_RELIABILITY)
    figure, axes_of = _grid(panels)
    for place, own in panels.items():
        axes = axes_of[place]
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.6, zorder=0)
        for title, frame in own.items():
            right = (frame["rank"] == 1).to_numpy()
            bins = reliability(frame.confidence.to_numpy(), right)
            bins = bins[bins["count"] >= _FEWEST]
            interval = [wilson_interval(*pair) for pair in zip(bins.accuracy, bins["count"], strict=True)]
            below, above = np.abs(np.reshape(interval, (-1, 2)).T - bins.accuracy.to_numpy())
            error = 100 * expected_calibration_error(frame.confidence.to_numpy(), right)
            axes.errorbar(
                bins.confidence, bins.accuracy, (below, above), fmt="o", color=_COLOURS[title],
                markersize=2.5, elinewidth=0.5, label=f"{title}: ECE {error:.1f} %",
            )  # fmt: skip
        # room above for the legend
        axes.set(xlabel="Confidence", ylabel="Accuracy", yticks=np.linspace(0, 1, 6))
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.35))
        axes.legend(loc="upper left", fontsize=6, handletextpad=0.1, borderaxespad=0.1)
    add_note(figure, inputs.note())
    return figure


_METHODS_OF_SIMILARITY = ("network", "transformer", "nearest")
_METHODS_OF_RELIABILITY = ("network", "network fitted", "forest")


def powder_fig3(inputs: PowderInputs) -> Figure:
    """Draw how far wrong groups are from the true ones, beside the same answers dealt out anew."""
    panels = _panels(inputs, "network")
    figure, axes_of = _grid(panels)
    for place, own in panels.items():
        axes, frame = axes_of[place], own["Network"]
        truth, predicted = frame.group.to_numpy(), frame.predicted_group.to_numpy()
        dealt = generator(0, "powder permutation", *place).permutation(predicted)
        for answers, label, colour, shift in (
            (predicted, "network", BLUE, -0.2), (dealt, "its answers dealt out anew", "0.7", 0.2),
        ):  # fmt: skip
            wrong = truth != answers
            distance = powder_group_distances()[truth[wrong], answers[wrong]]
            shares = 100 * np.bincount(distance, minlength=6)[1:] / max(wrong.sum(), 1)
            axes.bar(np.arange(1, len(shares) + 1) + shift, shares, 0.4, color=colour, label=label)
        axes.set(xlabel="Steps on the graph of t-subgroups", ylabel="Errors, %")
        axes.legend(fontsize=6)
    add_note(figure, inputs.note())
    return figure


def powder_fig4(inputs: PowderInputs) -> Figure:
    """Draw accuracy against the similarity of the most similar training pattern: memory against reading."""
    panels = _panels(inputs, *_METHODS_OF_SIMILARITY)
    figure, axes_of = _grid(panels)
    for place, own in panels.items():
        axes = axes_of[place]
        for title, frame in own.items():
            among = np.digitize(frame.similarity, SIMILARITIES[1:-1])
            parts = frame.assign(right=frame["rank"] == 1).groupby(among)
            found = parts.agg(
                similarity=("similarity", "mean"), right=("right", "mean"), size=("right", "size")
            )
            found = found[found["size"] >= _FEWEST]
            interval = [wilson_interval(*pair) for pair in zip(found.right, found["size"], strict=True)]
            below, above = np.abs(np.reshape(interval, (-1, 2)).T - found.right.to_numpy())
            axes.errorbar(
                found.similarity, found.right, (below, above), fmt="o-", color=_COLOURS[title],
                markersize=2.5, linewidth=0.8, elinewidth=0.5, label=title,
            )  # fmt: skip
        axes.set(xlabel="Cosine to the most similar\ntraining pattern", ylabel="Accuracy")
        axes.set(xlim=(0.3, 1.03), ylim=(-0.03, 1.03))
        axes.legend(loc="upper left", fontsize=6)
    add_note(figure, inputs.note())
    return figure


def _panels(inputs: PowderInputs, *methods: str) -> dict[tuple[str, str], dict[str, pd.DataFrame]]:
    """Return by division and patterns the scores of each method."""
    found: dict[tuple[str, str], dict[str, pd.DataFrame]] = {}
    for place, frame in inputs.parts(*methods):
        found.setdefault((place["division"], place["patterns"]), {})[place["method"]] = frame
    return found


def _grid(panels) -> tuple[Figure, dict[tuple[str, str], Axes]]:
    """Return a figure with a panel for each division and patterns."""
    figure = Figure(figsize=(2.7 * max(len(panels), 2), 3.2), layout="constrained")
    row = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (division, patterns) in zip(row, panels, strict=True):
        axes.set_title(f"{patterns},\ndivided by {division}", loc="left", fontweight="bold")
    return figure, dict(zip(panels, row, strict=True))


BUILDERS = {figure.__name__: figure for figure in (powder_fig1, powder_fig2, powder_fig3, powder_fig4)}
"""Functions from `PowderInputs` to `matplotlib.figure.Figure`."""


def write_powder_figure(name: str, inputs: PowderInputs, *, svg: str | Path, png: str | Path) -> None:
    """Make one figure and write it as svg and png."""
    save_figure(partial(BUILDERS[name], inputs), svg=svg, png=png)
