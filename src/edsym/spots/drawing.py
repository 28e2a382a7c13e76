"""Drawing one diffraction pattern on axes of matplotlib."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.patheffects import withStroke

# About the size of a label in sizes of its font.
_WIDTH, _HEIGHT = 2.8, 1.6


def draw_pattern(
    axes: Axes,
    qx: np.ndarray,
    qy: np.ndarray,
    intensity: np.ndarray,
    hkl: np.ndarray | None = None,
    *,
    labels: int = 8,
    size: float = 5.5,
    colour: str = "black",
) -> None:
    """Draw spots as discs around the direct beam, the brightest with their Miller indices.

    The area of a disc grows with the square root of the intensity: bright and faint spots are both seen.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    qx, qy, intensity : (n,) arrays
        Positions in 1/Å and intensities of the spots, without the direct beam; one at least.
    hkl : (n, 3) array of int, optional
        Miller indices of the spots; 000 has no label.
    labels : int
        At most so many spots are labelled, and none so close to a brighter one that their labels overlap.
    size : float
        Size of the labels' font, in points.
    colour : str
        Of the discs.
    """
    reach = 1.12 * np.hypot(qx, qy).max()
    by_brightness = np.argsort(-np.asarray(intensity), kind="stable")
    largest = _largest_radius(np.column_stack([qx, qy])[by_brightness[:60]], reach)
    radii = np.maximum(largest * (intensity / np.max(intensity)) ** 0.25, 0.008 * reach)
    discs = EllipseCollection(
        2 * radii, 2 * radii, np.zeros(len(radii)), offsets=np.column_stack([qx, qy]),
        offset_transform=axes.transData, units="xy", facecolors=colour, linewidths=0,
    )  # fmt: skip
    axes.add_collection(discs)
    axes.plot(0, 0, "+", color="0.4", markersize=5, markeredgewidth=0.6)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    if hkl is None:
        return
    points = axes.bbox.width * 72 / axes.figure.dpi / 2 / reach
    known = by_brightness[np.any(np.asarray(hkl)[by_brightness], axis=1)]
    for spot in _labelled(qx * points / size, qy * points / size, known, labels):
        axes.annotate(
            miller(hkl[spot]),
            (qx[spot], qy[spot] + radii[spot]),
            xytext=(0, 0.5),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=size,
            path_effects=[withStroke(linewidth=1.2, foreground="white")],
        )


def miller(hkl: np.ndarray) -> str:
    """Return Miller indices in the usual notation (mathtext): a bar over what is negative."""
    parts = [rf"\bar{{{-index}}}" if index < 0 else str(index) for index in hkl]
    # Indices of two digits are told apart by a thin space.
    text = (r"\," if np.abs(hkl).max() > 9 else "").join(parts)
    return f"${text}$"


def _largest_radius(positions: np.ndarray, reach: float) -> float:
    """Return a radius at which the discs at (n, 2) positions do not overlap, or hardly so."""
    distances = np.linalg.norm(positions[:, None] - positions, axis=2)
    np.fill_diagonal(distances, np.inf)
    spacing = np.median(distances.min(axis=1)) if len(positions) > 1 else np.inf
    return float(np.clip(0.45 * spacing, 0.015 * reach, 0.05 * reach))


def _labelled(x, y, by_brightness: np.ndarray, count: int) -> list[int]:
    """Return the brightest spots whose labels do not overlap; positions in sizes of the font."""
    chosen: list[int] = []
    for spot in by_brightness:
        apart = (abs(x[spot] - x[other]) > _WIDTH or abs(y[spot] - y[other]) > _HEIGHT for other in chosen)
        if len(chosen) < count and all(apart):
            chosen.append(int(spot))
    return chosen
