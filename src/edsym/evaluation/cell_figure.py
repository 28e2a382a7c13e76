"""Figure 8: how often the lattice finder's cell is right, by what makes it hard."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from edsym.cells.table import POSITIONS
from edsym.evaluation.cell_tables import right, share_in_percent
from edsym.evaluation.inputs import EvaluationInputs
from edsym.evaluation.palette import BLUE, ORANGE, VERMILION, add_note
from edsym.symmetry import CRYSTAL_SYSTEMS

LIMIT = 0.03
"""Largest deviation of a cell that is right."""
_VOLUMES = (0, 50, 100, 200, 400, 700, np.inf)  # Å³
_SPOTS = (0, 8, 12, 20, 35, 60, np.inf)
_COLOURS, _MARKERS = (BLUE, VERMILION, ORANGE, "#009e73"), "osD^"

Parts = Iterable[tuple[float, pd.DataFrame]]


def fig8(inputs: EvaluationInputs) -> Figure:
    """Share of cells within 3 % by volume, system, spots, noise and patterns, for the fewest and the most."""
    answers = inputs.cells
    fewest, most = answers.views.min(), answers.views.max()
    lines = {most: "--", fewest: "-"}
    figure = Figure(figsize=(7.2, 5.0), layout="constrained")
    volume, system, spots, noise, views, legend = figure.subplots(2, 3).ravel()
    levels = answers[answers.level != POSITIONS]
    for (level, frame), colour, marker in zip(
        levels.groupby("level", sort=False), _COLOURS, _MARKERS, strict=False
    ):
        for n, line in lines.items():
            own = frame[frame.views == n]
            style = {"color": colour, "marker": marker, "linestyle": line, "label": _name(level, n)}
            _draw(volume, _binned(own, "volume", _VOLUMES), **style)
            _draw(system, _of_systems(own), **style)
        style |= {"linestyle": "-"}
        _draw(spots, _binned(frame[frame.views == fewest], "spots", _SPOTS), **style)
        _draw(views, frame.groupby("views"), **style)
    exact = answers[(answers.position_error == 0) | (answers.level == POSITIONS)]
    for n, line in lines.items():
        parts = exact[exact.views == n].groupby("position_error")
        _draw(noise, parts, color="0.2", marker="v", linestyle=line, label=_name("such", n))
    _label(volume, "Primitive volume, Å³", [_range(*edges) for edges in pairwise(_VOLUMES)])
    _label(system, "Crystal system", CRYSTAL_SYSTEMS)
    _label(spots, f"Spots of {_patterns(fewest)}", [_range(*edges) for edges in pairwise(_SPOTS)])
    noise.set_xlabel("Error of positions alone, 1/Å")
    numbers = sorted(levels.views.unique())
    views.set(xlabel="Patterns", xscale="log")
    views.set_xticks(numbers, map(str, numbers))
    views.minorticks_off()
    for axes in (volume, noise):
        axes.set_ylabel("Cells within 3 %, %")
    legend.set_axis_off()
    legend.legend(*volume.get_legend_handles_labels(), loc="upper left")
    add_note(figure, inputs.run.line())
    return figure


def _draw(axes: Axes, parts: Parts, **style) -> None:
    """Draw the share of right cells of parts of the answers, with its 95 % interval, at their places."""
    rows = [(x, *share_in_percent(right(part, LIMIT), "").values()) for x, part in parts if len(part)]
    x, share, low, high = np.reshape(rows, (-1, 4)).T
    axes.errorbar(x, share, (share - low, high - share), markersize=3, linewidth=0.9, elinewidth=0.5, **style)
    axes.set_ylim(-2, 102)


def _binned(frame: pd.DataFrame, column: str, edges: tuple[float, ...]) -> Iterator[tuple[int, pd.DataFrame]]:
    place = np.searchsorted(edges, frame[column], side="right") - 1
    return ((i, frame[place == i]) for i in range(len(edges) - 1))


def _of_systems(frame: pd.DataFrame) -> Iterator[tuple[int, pd.DataFrame]]:
    return ((i, frame[frame.system == name]) for i, name in enumerate(CRYSTAL_SYSTEMS))


def _label(axes: Axes, title: str, names: Iterable[str]) -> None:
    names = list(names)
    axes.set_xlabel(title)
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor", fontsize=6)


def _range(low: float, high: float) -> str:
    return f"{low:g}–{high:g}" if np.isfinite(high) else f"{low:g} or more"


def _patterns(n: int) -> str:
    return "one pattern" if n == 1 else f"{n} patterns"


def _name(level: str, n: int) -> str:
    return f"{level} spots, {_patterns(n)}"
