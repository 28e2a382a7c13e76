"""A measured powder pattern: checked as it comes in, and put onto the axis that the network reads."""

import warnings
from dataclasses import dataclass

import numpy as np

from edsym.errors import InputError, InputWarning
from edsym.powder.settings import PowderSettings

ANODES = {"Cr": 2.289700, "Fe": 1.936042, "Co": 1.788965, "Cu": 1.540593, "Mo": 0.709317, "Ag": 0.559422}
"""Wavelengths of the Kα1 lines in Å (International Tables C, table 4.2.2.4)."""

_FEWEST_POINTS = 100
# Of the network's axis, so many degrees must have been measured.
_LEAST_COVERED = 25.0
# Steps at one end of an axis of 2θ may be so many times those at the other.
_MOST_UNEVEN = 4.0
# Net intensities scatter about 0: down to this share of the maximum is noise.
_NEGATIVE = 0.05


@dataclass(frozen=True)
class PowderPattern:
    """A measured powder pattern.

    Attributes
    ----------
    two_theta : (n,) float64
        Ascending, in degrees.
    intensity : (n,) float64
        In any unit, not negative.
    wavelength : float
        In Å.
    name : str
        What it is called in messages.
    """

    two_theta: np.ndarray
    intensity: np.ndarray
    wavelength: float
    name: str = "the pattern"

    @classmethod
    def from_arrays(cls, two_theta, intensity, wavelength: float | str = "Cu", name: str = "the pattern"):
        """Return a checked pattern.

        Parameters
        ----------
        two_theta : (n,) array
            In degrees, ascending.
        intensity : (n,) array
            Counts or any other unit; missing values (NaN) are left out.
        wavelength : float or str
            In Å, or an anode of `ANODES` for its Kα1.
        name : str
            What the pattern is called in messages.

        Raises
        ------
        InputError
            If the axis is not 2θ in degrees, there are too few points, counts are negative, or the wavelength
            is none of X-ray powder diffraction.

        Warns
        -----
        InputWarning
            If some intensities are a little below 0: they are taken as 0.

        Examples
        --------
        >>> import numpy as np
        >>> pattern = edsym.PowderPattern.from_arrays(np.arange(10, 80, 0.02), np.ones(3500))
        >>> pattern.wavelength
        1.540593
        """
        wavelength = _wavelength(wavelength, name)
        x, y = (np.asarray(values, np.float64).ravel() for values in (two_theta, intensity))
        if len(x) != len(y):
            raise InputError(f"{name}: {len(x)} angles and {len(y)} intensities, expected as many")
        known = np.isfinite(x) & np.isfinite(y)
        x, y = x[known], y[known]
        if len(x) < _FEWEST_POINTS:
            raise InputError(
                f"{name} has {len(x)} points: it is empty or cut; expected {_FEWEST_POINTS} at least"
            )
        _check_axis(x, name)
        return cls(x, _counts(y, name), wavelength, name)

    def on_axis(self, settings: PowderSettings) -> np.ndarray:
        """Return the mean intensity in each bin of the network's axis, largest 1; 0 where none was measured.

        Angles are converted to the wavelength of that axis by Bragg's law.

        Parameters
        ----------
        settings : PowderSettings
            The axis.

        Returns
        -------
        (bins,) float32

        Raises
        ------
        InputError
            If too little of the axis was measured, as with a wrong wavelength.
        """
        sine = np.sin(np.radians(self.two_theta / 2)) * settings.wavelength / self.wavelength
        reached = sine < 1
        x, y = 2 * np.degrees(np.arcsin(sine[reached])), self.intensity[reached]
        low = max(x.min(initial=180), settings.two_theta_min)
        high = min(x.max(initial=0), settings.two_theta_max)
        if high - low < _LEAST_COVERED:
            text = f"{low:.1f} to {high:.1f}°" if high > low else "nothing"
            raise InputError(
                f"{self.name}: at the wavelength {self.wavelength:g} Å it covers {text} of the axis "
                f"{settings.two_theta_min:g} to {settings.two_theta_max:g}° at {settings.wavelength:g} Å, "
                f"expected {_LEAST_COVERED:g}° at least: is 2θ in degrees, and the wavelength right?"
            )
        edges = settings.two_theta_min + settings.step * np.arange(settings.bins + 1)
        # the integral up to each edge of what is linear between the points
        nodes = np.union1d(x, edges)
        height = np.interp(nodes, x, y, left=0, right=0)
        total = np.concatenate([[0], np.cumsum((height[1:] + height[:-1]) / 2 * np.diff(nodes))])
        mean = np.diff(np.interp(edges, nodes, total)) / settings.step
        mean[(edges[1:] > x[-1]) | (edges[:-1] < x[0])] = 0  # bins that were measured in part
        if not mean.max() > 0:
            raise InputError(f"{self.name} has no intensity on the axis, expected some")
        return (mean / mean.max()).astype(np.float32)


def _wavelength(value: float | str, name: str) -> float:
    if isinstance(value, str) and value in ANODES:
        return ANODES[value]
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not 0.2 <= number <= 3:
        hint = ": is it in nm?" if 0.02 <= number < 0.2 else ""
        raise InputError(
            f"{name}: the wavelength is {value!r}{hint}; expected 0.2 to 3 Å or one of {', '.join(ANODES)}"
        )
    return number


def _check_axis(x: np.ndarray, name: str) -> None:
    """Raise unless an axis is 2θ in degrees, ascending."""
    found = f"{name}: the axis goes from {x[0]:g} to {x[-1]:g}"
    if (np.diff(x) <= 0).any():
        if (np.diff(x) < 0).all():
            raise InputError(f"{found}: d-spacings? expected 2θ in degrees, ascending")
        at = int(np.argmax(np.diff(x) <= 0)) + 1
        raise InputError(f"{found}, but {x[at]:g} follows {x[at - 1]:g}; expected 2θ in degrees, ascending")
    if x[0] < 0 or x[-1] > 180:
        raise InputError(f"{found}; expected 2θ in degrees, 0 to 180")
    if x[-1] <= np.pi:
        raise InputError(f"{found}: radians? expected 2θ in degrees")
    quarter = max(len(x) // 4, 1)
    first, last = np.median(np.diff(x[:quarter])), np.median(np.diff(x[-quarter:]))
    if max(first, last) > _MOST_UNEVEN * min(first, last):
        raise InputError(
            f"{found} in steps of {first:.3g} that become {last:.3g}: d-spacings? "
            "expected 2θ in degrees in even steps"
        )


def _counts(y: np.ndarray, name: str) -> np.ndarray:
    lowest, top = y.min(), y.max()
    if top <= 0:
        raise InputError(f"{name}: the largest intensity is {top:g}, expected one above 0")
    if lowest < -_NEGATIVE * top:
        raise InputError(f"{name}: intensities go down to {lowest:g}, expected counts of 0 or more")
    if lowest < 0:
        message = f"{name}: {(y < 0).sum()} of {len(y)} intensities are a little below 0: taken as 0"
        warnings.warn(message, InputWarning, stacklevel=4)
    return np.maximum(y, 0)
