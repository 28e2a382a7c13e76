"""The engine of edsym: Bloch waves by one column of the propagator."""

from collections.abc import Iterator

import numpy as np

from edsym.errors import MaterialError
from edsym.simulation.beams import Beams, Candidates, candidates_bytes, find_candidates, select_beams
from edsym.simulation.cell import Cell, computing_cell
from edsym.simulation.engine import Pattern, check_memory, expected_beams
from edsym.simulation.hamiltonian import fill_hamiltonian, matrix_size, padded
from edsym.simulation.propagation import propagate, step_limit
from edsym.simulation.scattering import wavelength
from edsym.simulation.settings import SimulationSettings
from edsym.simulation.structure_factors import PotentialTable, potential_table, table_bytes
from edsym.structures.standard import Structure


class KrylovEngine:
    """Dynamical diffraction without absorption, in single precision (about 1e-6 of the incident beam).

    Parameters
    ----------
    settings : SimulationSettings
        The basis of beams, the crystal's thickness and the limits.
    """

    def __init__(self, settings: SimulationSettings):
        self.settings = settings
        self._steps = step_limit(settings.thickness_angstrom, settings.max_excitation_error)
        self._matrix_memory = _Memory()
        self._basis_memory = _Memory()

    def patterns(self, structure: Structure, orientations: np.ndarray) -> Iterator[Pattern]:
        """Yield one pattern per orientation: see `Engine`."""
        cell = computing_cell(structure)
        self._check_memory(cell, expected_beams(cell.volume, self.settings), planes=1)
        settings = self.settings
        table = potential_table(cell, settings.g_max, settings.thermal_sigma_angstrom, settings.energy_kev)
        candidates = find_candidates(cell, settings.g_max)
        linear = table.linear(candidates.hkl)
        for orientation in np.asarray(orientations, dtype=np.float64):
            beams = self._beams(candidates, orientation[2])
            self._check_memory(cell, beams.candidate.size, planes=table.values.shape[0])
            intensity = self._intensity(beams, candidates, table, linear)
            yield _pattern(beams, candidates, cell, orientation, intensity)

    def _beams(self, candidates: Candidates, direction: np.ndarray) -> Beams:
        settings = self.settings
        return select_beams(
            candidates, direction, wavelength(settings.energy_kev), settings.max_excitation_error
        )

    def _check_memory(self, cell: Cell, n_beams: int, planes: int) -> None:
        rows, _ = padded(n_beams)
        floats = matrix_size(n_beams, planes) + planes * rows * (self._steps + 1)
        tables = table_bytes(cell, self.settings.g_max) + candidates_bytes(cell, self.settings.g_max)
        check_memory(n_beams, 4 * floats + tables, self.settings.max_memory)

    def _intensity(
        self, beams: Beams, candidates: Candidates, table: PotentialTable, linear: np.ndarray
    ) -> np.ndarray:
        n, planes, settings = beams.candidate.size, table.values.shape[0], self.settings
        memory = self._matrix_memory.take(matrix_size(n, planes))
        matrix = fill_hamiltonian(beams, candidates, table, linear, wavelength(settings.energy_kev), memory)
        length = planes * matrix.shape[1]
        basis = self._basis_memory.take((self._steps + 1) * length).reshape(-1, length)
        intensity = np.empty(n, dtype=np.float32)
        steps = propagate(
            matrix, beams.incident, settings.thickness_angstrom, settings.tolerance, basis, intensity
        )
        if steps < 0:
            raise MaterialError(
                f"the propagation of {n} beams has not converged to {settings.tolerance:g} "
                f"after {self._steps} steps"
            )
        return intensity


class _Memory:
    """Working memory that is kept from pattern to pattern and grows when it must."""

    def __init__(self):
        self._array = np.empty(0, dtype=np.float32)

    def take(self, size: int) -> np.ndarray:
        """Return `size` float32, not initialised, at an address that suits vector instructions."""
        if self._array.size < size + 16:
            self._array = np.empty(size + 16, dtype=np.float32)
        start = (-self._array.ctypes.data // 4) % 16
        return self._array[start : start + size]


def _pattern(
    beams: Beams, candidates: Candidates, cell: Cell, orientation: np.ndarray, intensity: np.ndarray
) -> Pattern:
    chosen = beams.candidate
    return Pattern(
        hkl=(candidates.hkl[chosen] @ cell.to_structure).astype(np.int16),
        q=(orientation[:2] @ candidates.vectors[:, chosen]).T.astype(np.float32),
        intensity=intensity,
        incident=beams.incident,
    )
