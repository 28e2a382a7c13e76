"""Every figure of the evaluation by its name, made and written from the files of a run."""

from collections.abc import Mapping
from pathlib import Path

from edsym.evaluation.calibration_figure import fig5
from edsym.evaluation.cell_figure import fig8
from edsym.evaluation.confusion_figure import fig1
from edsym.evaluation.dataset_figures import fig3, fig4
from edsym.evaluation.drawing import save_figure
from edsym.evaluation.inputs import EvaluationInputs
from edsym.evaluation.map_figure import fig2
from edsym.evaluation.nuisance_figure import fig7
from edsym.evaluation.pattern_figure import fig6
from edsym.evaluation.published_figure import fig9

BUILDERS = {figure.__name__: figure for figure in (fig1, fig2, fig3, fig4, fig5, fig6, fig7, fig8, fig9)}
"""Functions from `EvaluationInputs` to `matplotlib.figure.Figure`."""


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
        "fig1" to "fig9".
    files : mapping of str to path
        Inputs by the names that `edsym.evaluation.products` gives for the figure.
    configuration : mapping
        The configuration of the run, by section.
    svg, png : path
        Files to write.
    """
    save_figure(lambda: BUILDERS[name](EvaluationInputs(files, configuration)), svg=svg, png=png)
