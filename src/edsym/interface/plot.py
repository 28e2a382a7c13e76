"""Patterns as pictures."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from edsym.errors import InputError
from edsym.files import atomic_path
from edsym.interface.spots import Spots
from edsym.spots.drawing import draw_pattern

# Of a picture.
_PANELS = 12
_COLUMNS = 4


def plot_pattern(spots, pattern: int = 0, ax: Axes | None = None) -> Axes:
    """Draw the spots of one pattern, with the indices of the brightest if they are known.

    Parameters
    ----------
    spots : Spots or what `Spots.of` takes
        The patterns.
    pattern : int
        Which of them.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure without.

    Returns
    -------
    matplotlib.axes.Axes
        As `edsym.spots.drawing.draw_pattern` draws it.

    Examples
    --------
    >>> ax = edsym.plot_pattern([[0.35, 0, 0.02], [0, 0.35, 0.01]])
    >>> ax.get_xlabel()
    'qx (1/Å)'
    """
    import matplotlib.pyplot as plt

    one = Spots.of(spots)[pattern]
    if ax is None:
        _, ax = plt.subplots(figsize=(5, 5), layout="constrained")
    draw_pattern(ax, one.qx, one.qy, one.intensity, one.hkl, labels=20, size=7)
    ax.set(xlabel="qx (1/Å)", ylabel="qy (1/Å)")
    return ax


def save_patterns(spots: Spots, path: str | Path) -> None:
    """Draw the first twelve patterns into a file, whose suffix tells its format."""
    shown = spots[:_PANELS]
    columns = min(len(shown), _COLUMNS)
    figure = Figure(figsize=(4 * columns, 4 * -(-len(shown) // columns)), layout="constrained")
    for i, view in enumerate(shown.view):
        axes = figure.add_subplot(-(-len(shown) // columns), columns, i + 1)
        plot_pattern(shown, i, axes).set_title(f"pattern {view}")
    save_figure(figure, path, dpi=150)


def save_figure(figure: Figure, path: str | Path, dpi: int) -> None:
    """Write a figure to a file, whose suffix tells its format; an InputError if there is no such format."""
    try:
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format=Path(path).suffix[1:] or "(none)", dpi=dpi)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
