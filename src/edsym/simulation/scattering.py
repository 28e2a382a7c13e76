"""Electrons and atoms: wavelength, interaction constant and scattering factors, as abTEM has them.

abTEM is imported when the first number is needed: its import takes seconds.
"""

from functools import lru_cache

import numpy as np

from edsym.errors import MaterialError

# Nodes of a scattering-factor table: linear interpolation between them costs less than 1e-6 of f.
_NODES = 16384


@lru_cache
def wavelength(energy_kev: float) -> float:
    """Return the relativistic wavelength of electrons in Å."""
    from abtem.core.energy import energy2wavelength

    return float(energy2wavelength(1e3 * energy_kev))


@lru_cache
def potential_prefactor(energy_kev: float) -> float:
    """Return what turns a scattering factor over a cell's volume into U_g = 2 m e V_g / h², in 1/Å²."""
    from abtem.core.constants import kappa
    from abtem.core.energy import energy2sigma

    return float(energy2sigma(1e3 * energy_kev) / (kappa * wavelength(energy_kev) * np.pi))


def scattering_factor_tables(numbers: np.ndarray, g_max: float, thermal_sigma: float) -> np.ndarray:
    """Tabulate the scattering factors of elements over |g|, with the Debye-Waller factor.

    Parameters
    ----------
    numbers : (n,) array of int
        Atomic numbers.
    g_max : float
        End of the tables in 1/Å.
    thermal_sigma : float
        Root mean square displacement along one direction in Å.

    Returns
    -------
    tables : (n, m + 2) float64
        Factors in Å at |g| = 0, g_max / m, ... g_max, and one node more for the interpolation.

    Raises
    ------
    MaterialError
        If there are no scattering factors for an element.
    """
    return np.stack([_table(int(number), float(g_max), float(thermal_sigma)) for number in numbers])


@lru_cache(maxsize=256)
def _table(number: int, g_max: float, thermal_sigma: float) -> np.ndarray:
    """Return the table of one element: Lobato & Van Dyck (2014), Acta Cryst. A70, 636-649."""
    squared = (np.arange(_NODES + 2) * (g_max / _NODES)) ** 2
    debye_waller = np.exp(-2 * np.pi**2 * thermal_sigma**2 * squared)
    return np.asarray(_scattering_factor(number)(squared), dtype=np.float64) * debye_waller


def _scattering_factor(number: int):
    from abtem.parametrizations import validate_parametrization
    from ase.data import chemical_symbols

    lobato = validate_parametrization("lobato")
    symbol = chemical_symbols[number] if 0 < number < len(chemical_symbols) else "?"
    if symbol not in lobato.parameters:
        raise MaterialError(f"there are no scattering factors for the element {symbol} (Z = {number})")
    return lobato.scattering_factor(number)
