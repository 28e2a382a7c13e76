"""Scattering factors of atoms for X-rays, out of those for electrons by the formula of Mott and Bethe.

f_x(g) = Z - 2π² a₀ g² f_e(g), with the Bohr radius a₀ = 0.529177 Å and g = 2 sin θ / λ (International Tables
C, equation 4.3.1.12). No anomalous dispersion.
"""

from functools import lru_cache

import numpy as np

from edsym.simulation.crystal.lobato import scattering_factor

MOTT_BETHE = 2 * np.pi**2 * 0.529177211
"""2π² a₀ in Å."""

# Nodes over g²: linear interpolation between them costs less than 1e-4 of f.
_NODES = 2048


def xray_factor(number: int, squared: np.ndarray) -> np.ndarray:
    """Return the scattering factor of a neutral atom at rest for X-rays.

    Parameters
    ----------
    number : int
        Atomic number.
    squared : array
        g² in 1/Å².

    Returns
    -------
    array
        f in electrons.

    Raises
    ------
    MaterialError
        If the element has no parameters.
    """
    return number - MOTT_BETHE * squared * scattering_factor(number, squared)


@lru_cache(maxsize=256)
def factor_table(number: int, squared_max: float, thermal_b: float) -> np.ndarray:
    """Return the factors at `_NODES` + 1 values of g² from 0 on, the last but one at `squared_max` (1/Å²).

    They hold the Debye-Waller factor exp(-B g² / 4), B = `thermal_b` in Å².
    """
    squared = np.arange(_NODES + 1) * (squared_max / (_NODES - 1))
    return xray_factor(number, squared) * np.exp(-thermal_b * squared / 4)
