"""The style of all figures, and how they are written."""

import os
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from edsym.files import atomic_path

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


def save_figure(make: Callable[[], Figure], *, svg: str | Path, png: str | Path) -> None:
    """Make a figure in the style of all and write it as svg and png."""
    with mpl.rc_context(mpl.rcParamsDefault | STYLE):
        figure = make()
        FigureCanvasAgg(figure)
        _save(figure, svg, "svg", metadata={"Date": None})
        _save(figure, png, "png", dpi=_DPI)


def _save(figure: Figure, path: str | Path, kind: str, **options) -> None:
    with atomic_path(path) as temporary:
        figure.savefig(os.fspath(temporary), format=kind, **options)
