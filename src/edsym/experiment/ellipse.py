"""What circles of a pattern look like on the detector, and how to make them round again."""

from dataclasses import dataclass

import numpy as np

from edsym.errors import InputError

MAX_RATIO = 1.25
"""No lens makes patterns more elliptical."""


@dataclass(frozen=True)
class Ellipse:
    """What circles of a diffraction pattern look like on the detector.

    Attributes
    ----------
    ratio : float
        Long axis over short axis, 1 or more.
    angle : float
        Of the long axis in degrees, from x, the columns, towards y, the rows.
    error : float
        Standard deviation of the ratio; 0 if a user gives it.
    scale : float
        What the calibrated pixel should be multiplied by, if a known cell told it, otherwise 1.
    """

    ratio: float
    angle: float
    error: float = 0.0
    scale: float = 1.0

    @classmethod
    def of(cls, stretch: np.ndarray, error: float, scale: float = 1.0) -> "Ellipse":
        """Return that of a stretch (2,)."""
        angle = np.degrees(np.arctan2(stretch[1], stretch[0]) / 2) % 180
        return cls(float(np.exp(2 * np.hypot(*stretch))), float(angle), float(error), float(scale))


def given_ellipse(ellipse) -> Ellipse | None:
    """Return the ellipse that a user gives: one, or its ratio and angle.

    Raises
    ------
    InputError
        If it is none.
    """
    if ellipse is None or isinstance(ellipse, Ellipse):
        return ellipse
    try:
        ratio, angle = (float(value) for value in ellipse)
    except (TypeError, ValueError):
        raise InputError(f"ellipse is {ellipse!r}, expected a ratio and an angle in degrees") from None
    if not (1 <= ratio <= MAX_RATIO and np.isfinite(angle)):
        raise InputError(f"ellipse has the ratio {ratio}, expected 1 to {MAX_RATIO}, long axis over short")
    return Ellipse(ratio, angle % 180)


def stretch_of(ratio: float, angle: float) -> np.ndarray:
    """Return the logarithm of the root of a ratio (2,): of x over y, and of one diagonal over the other."""
    turn = 2 * np.radians(angle)
    return np.log(ratio) / 2 * np.array([np.cos(turn), np.sin(turn)])


def rounding_of(stretch: np.ndarray) -> np.ndarray:
    """Return the matrix (2, 2), its own transpose, that undoes a stretch and keeps areas."""
    size = float(np.hypot(*stretch))
    if size == 0:
        return np.eye(2)
    c, s = stretch / size
    return np.cosh(size) * np.eye(2) - np.sinh(size) * np.array([[c, s], [s, -c]])


def rounding(ellipse) -> np.ndarray:
    """Return the matrix (2, 2) that makes x and y, in equal widths, round: of ratio and angle, or of None."""
    return np.eye(2) if ellipse is None else rounding_of(stretch_of(*ellipse))
