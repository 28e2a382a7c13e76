"""abTEM's Bloch waves behind the interface of an engine: the reference, by full diagonalisation."""

from collections.abc import Iterator, Sequence

import numpy as np

from edsym.simulation.constants import RIM
from edsym.simulation.crystal.cell import computing_cell, reciprocal_lattice
from edsym.simulation.crystal.scattering import scattering_factor_tables
from edsym.simulation.electrons import wavelength
from edsym.simulation.engines.interface import Pattern, check_memory, expected_beams, thickness_of_each
from edsym.simulation.settings import SimulationSettings
from edsym.structures.standard import Structure

# Complex double-precision arrays that abTEM holds at once, about: of a matrix and of phases by atom.
_MATRICES = 5
_PHASES = 4


class AbtemEngine:
    """abTEM's `StructureFactor` and `BlochWaves` with the same beams, in double precision.

    abTEM returns |ψ_g|²; here the flux (1 + λ g_z) |ψ_g|² is given, as the other engine does: its sum
    is 1 without absorption. The two differ by up to 3e-5.
    """

    def __init__(self, settings: SimulationSettings):
        self.settings = settings

    def patterns(
        self, structure: Structure, orientations: np.ndarray, thicknesses: Sequence[float] | None = None
    ) -> Iterator[Pattern]:
        """Yield one pattern per orientation: see `Engine`."""
        import abtem

        settings = self.settings
        thicknesses = thickness_of_each(settings, len(orientations), thicknesses)
        self._check(structure)
        with abtem.config.set({"precision": "float64"}):
            factors = _structure_factors(structure, settings)
        reciprocal = reciprocal_lattice(structure.lattice)
        orientations = np.asarray(orientations, dtype=np.float64)
        for orientation, thickness in zip(orientations, thicknesses.tolist(), strict=True):
            # Not around the `yield`: the setting is global.
            with abtem.config.set({"precision": "float64"}):
                hkl, intensity = _beams(factors, orientation, thickness, settings)
            incident = int(np.flatnonzero(~hkl.any(axis=1))[0])
            yield Pattern(hkl, intensity, incident, reciprocal, orientation, thickness)

    def _check(self, structure: Structure) -> None:
        settings = self.settings
        scattering_factor_tables(np.unique(structure.numbers), 2 * settings.g_max, 0.0)
        volume = computing_cell(structure).volume
        n_beams = expected_beams(volume, settings)
        n_factors = 4 / 3 * np.pi * (2 * settings.g_max) ** 3 * volume
        n_bytes = 16 * (_MATRICES * n_beams**2 + _PHASES * n_factors * len(structure.numbers))
        check_memory(n_beams, n_bytes, settings.max_memory)


def _structure_factors(structure: Structure, settings: SimulationSettings):
    """Return abTEM's structure factors up to twice g_max, so that all couplings are there."""
    from abtem.bloch import StructureFactor
    from ase import Atoms

    atoms = Atoms(
        numbers=structure.numbers, scaled_positions=structure.frac_coords, cell=structure.lattice, pbc=True
    )
    factors = StructureFactor(
        atoms,
        # Where 2 g_max is just the length of a difference, rounding must not cut it.
        g_max=2 * settings.g_max * RIM**2,
        parametrization="lobato",
        thermal_sigma=settings.thermal_sigma_angstrom,
        cutoff="hard",
        centering="P",
    )
    return factors.build(lazy=False)


def _beams(
    factors, orientation: np.ndarray, thickness: float, settings: SimulationSettings
) -> tuple[np.ndarray, np.ndarray]:
    from abtem.bloch import BlochWaves

    waves = BlochWaves(
        factors,
        energy=1e3 * settings.energy_kev,
        sg_max=settings.max_excitation_error,
        g_max=settings.g_max * RIM,
        orientation_matrix=orientation,
        centering="P",
    )
    intensity = waves.calculate_diffraction_patterns(thickness, lazy=False).array
    flux = 1 + wavelength(settings.energy_kev) * waves.g_vec[:, 2]
    return waves.hkl.astype(np.int16), (flux * intensity).astype(np.float32)
