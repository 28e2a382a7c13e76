"""Constants of electrons at an energy, without abTEM.

The fundamental constants are abTEM's (CODATA 2014), so that the beams on the rim of a basis are the same.
"""

import math

_PLANCK = 6.62607004e-34  # J s
_MASS = 9.10938356e-31  # kg
_CHARGE = 1.6021766208e-19  # C
_LIGHT = 299792458.0  # m/s
_REST_ENERGY = _MASS * _LIGHT**2 / _CHARGE  # eV


def wavelength(energy_kev: float) -> float:
    """Return the relativistic wavelength of electrons in Å."""
    energy = 1e3 * energy_kev
    return 1e10 * _PLANCK * _LIGHT / (_CHARGE * math.sqrt(energy * (2 * _REST_ENERGY + energy)))


def potential_prefactor(energy_kev: float) -> float:
    """Return what turns a scattering factor over a cell's volume into U_g, in 1/Å² per Å / Å³: γ / π.

    U_g = 2 γ m e V_g / h² and V_g = h² f / (2π m e V) (De Graef, Introduction to Conventional TEM, 2003).
    """
    return (1 + 1e3 * energy_kev / _REST_ENERGY) / math.pi
