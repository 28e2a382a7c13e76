"""Figure 6: patterns themselves, indexed, one of each crystal system."""

import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from edsym.evaluation.inputs import EvaluationInputs
from edsym.evaluation.palette import SYSTEM_COLOURS, add_note
from edsym.simulation.run.store import open_patterns
from edsym.spots.drawing import draw_pattern
from edsym.structures.symbols import conventional_indices
from edsym.symmetry import CRYSTAL_SYSTEMS


def fig6(inputs: EvaluationInputs) -> Figure:
    """Show the first pattern of one material of each crystal system, its brightest spots indexed."""
    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    grid = figure.subplots(2, 4).ravel()
    groups = inputs.materials.set_index("material_id").spacegroup_number
    shown = _one_of_each_system(inputs)
    for axes, system in zip(grid, CRYSTAL_SYSTEMS, strict=False):
        axes.set_title(system, loc="left", fontweight="bold", color=SYSTEM_COLOURS[system])
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        if system in shown:
            name, beams = shown[system]
            _draw(axes, beams, groups[name], inputs.configuration["peaks"], SYSTEM_COLOURS[system])
            short = textwrap.shorten(name, 34, placeholder=" …")
            axes.set_xlabel(f"{short}\nspace group {groups[name]}", fontsize=5.5)
        else:
            axes.text(0.5, 0.5, "none", transform=axes.transAxes, ha="center", color="0.4")
    _explain(grid[-1])
    add_note(figure, inputs.run.line())
    return figure


def _one_of_each_system(inputs: EvaluationInputs) -> dict[str, tuple[str, tuple[np.ndarray, ...]]]:
    """Return a material of each system and the beams of its first pattern.

    Later files are read only for what is missing.
    """
    systems = inputs.materials.set_index("material_id").crystal_system
    shown = {}
    for path in inputs.files["patterns"]:
        if len(shown) == systems.nunique():
            break
        with open_patterns(path) as store:
            for p in np.unique(store.material, return_index=True)[1]:
                name = store.material_id[store.material[p]]
                if systems.get(name, "none") not in {"none", *shown}:
                    shown[systems[name]] = name, store.beams(slice(p, p + 1))
    return shown


def _draw(axes: Axes, beams: tuple[np.ndarray, ...], group: int, peaks: dict, colour: str) -> None:
    """Draw the spots that the detector of the run sees of a pattern."""
    hkl, q, intensity = beams
    seen = (intensity >= peaks["min_intensity"]) & (np.hypot(*q.T) <= peaks["q_max"]) & hkl.any(axis=1)
    indices = conventional_indices(hkl[seen], group)
    draw_pattern(axes, *q[seen].T, intensity[seen], indices, colour=colour)


def _explain(axes: Axes) -> None:
    axes.set_axis_off()
    text = (
        "Areas grow with the square root of\nthe intensity. A cross marks the direct\nbeam. Miller indices "
        "are those of the\nconventional cell; the brightest spots\nthat leave room for them have some."
    )
    axes.text(0, 0.5, text, transform=axes.transAxes, fontsize=6.5, va="center")
