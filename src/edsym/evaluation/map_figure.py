"""Figure 2: dark field of a scan, the map of its crystal systems, shares, and how sure they are."""

import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from edsym.acom.zones import zone_colours
from edsym.evaluation.inputs import EvaluationInputs
from edsym.evaluation.map_tables import OTHERS, Shares, note_of, shares_of
from edsym.evaluation.palette import add_note
from edsym.mapping.scan_map import ScanMap
from edsym.specimen.truth import Truth
from edsym.symmetry import CRYSTAL_SYSTEMS
from edsym.symmetry.classes import extinction_groups

# Red, blue and green as published, of three lightnesses; black: no probe position with spots enough.
MAP_COLOURS = {
    "cubic": "#b2182b",
    "hexagonal": "#2166ac",
    "tetragonal": "#7fd34e",
    "trigonal": "#67c8ee",
    "orthorhombic": "#e69f00",
    "monoclinic": "#cc79a7",
    "triclinic": "#f0e442",
}
# Okabe and Ito's colours, which the colour-blind tell apart.
PHASE_COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
_LONGEST = 24  # characters of a name
_COLOURS = ListedColormap(["black", *(MAP_COLOURS[system] for system in CRYSTAL_SYSTEMS)])


def fig2(inputs: EvaluationInputs) -> Figure:
    """Draw dark field, truth, maps and shares of a scan, a row of maps for each model."""
    return draw_maps(inputs.maps, inputs.truth, shares_of(inputs))


def draw_maps(maps: list[ScanMap], truth: Truth | None, shares: list[Shares]) -> Figure:
    """Draw the maps of one scan by one or several models.

    Parameters
    ----------
    maps : list of ScanMap
        Of the same scan.
    truth : Truth, optional
        Where the scan is a simulated one.
    shares : list of Shares
        Bars: see `edsym.evaluation.map_tables.shares_of`.
    """
    first = maps[0]
    of_kinds = -(-(len(maps) + 1) // 3)  # rows: extinction groups by each model, and cells
    rows = 1 + len(maps) + of_kinds + (first.known is not None)
    figure = Figure(figsize=(7.2, 2.2 * rows + 0.4 * of_kinds + 0.3), layout="constrained")
    grid = figure.subplots(rows, 3, squeeze=False)
    dark, known, bars = grid[0]
    _image(dark, first.of_positions.dark_field.reshape(first.shape) ** 0.5, "Root of the spots' intensity")
    if truth is None:
        _systems(known, first.grain_map(), "Grains alone")
    else:
        systems = np.array([CRYSTAL_SYSTEMS.index(name) for name in truth.grain_system])
        _systems(known, np.where(truth.grain < 0, -1, systems[truth.grain]), "True crystal system")
    bars.set_axis_off()
    # within their place: names beside it would take room from all maps of the column
    _bars(bars.inset_axes([0.55, 0, 0.45, 1]), shares)
    for row, one in zip(grid[1:], maps, strict=False):  # the row of known phases is left
        _systems(row[0], one.of_positions.system.reshape(one.shape), f"{one.model}: positions")
        _systems(row[1], one.phase_map(), f"{one.model}: phases")
        confidence = one.of_positions.p_system.max(axis=1)
        picture = _image(row[2], confidence.reshape(one.shape), f"{one.model}: confidence", vmin=0, vmax=1)
        figure.colorbar(picture, ax=row[2], shrink=0.8)
    panels = grid[1 + len(maps) :][:of_kinds].ravel()
    for axes, one in zip(panels, maps, strict=False):
        _kinds(axes, one, *_extinction(one), f"{one.model}: extinction groups of phases")
    _kinds(panels[len(maps)], first, *_cells(first), "Cells of phases, Å")
    for axes in panels[len(maps) + 1 :][:1]:
        found = np.where(first.of_phases.bravais == "", np.nan, first.of_phases.lattice)
        likely = np.append(found, np.nan)[first.position_phase].reshape(first.shape)
        picture = _image(axes, likely, "Probability of these lattices", vmin=0, vmax=1)
        figure.colorbar(picture, ax=axes, shrink=0.8)
    for axes in panels[len(maps) + 2 :]:
        axes.set_axis_off()
    if first.known is not None:
        _known(figure, grid[-1], first)
    handles = [Patch(color=colour, label=system) for system, colour in MAP_COLOURS.items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), fontsize=5.5)
    explained = (
        "Black: fewer than five spots, or no cell. Grey: further kinds. "
        "Phases: grains of one lattice together. "
        "Confidence: probability of the most probable system, calibrated."
    )
    add_note(figure, f"{note_of(maps)} {explained}")
    return figure


def _extinction(one: ScanMap) -> tuple[np.ndarray, list[str]]:
    """Return the number of the most probable extinction group of each phase (P,), and the groups' names."""
    groups = extinction_groups()
    p = groups.sums(np.nan_to_num(one.of_phases.p_spacegroup))
    return np.where(one.of_phases.answered, p.argmax(axis=1), -1), list(groups.names)


def _cells(one: ScanMap) -> tuple[np.ndarray, list[str]]:
    """Return for each phase (P,) its own number, -1 without a cell, and the cells in words."""
    names = []
    for bravais, cell in zip(one.of_phases.bravais, one.of_phases.cell, strict=True):
        lengths = [f"{value:.2f}" for value in cell[:3]]
        names.append(" ".join([str(bravais), *dict.fromkeys(lengths)]))  # equal ones once
    return np.where(one.of_phases.bravais == "", -1, np.arange(len(names))), names


def _kinds(axes: Axes, one: ScanMap, kind: np.ndarray, names: list[str], title: str) -> None:
    """Draw a map of kinds of phases; the most frequent have a colour and a name, all others are grey."""
    shown = np.append(kind, -1)[one.position_phase]
    numbers, count = np.unique(shown[shown >= 0], return_counts=True)
    first = numbers[np.argsort(-count, kind="stable")][: len(PHASE_COLOURS)]
    colour = np.full(len(names) + 1, len(first) + 1)  # grey
    colour[first], colour[-1] = np.arange(1, len(first) + 1), 0
    palette = ["black", *PHASE_COLOURS[: len(first)], "0.6"]
    limits = {"vmin": -0.5, "vmax": len(palette) - 0.5}
    axes.imshow(
        colour[shown].reshape(one.shape), cmap=ListedColormap(palette), interpolation="nearest", **limits
    )
    _frame(axes, title)
    told = [textwrap.shorten(names[k], _LONGEST, placeholder=" …") for k in first]
    handles = [Patch(color=c, label=name) for c, name in zip(palette[1:], told, strict=False)]
    axes.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0, 0), ncols=2, fontsize=4.5, frameon=False,
        handlelength=1, columnspacing=0.8,
    )  # fmt: skip


def _known(figure: Figure, row: np.ndarray, one: ScanMap) -> None:
    """Draw phase, zone axis and score of the matches among known phases."""
    known = one.known
    palette = [PHASE_COLOURS[k % len(PHASE_COLOURS)] for k in range(len(known.names))]
    limits = {"vmin": -1.5, "vmax": len(palette) - 0.5}
    colours = ListedColormap(["black", *palette])
    row[0].imshow(known.phase.reshape(one.shape), cmap=colours, interpolation="nearest", **limits)
    _frame(row[0], "Known phase, by templates")
    handles = [Patch(color=colour, label=name) for colour, name in zip(palette, known.names, strict=True)]
    row[0].legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0, 0), ncols=3, fontsize=5, frameon=False
    )
    zones = zone_colours(known.phase, known.orientation, known.laue_classes)
    _image(row[1], zones.reshape(*one.shape, 3), "Its zone axis: red |x|, green |y|, blue |z|")
    score = np.where(known.phase < 0, np.nan, known.score).reshape(one.shape)
    picture = _image(row[2], score, "Its score", vmin=0, vmax=1)
    figure.colorbar(picture, ax=row[2], shrink=0.8)


def _systems(axes: Axes, values: np.ndarray, title: str) -> None:
    axes.imshow(
        values + 1, cmap=_COLOURS, vmin=-0.5, vmax=len(CRYSTAL_SYSTEMS) + 0.5, interpolation="nearest"
    )
    _frame(axes, title)


def _image(axes: Axes, values: np.ndarray, title: str, **limits):
    axes.set_facecolor("black")
    picture = axes.imshow(values, cmap="gray", interpolation="nearest", **limits)
    _frame(axes, title)
    return picture


def _frame(axes: Axes, title: str) -> None:
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, loc="left", fontsize=6.5)
    axes.spines[:].set_visible(False)


def _bars(axes: Axes, shares: list[Shares]) -> None:
    """Draw what share each of three systems and all others have, a bar for each way to count."""
    colours = [MAP_COLOURS[name] for name in ("cubic", "hexagonal", "tetragonal")] + ["0.7"]
    for k, one in enumerate(shares):
        start = 0.0
        for name, colour in zip(("cubic", "hexagonal", "tetragonal", OTHERS), colours, strict=True):
            value = one.percent.get(name, 0.0)
            axes.barh(k, value, left=start, color=colour, height=0.75)
            if value > 8:
                axes.text(start + value / 2, k, f"{value:.0f}", ha="center", va="center", fontsize=5)
            start += value
    axes.set_yticks(range(len(shares)), [one.label for one in shares], fontsize=4.5)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_title("Shares, % (grey: other systems)", loc="right", fontsize=6.5)
