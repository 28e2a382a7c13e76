"""How far from its Bragg condition a beam may be to take part: the same for all beams, or by its strength."""

import numpy as np

from edsym.simulation.beams.candidates import Candidates
from edsym.simulation.constants import RIM
from edsym.simulation.crystal.cell import Cell
from edsym.simulation.crystal.scattering import scattering_factor_tables
from edsym.simulation.electrons import potential_prefactor, wavelength
from edsym.simulation.settings import SimulationSettings


def excitation_limits(candidates: Candidates, cell: Cell, settings: SimulationSettings) -> np.ndarray:
    """Return the largest excitation error (n,) in 1/Å of each candidate.

    In the adaptive basis a beam takes part where its amplitude in a two-beam crystal, λ U / 2|s|, can reach
    ``min_beam_amplitude``. U is the root mean square over arrangements of the cell's atoms,
    U_rms² = (prefactor / V)² Σ_j f_j², so that equivalent beams and forbidden ones are treated alike.

    Raises
    ------
    MaterialError
        If there are no scattering factors for an element.
    """
    limits = np.full(candidates.squared.size, settings.max_excitation_error)
    if settings.min_beam_amplitude is None:
        return limits
    return np.minimum(limits, _two_beam_limits(candidates, cell, settings))


def _two_beam_limits(candidates: Candidates, cell: Cell, settings: SimulationSettings) -> np.ndarray:
    elements, counts = np.unique(cell.numbers, return_counts=True)
    table_end = 2 * settings.g_max * RIM
    factors = scattering_factor_tables(
        elements, table_end, settings.thermal_sigma_angstrom, settings.scattering_factors
    )
    nodes = np.arange(factors.shape[1]) * (table_end / (factors.shape[1] - 2))
    rms = np.sqrt(counts @ factors**2) * potential_prefactor(settings.energy_kev) / cell.volume
    potential = np.interp(np.sqrt(candidates.squared), nodes, rms)
    return wavelength(settings.energy_kev) * potential / (2 * settings.min_beam_amplitude)
