"""Where the direct beam is at every position of a scan: measured, and a plane through what was measured."""

from dataclasses import dataclass

import numpy as np

_ROUNDS = 20
_FAR = 4.685  # Tukey's constant: 95 % efficiency for normal errors
_LEAST_SCATTER = 0.02  # pixels
_FOLLOWED = 5.0  # times the scatter: a measurement further from the plane is an error
MAX_SCATTER = 0.2
"""A plane from which the measured centres scatter by more than this, in pixels, does not tell them."""

MAX_HIDDEN_SCATTER = 1.0
"""The same where the direct beam is hidden, and a pattern's few pairs of spots tell it to about a pixel."""

FEWEST = 12
"""Fewer measured centres make no plane."""


@dataclass(frozen=True)
class Descan:
    """The direct beam as a plane over the scan.

    Attributes
    ----------
    coefficients : (3, 2) array
        Pixels y and x: at the first position, more for every row, and for every column of the scan.
    scatter : float
        Robust standard deviation of a measured coordinate from the plane, in pixels.
    n : int
        Patterns it was measured in; 0 where the user gave the centre or none could be measured.
    hidden : bool
        Whether pairs of spots on either side of it told it.
    """

    coefficients: np.ndarray
    scatter: float
    n: int
    hidden: bool = False

    @classmethod
    def constant(cls, centre: np.ndarray) -> "Descan":
        """Return one and the same centre, y and x, for all positions."""
        return cls(np.array([centre, [0, 0], [0, 0]], float), 0.0, 0)

    def at(self, numbers: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        """Return y and x (n, 2) at positions by their numbers in a scan of rows and columns."""
        return _design(np.atleast_1d(numbers), shape) @ self.coefficients

    @property
    def trusted(self) -> bool:
        """Whether the plane is nearer to the truth than what is measured in one pattern."""
        limit = MAX_HIDDEN_SCATTER if self.hidden else MAX_SCATTER
        return self.n == 0 or (self.n >= FEWEST and self.scatter <= limit)


def _design(numbers: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return np.stack([np.ones(len(numbers)), numbers // shape[1], numbers % shape[1]], 1)


def fitted_descan(
    numbers: np.ndarray,
    centres: np.ndarray,
    shape: tuple[int, int],
    fallback: np.ndarray,
    hidden: bool = False,
) -> Descan:
    """Return the plane through measured centres, by Tukey's biweight: errors of some do not move it.

    Parameters
    ----------
    numbers : (n,) array of int
        Positions in the scan.
    centres : (n, 2) array
        y and x; NaN where nothing was measured.
    shape : (int, int)
        Rows and columns of the scan.
    fallback : (2,) array
        The centre if none was measured.
    hidden : bool
        Whether pairs of spots told the centres.
    """
    known = np.isfinite(centres).all(axis=1)
    if not known.any():
        return Descan.constant(fallback)
    values, design = centres[known], _design(numbers[known], shape)
    if len(values) < FEWEST:
        design = design * [1, 0, 0]
    fitted = np.zeros((3, 2))
    fitted[0] = np.median(values, axis=0)
    for _ in range(_ROUNDS):
        rest = values - design @ fitted
        spread = max(1.4826 * float(np.median(np.abs(rest))), _LEAST_SCATTER)
        weight = np.clip(1 - (rest**2).sum(axis=1) / (_FAR * spread) ** 2 / 2, 0, None)
        if not weight.any():
            break
        fitted = np.linalg.lstsq(design * weight[:, None], values * weight[:, None], rcond=None)[0]
    rest = values - design @ fitted
    scatter = max(1.4826 * float(np.median(np.abs(rest))), _LEAST_SCATTER)
    return Descan(fitted, scatter, int(known.sum()), hidden)


def centres_of(descan: Descan, measured: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the centre of every pattern, y and x (n, 2): never NaN.

    Where the plane is trusted, it is the plane's. Otherwise it is what was measured, and the plane's where
    nothing was or what was is far from all others.
    """
    plane = descan.at(np.arange(len(measured)), shape)
    if descan.trusted:
        return plane
    far = np.abs(measured - plane).max(axis=1) > _FOLLOWED * descan.scatter
    return np.where(
        (~np.isfinite(measured).all(axis=1) | (far & (descan.n >= FEWEST)))[:, None], plane, measured
    )
