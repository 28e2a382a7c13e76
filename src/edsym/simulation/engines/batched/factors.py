"""Scattering factors of elements on a device.

Lobato & Van Dyck's are computed by their formula; Weickenmeier & Kohl's, which take longer, are interpolated
in tables.
"""

import math
from functools import lru_cache

import numpy as np
import torch

from edsym.simulation.crystal import weickenmeier_kohl
from edsym.simulation.crystal.lobato import scattering_factor
from edsym.simulation.electrons import wavelength
from edsym.simulation.settings import SimulationSettings

# Nodes of a table: linear interpolation between them costs less than 1e-6 of f.
_NODES = 16384


def elastic_factor(number: int, squared: torch.Tensor, settings: SimulationSettings) -> torch.Tensor:
    """Return the elastic factor of an element in Å with the Debye-Waller factor, at g² in 1/Å².

    Raises
    ------
    MaterialError
        If there are no scattering factors for the element.
    """
    if settings.scattering_factors == "lobato":
        at_rest = scattering_factor(number, squared)
    else:
        table = _elastic_table(number, settings.scattering_factors, settings.g_max)
        at_rest = _interpolated(table, settings.g_max, squared)
    return at_rest * torch.exp(-2 * math.pi**2 * settings.thermal_sigma_angstrom**2 * squared)


def absorptive_factor(number: int, squared: torch.Tensor, settings: SimulationSettings) -> torch.Tensor:
    """Return Weickenmeier & Kohl's absorptive factor of an element in Å: see `elastic_factor`."""
    sigma, energy = settings.thermal_sigma_angstrom, settings.energy_kev
    return _interpolated(_absorptive_table(number, sigma, energy, settings.g_max), settings.g_max, squared)


def _nodes(g_max: float) -> np.ndarray:
    """Return |g| up to the longest coupling 2 g_max, and one node more for the interpolation."""
    return np.arange(_NODES + 2) * (2 * g_max / _NODES)


@lru_cache(maxsize=256)
def _elastic_table(number: int, kind: str, g_max: float) -> np.ndarray:
    if kind == "py4dstem":
        return weickenmeier_kohl.elastic_factor_of_py4dstem(number, _nodes(g_max))
    return weickenmeier_kohl.elastic_factor(number, _nodes(g_max))


@lru_cache(maxsize=256)
def _absorptive_table(number: int, sigma: float, energy_kev: float, g_max: float) -> np.ndarray:
    g = _nodes(g_max)
    return weickenmeier_kohl.absorptive_factor(number, g, sigma, energy_kev, wavelength(energy_kev))


def _interpolated(table: np.ndarray, g_max: float, squared: torch.Tensor) -> torch.Tensor:
    """Interpolate linearly; beyond the last node, where no coupling lies, its value goes on."""
    values = torch.as_tensor(table, device=squared.device)
    place = torch.sqrt(squared) * (_NODES / (2 * g_max))
    node = place.long().clamp(max=_NODES)
    return torch.lerp(values[node], values[node + 1], (place - node).clamp(max=1))
