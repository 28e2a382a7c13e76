"""Every figure of the evaluation by its name, made and written from the files of a run."""

import os
from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from edsym.evaluation.calibration_figure import fig5
from edsym.evaluation.cell_figure import fig8
from edsym.evaluation.confusion_figure import fig1
from edsym.evaluation.dataset_figures import fig3, fig4
from edsym.evaluation.inputs import EvaluationInputs
from edsym.evaluation.map_figure import fig2
from edsym.evaluation.nuisance_figure import fig7
from edsym.evaluation.pattern_figure import fig6
from edsym.files import atomic_path

BUILDERS = {figure.__name__: figure for figure in (fig1, fig2, fig3, fig4, fig5, fig6, fig7, fig8)}
"""Functions from `EvaluationInputs` to `matplotlib.figure.Figure`."""

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 7,
    "axes.titlesize": 8,
    "axes.labelsize": 7.5,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    # The same input gives the same bytes.
    "svg.hashsalt": "edsym",
}
_DPI = 150


def write_figure(
    name: str,
    files: Mapping[str, str | Path],
    configuration: Mapping,
    *,
    svg: str | Path,
    png: str | Path,
) -> None:
    """Make one figure and write it as svg and png (150 dots an inch).

    Parameters
    ----------
    name : str
        "fig1" to "fig8".
    files : mapping of str to path
        Inputs by the names that `edsym.evaluation.products` gives for the figure.
    configuration : mapping
        The configuration of the run, by section.
    svg, png : path
        Files to write.
    """
    with mpl.rc_context(mpl.rcParamsDefault | STYLE):
        figure = BUILDERS[name](EvaluationInputs(files, configuration))
        FigureCanvasAgg(figure)
        _save(figure, svg, "svg", metadata={"Date": None})
        _save(figure, png, "png", dpi=_DPI)


def _save(figure: Figure, path: str | Path, kind: str, **options) -> None:
    with atomic_path(path) as temporary:
        figure.savefig(os.fspath(temporary), format=kind, **options)
