"""Maps of a scan: which phase each position is of, along which direction it is seen, and how well."""

from pathlib import Path

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from edsym.acom.zones import zone_colours
from edsym.errors import InputError
from edsym.evaluation.map_figure import PHASE_COLOURS
from edsym.experiment.spots.scan_spots import is_scan_spots, read_scan_spots
from edsym.interface.orientation_result import Orientations
from edsym.interface.plot import save_figure

_NOTHING = "black"


def scan_shape(path: str | Path) -> tuple[int, int]:
    """Return rows and columns of the scan that a file of spots is of.

    Raises
    ------
    InputError
        If the file does not tell.
    """
    if not is_scan_spots(path):
        raise InputError(f"{path} tells no scan, expected a file that edsym spots wrote for a map")
    return read_scan_spots(path).shape


def save_map(found: Orientations, shape: tuple[int, int], path: str | Path) -> None:
    """Draw phase, zone axis and score of the first match of every position; the suffix tells the format.

    Parameters
    ----------
    found : Orientations
        Its patterns are numbers of positions, row by row.
    shape : (int, int)
        Rows and columns of the scan.
    path : str or Path
        The file to write.
    """
    phase = _image(found, found.phase[:, 0], shape, -1)
    score = _image(found, found.score[:, 0], shape, np.nan)
    figure = Figure(figsize=(12, 4.2), layout="constrained")
    first, second, third = figure.subplots(1, 3)
    colours = [PHASE_COLOURS[k % len(PHASE_COLOURS)] for k in range(len(found.phases))]
    limits = {"vmin": -1, "vmax": len(colours) - 1}
    first.imshow(phase, cmap=ListedColormap([_NOTHING, *colours]), interpolation="nearest", **limits)
    shown = zip([*found.phases, "no match"], [*colours, _NOTHING], strict=True)
    handles = [Patch(color=colour, label=name) for name, colour in shown]
    figure.legend(handles=handles, loc="outside lower left", ncols=4, fontsize=8)
    colours = zone_colours(found.phase[:, 0], found.orientation[:, 0], found.laue_classes)
    second.imshow(_image(found, colours, shape, 0.0), interpolation="nearest")
    drawn = third.imshow(score, vmin=0, vmax=1, cmap="cividis", interpolation="nearest")
    figure.colorbar(drawn, ax=third)
    titles = "phase", "zone axis: red |x|, green |y|, blue |z| of the crystal", "score"
    for axes, title in zip((first, second, third), titles, strict=True):
        axes.set_title(title, fontsize=9)
        axes.set_axis_off()
    save_figure(figure, path, dpi=200)


def _image(found: Orientations, values: np.ndarray, shape: tuple[int, int], nothing) -> np.ndarray:
    """Return values (P, ...) at their positions in the scan, and `nothing` elsewhere or without a match."""
    image = np.full((shape[0] * shape[1], *values.shape[1:]), nothing, dtype=float)
    image[found.pattern[found.valid]] = values[found.valid]
    return image.reshape(*shape, *values.shape[1:])
