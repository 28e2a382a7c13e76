"""Figures of the data set: patterns by crystal system (figure 3) and by space group (figure 4)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from edsym.evaluation.inputs import EvaluationInputs
from edsym.evaluation.palette import BLUE, ORANGE, SYSTEM_COLOURS, add_note
from edsym.symmetry import CRYSTAL_SYSTEMS, N_SPACE_GROUPS, space_groups

_PARTS = {"train": ("Training", BLUE, ""), "test": ("Test", ORANGE, "////")}


def fig3(inputs: EvaluationInputs) -> Figure:
    """Share of the patterns in each crystal system, in both parts of the split."""
    figure = Figure(figsize=(7.2, 3.4), layout="constrained")
    axes = figure.subplots()
    positions = np.arange(len(CRYSTAL_SYSTEMS))
    for k, (part, (label, colour, hatch)) in enumerate(_PARTS.items()):
        chosen = inputs.materials[inputs.materials.split == part]
        counts = chosen.groupby("crystal_system").n_patterns.sum().reindex(CRYSTAL_SYSTEMS, fill_value=0)
        shares = 100 * counts / max(counts.sum(), 1)
        bars = axes.bar(
            positions + (k - 0.5) * 0.4, shares, 0.38, color=colour, hatch=hatch, edgecolor="white",
            linewidth=0.3, label=f"{label}: {counts.sum():,} patterns of {len(chosen):,} materials",
        )  # fmt: skip
        labels = [f"{share:.1f} %\n{count:,}" for share, count in zip(shares, counts, strict=True)]
        axes.bar_label(bars, labels, fontsize=5, padding=1.5)
    axes.set_xticks(positions, CRYSTAL_SYSTEMS)
    axes.tick_params(axis="x", length=0)
    axes.margins(y=0.14)
    axes.set_xlabel("Crystal system")
    axes.set_ylabel("Share of patterns, %")
    axes.legend(loc="upper left")
    add_note(figure, inputs.run.line())
    return figure


def fig4(inputs: EvaluationInputs) -> Figure:
    """Patterns of every space group on a logarithmic scale, grouped by crystal system."""
    figure = Figure(figsize=(7.2, 3.6), layout="constrained")
    axes = figure.subplots()
    counts = {part: _by_spacegroup(inputs.materials, part) for part in _PARTS}
    for system in CRYSTAL_SYSTEMS:
        numbers = np.array(space_groups(system))
        axes.bar(numbers, counts["train"][numbers - 1], 0.8, color=SYSTEM_COLOURS[system])
    present = np.flatnonzero(counts["test"]) + 1
    axes.plot(present, counts["test"][present - 1], "o", ms=1.8, mfc="white", mec="black", mew=0.5)
    axes.plot([], [], "s", color="0.6", label=_legend("Training", counts["train"]))
    axes.plot([], [], "o", ms=3, mfc="white", mec="black", mew=0.5, label=_legend("Test", counts["test"]))
    _scale(axes, max(counts["train"].max(), counts["test"].max(), 1))
    _label_systems(axes)
    axes.set_xlabel("Space-group number")
    axes.set_ylabel("Patterns")
    figure.legend(loc="outside upper left", ncols=2)
    add_note(figure, inputs.run.line())
    return figure


def _by_spacegroup(materials: pd.DataFrame, part: str) -> np.ndarray:
    """Return the number of patterns of every space group, (230,)."""
    chosen = materials[materials.split == part]
    weights = chosen.n_patterns.to_numpy()
    counts = np.bincount(chosen.spacegroup_number.to_numpy(), weights, minlength=N_SPACE_GROUPS + 1)
    return counts[1:].astype(int)


def _legend(label: str, counts: np.ndarray) -> str:
    return (
        f"{label}: {counts.sum():,} patterns in {np.count_nonzero(counts)} of {N_SPACE_GROUPS} space groups"
    )


def _scale(axes: Axes, largest: int) -> None:
    axes.set_yscale("log")
    # Below 1, so that a space group with one pattern still has a bar.
    axes.set_ylim(0.7, 2 * largest)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xlim(0, N_SPACE_GROUPS + 1)


def _label_systems(axes: Axes) -> None:
    """Mark the crystal systems: an edge between two, a name above each."""
    axes.set_xticks([space_groups(system)[-1] for system in CRYSTAL_SYSTEMS])
    for system in CRYSTAL_SYSTEMS:
        numbers = space_groups(system)
        axes.axvline(numbers[-1] + 0.5, color="0.8", linewidth=0.5, zorder=0)
        narrow = len(numbers) < 14
        axes.annotate(
            system, ((numbers[0] + numbers[-1]) / 2, 1), xycoords=("data", "axes fraction"),
            xytext=(0, 3), textcoords="offset points", fontsize=6.5,
            ha="left" if narrow else "center", va="bottom", rotation=55 if narrow else 0,
        )  # fmt: skip
