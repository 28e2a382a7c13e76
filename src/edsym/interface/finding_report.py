"""What `edsym spots` takes and prints."""

from collections import Counter
from pathlib import Path

import numpy as np

from edsym.errors import InputError
from edsym.experiment.ellipse import Ellipse, given_ellipse
from edsym.experiment.ellipse_fit import measure_ellipse
from edsym.experiment.files.read import read_scan
from edsym.experiment.spots.scan_spots import ScanSpots

_REASONS = 5


def image_of(text: str | None, what: str) -> float | np.ndarray | None:
    """Return the number that a text is, or the mean of the images of the file that it names."""
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        if not Path(text).exists():
            raise InputError(f"{what}: {text} is neither a number nor a file") from None
    scan = read_scan(text)
    return np.mean([scan[p] for p in range(min(len(scan), 64))], axis=0)


def center_of(words: list[str] | None) -> list[float] | str | None:
    """Return the place that two numbers are, or the word that says how the direct beam is found."""
    if words is None or len(words) == 1:
        return words and words[0]
    try:
        return [float(word) for word in words]
    except ValueError:
        raise InputError(f"center: {' '.join(words)} are no numbers") from None


def ellipse_of(words: list[str] | None) -> Ellipse | None:
    """Return the ellipse that two numbers are, or that the rings in the file of this name tell."""
    if words is None or len(words) == 2:
        return given_ellipse(words)
    if len(words) > 2:
        raise InputError(f"ellipse: {len(words)} words, expected a ratio and an angle, or a file of rings")
    return measure_ellipse(read_scan(words[0]))


def report(found: ScanSpots, note: str) -> str:
    """Return what was found in words.

    Parameters
    ----------
    found : ScanSpots
        The spots.
    note : str
        Why there is no calibration, if there is none.
    """
    facts, plane = found.facts, found.descan
    counts = np.diff(found.offset)[found.valid]
    rows, columns = found.shape
    lines = [
        f"{rows} × {columns} patterns, {found.valid.sum()} of them valid, with {counts.sum()} spots"
        + (f", {np.median(counts):.0f} a pattern (median)" if len(counts) else ""),
        f"spots: radius {facts['radius']:.2f} pixels, edge {facts['edge']:.2f}; no two nearer than "
        f"{facts['spacing']:.1f}; {facts['threshold']:.1f} standard deviations above what is around",
        f"detector: gain {facts['gain']:.3g}, pedestal {facts['pedestal']:.3g}; "
        f"{facts['masked']} pixels masked",
        _centre(found, plane),
    ]
    if "ellipse" in facts:
        lines.append(
            "ellipse: long axis {:.4f} of the short one, at {:.1f}° from x".format(*facts["ellipse"])
        )
    if found.pixel is None:
        lines.append(f"not calibrated ({note}): give --pixel here, or --scale to edsym cell and predict")
    reasons = Counter(found.reason[~found.valid].tolist())
    lines += [f"{n} not valid: {reason}" for reason, n in reasons.most_common(_REASONS)]
    if len(reasons) > _REASONS:
        lines.append(f"and {len(reasons) - _REASONS} other reasons")
    return "\n".join(lines) + "\n"


def _centre(found: ScanSpots, plane) -> str:
    y, x = plane.coefficients[0]
    text = f"direct beam: x {x:.2f}, y {y:.2f} at the first position"
    if not plane.n:
        return f"direct beam: x {x:.2f}, y {y:.2f}, as given or, where nothing could be measured, guessed"
    if plane.hidden:
        text += ", hidden: found by pairs of spots on either side of it"
    if len(found) > 1:
        (y_row, x_row), (y_column, x_column) = 1000 * plane.coefficients[1:]
        text += (
            f"; in 1000 rows it moves by {x_row:.2f}, {y_row:.2f}, in 1000 columns by {x_column:.2f}, "
            f"{y_column:.2f}; scatter {plane.scatter:.2f} pixels, "
        ) + ("centred by this plane" if plane.trusted else "each pattern is centred by itself")
    return text
