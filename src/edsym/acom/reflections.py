"""The reflections of a candidate phase, and how bright one is that is off its Bragg condition."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from edsym.errors import MaterialError
from edsym.simulation.beams.candidates import candidates_bytes, find_candidates
from edsym.simulation.crystal.cell import computing_cell
from edsym.simulation.crystal.structure_factors import potential_table, table_bytes
from edsym.simulation.electrons import wavelength
from edsym.simulation.settings import SimulationSettings
from edsym.structures.structure import Structure

# Reflections weaker than this share of the strongest are not looked for.
_WEAKEST = 0.01


@dataclass(frozen=True)
class Reflections:
    """The reflections of a crystal up to a length, without 000.

    Attributes
    ----------
    vectors : (n, 3) float64
        In the crystal frame, in 1/Å.
    potential : (n,) float64
        Moduli of the Fourier coefficients U_g of the elastic potential in 1/Å².
    wavelength : float
        Of the electrons, in Å.
    thickness : float
        Of the crystal, in Å.
    """

    vectors: np.ndarray
    potential: np.ndarray
    wavelength: float
    thickness: float

    @classmethod
    def of(cls, structure: Structure, settings: SimulationSettings) -> "Reflections":
        """Return the reflections of a structure up to ``settings.g_max``.

        Raises
        ------
        MaterialError
            If an element has no scattering factors, or the cell is too large for ``settings.max_memory``.
        """
        cell = computing_cell(structure)
        needed = (table_bytes(cell, settings.g_max) + candidates_bytes(cell, settings.g_max)) / 1e6
        if needed > settings.max_memory:
            raise MaterialError(f"its reflections need {needed:.0f} MB, more than {settings.max_memory:g} MB")
        candidates = find_candidates(cell, settings.g_max)
        table = potential_table(
            cell,
            settings.g_max,
            settings.thermal_sigma_angstrom,
            settings.energy_kev,
            settings.scattering_factors,
        )
        values = table.values[:, table.centre + table.linear(candidates.hkl)].astype(np.float64)
        potential = np.sqrt((values**2).sum(axis=0))
        potential[candidates.incident] = 0
        kept = potential > _WEAKEST * potential.max()
        vectors = np.ascontiguousarray(candidates.vectors.T[kept])
        return cls(vectors, potential[kept], wavelength(settings.energy_kev), settings.thickness_angstrom)


@njit(cache=True, nogil=True)
def two_beam_intensity(potential, s, wavelength, thickness):
    """Return the intensity of a reflection in a crystal of two beams, averaged from no thickness to this one.

    sin²(π t σ) / (ξ σ)² with σ² = s² + 1/ξ² and the extinction distance ξ = 1 / (λ U) (De Graef 2003,
    Introduction to Conventional TEM, equation 6.45), whose mean over the thickness has no fringes.
    """
    inverse = wavelength * potential
    squared = s * s + inverse * inverse
    phase = 2 * np.pi * thickness * np.sqrt(squared)
    oscillation = np.sin(phase) / phase if phase > 1e-6 else 1.0
    return 0.5 * inverse * inverse / squared * (1 - oscillation)
