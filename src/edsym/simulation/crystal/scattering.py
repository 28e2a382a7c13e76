"""Scattering factors of the elements, tabulated over |g|."""

from functools import lru_cache

import numpy as np

from edsym.simulation.crystal import lobato, weickenmeier_kohl
from edsym.simulation.electrons import wavelength

# Nodes of a scattering-factor table: linear interpolation between them costs less than 1e-6 of f.
_NODES = 16384


def scattering_factor_tables(
    numbers: np.ndarray, g_max: float, thermal_sigma: float, parametrization: str = "lobato"
) -> np.ndarray:
    """Tabulate the elastic scattering factors of elements over |g|, with the Debye-Waller factor.

    Parameters
    ----------
    numbers : (n,) array of int
        Atomic numbers.
    g_max : float
        End of the tables in 1/Å.
    thermal_sigma : float
        Root mean square displacement along one direction in Å.
    parametrization : {"lobato", "weickenmeier_kohl", "py4dstem"}
        Lobato & Van Dyck (2014), Acta Cryst. A70, 636-649, or see
        `edsym.simulation.crystal.weickenmeier_kohl`.

    Returns
    -------
    tables : (n, m + 2) float32
        Factors in Å at |g| = 0, g_max / m, ... g_max, and one node more for the interpolation.

    Raises
    ------
    MaterialError
        If there are no scattering factors for an element.
    """
    return np.stack(
        [_elastic(int(number), float(g_max), float(thermal_sigma), parametrization) for number in numbers]
    )


def absorptive_factor_tables(
    numbers: np.ndarray, g_max: float, thermal_sigma: float, energy_kev: float
) -> np.ndarray:
    """Tabulate Weickenmeier & Kohl's absorptive factors f': see `scattering_factor_tables`.

    Raises
    ------
    MaterialError
        If there are no scattering factors for an element.
    """
    return np.stack(
        [
            _absorptive(int(number), float(g_max), float(thermal_sigma), float(energy_kev))
            for number in numbers
        ]
    )


def _nodes(g_max: float) -> np.ndarray:
    return np.arange(_NODES + 2) * (g_max / _NODES)


@lru_cache(maxsize=256)
def _elastic(number: int, g_max: float, thermal_sigma: float, parametrization: str) -> np.ndarray:
    g = _nodes(g_max)
    debye_waller = np.exp(-2 * np.pi**2 * thermal_sigma**2 * g**2)
    if parametrization == "lobato":
        factor = lobato.scattering_factor(number, g**2)
    elif parametrization == "weickenmeier_kohl":
        factor = weickenmeier_kohl.elastic_factor(number, g)
    else:
        factor = weickenmeier_kohl.elastic_factor_of_py4dstem(number, g)
    return (factor * debye_waller).astype(np.float32)


@lru_cache(maxsize=256)
def _absorptive(number: int, g_max: float, thermal_sigma: float, energy_kev: float) -> np.ndarray:
    g = _nodes(g_max)
    factor = weickenmeier_kohl.absorptive_factor(number, g, thermal_sigma, energy_kev, wavelength(energy_kev))
    return factor.astype(np.float32)
