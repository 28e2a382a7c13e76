"""What a file says a pixel is, in 1/Å, and whether that can be true."""

import re

import numpy as np

from edsym.errors import InputError
from edsym.simulation.electrons import wavelength

# Half a pattern shows no less than this and no more, in 1/Å; larger pixels do not tell spots apart.
_REACH = (0.1, 10.0)
_LARGEST_PIXEL = 0.25

_RECIPROCAL = {"å": 1.0, "a": 1.0, "angstrom": 1.0, "nm": 0.1, "pm": 100.0, "um": 1e-4, "m": 1e-10}
_ANGLES = {"rad": 1.0, "mrad": 1e-3, "urad": 1e-6}


class NoCalibration(Exception):
    """The file does not tell a usable pixel; the message says why."""


def pixel_size(scales, units, frame: tuple[int, int], energy_kev: float | None = None) -> np.ndarray:
    """Return what a pixel of a pattern is along y and x, in 1/Å.

    Parameters
    ----------
    scales : pair of float
        What the file says of a pixel, along y and x.
    units : pair of str
        Their units: reciprocal lengths in any usual spelling, or angles.
    frame : (int, int)
        Height and width of a pattern in pixels.
    energy_kev : float, optional
        Energy of the electrons, without which angles are no calibration.

    Raises
    ------
    NoCalibration
        If the units are others, or what they give cannot be a diffraction pattern. Some files name a unit
        and give a scale of another; no factor is guessed.
    """
    pixel = np.array([_one(s, str(u), energy_kev) for s, u in zip(scales, units, strict=True)])
    problem = implausible(pixel, frame)
    if problem:
        raise NoCalibration(f"the file says {scales[1]:.4g} {units[1]} a pixel, and {problem}")
    return pixel


def implausible(pixel: np.ndarray, frame: tuple[int, int]) -> str:
    """Return why such pixels (2,) in 1/Å cannot be those of a pattern; an empty text if they can."""
    if not (np.isfinite(pixel).all() and (pixel > 0).all()):
        return "a pixel is a positive number of 1/Å"
    if pixel.max() > _LARGEST_PIXEL:
        return f"a pixel of {pixel.max():.3g} 1/Å is too large to tell spots apart"
    reach = float((pixel * frame).max() / 2)
    if not _REACH[0] <= reach <= _REACH[1]:
        return f"half a pattern would reach to {reach:.3g} 1/Å, expected {_REACH[0]:g} to {_REACH[1]:g}"
    return ""


def given_pixel(pixel, frame: tuple[int, int]) -> np.ndarray:
    """Return pixels (2,) that a user gives: one number, or one along y and one along x, in 1/Å.

    Raises
    ------
    InputError
        If it cannot be that of a pattern.
    """
    try:
        size = np.broadcast_to(np.asarray(pixel, float), (2,)).copy()
    except (TypeError, ValueError):
        raise InputError(f"pixel is {pixel!r}, expected one or two numbers in 1/Å") from None
    problem = implausible(size, frame)
    if problem:
        raise InputError(f"pixel is {pixel!r}: {problem}")
    return size


def reciprocal(unit: str) -> bool:
    """Return whether a unit, in any usual spelling, is one of a diffraction pattern."""
    plain, length = _plain(unit)
    return length in _RECIPROCAL or plain in _ANGLES


def _plain(unit: str) -> tuple[str, str | None]:
    """Return a unit in one spelling, and the length that it is the inverse of, if it is one."""
    plain = re.sub(r"[\s\[\]_()*]", "", unit.lower().replace("µ", "u").replace("⁻¹", "^-1"))
    match = re.fullmatch(r"1/(?P<a>\w+)|(?P<b>[a-zå]+)\^?-1", plain)
    return plain, match and (match["a"] or match["b"])


def _one(scale: float, unit: str, energy_kev: float | None) -> float:
    if scale == 1:
        raise NoCalibration(
            f"the file says a pixel is 1 {unit}".strip() + ", which is what uncalibrated files say"
        )
    plain, length = _plain(unit)
    if length in _RECIPROCAL:
        return abs(float(scale)) * _RECIPROCAL[length]
    if plain in _ANGLES and energy_kev is not None:
        return abs(float(scale)) * _ANGLES[plain] / wavelength(energy_kev)
    if plain in _ANGLES:
        raise NoCalibration(f"the file gives angles ({unit}), and the electrons' energy is not told")
    raise NoCalibration(f"the unit of its pixels is {unit or 'not told'}, expected 1/Å or 1/nm")
