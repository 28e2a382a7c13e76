"""The engine of edsym: Bloch waves by one column of the propagator."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numba import njit

from edsym.errors import InputError, MaterialError
from edsym.simulation.beams.basis import excitation_limits
from edsym.simulation.beams.candidates import Candidates, candidates_bytes, find_candidates
from edsym.simulation.beams.selection import BeamLists, expected_number, select_beams
from edsym.simulation.crystal.cell import Cell, computing_cell, reciprocal_lattice
from edsym.simulation.crystal.structure_factors import PotentialTable, potential_table, table_bytes
from edsym.simulation.electrons import wavelength
from edsym.simulation.engines.interface import (
    Pattern,
    check_memory,
    expected_beams,
    step_limit,
    thickness_of_each,
)
from edsym.simulation.engines.krylov.hamiltonian import fill, matrix_size, padded
from edsym.simulation.engines.krylov.propagation import propagate
from edsym.simulation.settings import SimulationSettings
from edsym.structures.structure import Structure

# Patterns that are computed by one call of compiled code, and whose beams are held at a time.
_BATCH = 100


class KrylovEngine:
    """Dynamical diffraction with or without absorption, in single precision (1e-6 of the incident beam).

    Parameters
    ----------
    settings : SimulationSettings
        The basis of beams, the crystal's thickness and the limits.
    """

    def __init__(self, settings: SimulationSettings):
        self.settings = settings
        self._wavelength = wavelength(settings.energy_kev)
        self._matrix_memory = _Memory()
        self._basis_memory = _Memory()

    def patterns(
        self, structure: Structure, orientations: np.ndarray, thicknesses: Sequence[float] | None = None
    ) -> Iterator[Pattern]:
        """Yield one pattern per orientation: see `Engine`."""
        each = thickness_of_each(self.settings, len(orientations), thicknesses)
        for pattern in self._series(structure, orientations, each[:, None]):
            yield replace(pattern, intensity=pattern.intensity[0], thickness=float(pattern.thickness[0]))

    def thickness_series(
        self, structure: Structure, orientations: np.ndarray, thicknesses: Sequence[float]
    ) -> Iterator[Pattern]:
        """Yield one pattern per orientation with the intensities at several thicknesses.

        They all come from the Krylov basis of the largest thickness: the others cost next to nothing.

        Parameters
        ----------
        structure, orientations
            See `Engine`.
        thicknesses : sequence of float
            In Å, ascending; the settings' thickness does not count.

        Yields
        ------
        Pattern
            Its `intensity` is (T, n), one row a thickness, and its `thickness` (T,).

        Raises
        ------
        InputError
            If the thicknesses are not positive and ascending.
        MaterialError
            See `Engine`.
        """
        thicknesses = np.array(thicknesses, dtype=np.float64)
        if not thicknesses.size or not (np.diff(thicknesses, prepend=0) > 0).all():
            raise InputError(f"thicknesses are {thicknesses.tolist()} Å, expected positive and ascending")
        yield from self._series(structure, orientations, np.tile(thicknesses, (len(orientations), 1)))

    def _series(
        self, structure: Structure, orientations: np.ndarray, thicknesses: np.ndarray
    ) -> Iterator[Pattern]:
        """Yield one pattern per orientation at its own thicknesses: rows (n, T), ascending."""
        settings, cell = self.settings, computing_cell(structure)
        steps = step_limit(thicknesses.max(initial=0), settings.max_excitation_error)
        check_memory(expected_beams(cell.volume, settings), self._table_bytes(cell), settings.max_memory)
        candidates = find_candidates(cell, settings.g_max)
        limits = excitation_limits(candidates, cell, settings)
        planes = 1 if settings.absorption == "none" else 2
        self._check_memory(cell, int(expected_number(candidates, limits)) + 1, planes, steps)
        table = potential_table(
            cell,
            settings.g_max,
            settings.thermal_sigma_angstrom,
            settings.energy_kev,
            settings.scattering_factors,
            settings.absorption,
        )
        linear = table.linear(candidates.hkl)
        hkl = (candidates.hkl @ cell.to_structure).astype(np.int16)
        orientations = np.asarray(orientations, dtype=np.float64)
        reciprocal = reciprocal_lattice(structure.lattice)
        for first in range(0, len(orientations), _BATCH):
            batch = orientations[first : first + _BATCH]
            beams = select_beams(candidates, batch[:, 2], self._wavelength, limits)
            self._check_memory(cell, beams.largest(), len(table.values), steps)
            own_thicknesses = thicknesses[first : first + _BATCH]
            intensity = self._intensities(beams, candidates, table, linear, own_thicknesses, steps)
            for p, orientation in enumerate(batch):
                own = slice(*beams.offset[p : p + 2])
                indices = hkl[beams.candidate[own]]
                place = int(beams.incident[p]), reciprocal, orientation
                yield Pattern(indices, intensity[:, own], *place, own_thicknesses[p])

    def _check_memory(self, cell: Cell, n_beams: int, planes: int, steps: int) -> None:
        settings = self.settings
        rows, _ = padded(n_beams)
        floats = matrix_size(n_beams, planes) + planes * rows * (steps + 1)
        # Candidate, error, indices, position and intensity of a beam.
        lists = _BATCH * n_beams * (4 + 8 + 6 + 8 + 4)
        check_memory(n_beams, 4 * floats + self._table_bytes(cell) + lists, settings.max_memory)

    def _table_bytes(self, cell: Cell) -> int:
        g_max = self.settings.g_max
        return table_bytes(cell, g_max) + candidates_bytes(cell, g_max)

    def _intensities(
        self,
        beams: BeamLists,
        candidates: Candidates,
        table: PotentialTable,
        linear: np.ndarray,
        thicknesses: np.ndarray,
        steps: int,
    ) -> np.ndarray:
        n, planes, settings = beams.largest(), len(table.values), self.settings
        intensity = np.empty((thicknesses.shape[1], beams.candidate.size), dtype=np.float32)
        failed = _propagate_all(
            table.values.T,
            table.kind,
            table.centre,
            linear,
            candidates.squared,
            beams.offset,
            beams.candidate,
            beams.excitation_error,
            beams.incident,
            self._wavelength,
            thicknesses,
            settings.tolerance,
            self._matrix_memory.take(matrix_size(n, planes)),
            self._basis_memory.take((steps + 1) * planes * padded(n)[0]),
            steps,
            intensity,
        )
        if failed >= 0:
            raise MaterialError(
                f"the propagation of {np.diff(beams.offset)[failed]} beams has not converged to "
                f"{settings.tolerance:g} after {steps} steps"
            )
        return intensity


# The only function of the propagation that is cached: what it calls is compiled into it. Functions cached
# apart give other last digits in the process that compiles them than in one that loads them.
@njit(error_model="numpy", cache=True)
def _propagate_all(
    couplings,
    kind,
    centre,
    linear,
    squared,
    offset,
    candidate,
    error,
    incident,
    wavelength,
    thicknesses,
    tolerance,
    matrix_memory,
    basis_memory,
    max_steps,
    intensity,
):
    """Compute the intensities of several patterns; return the position of one that fails, or -1."""
    for p in range(offset.size - 1):
        first, stop = offset[p], offset[p + 1]
        chosen = candidate[first:stop]
        matrix = fill(
            couplings,
            kind,
            centre,
            linear[chosen],
            error[first:stop],
            squared[chosen],
            wavelength,
            matrix_memory,
        )
        length = matrix.shape[0] * matrix.shape[1]
        basis = basis_memory[: (max_steps + 1) * length].reshape(max_steps + 1, length)
        own = intensity[:, first:stop]
        steps = propagate(matrix, kind, incident[p], thicknesses[p], tolerance, basis, own)
        if steps < 0:
            return p
    return -1


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
