"""The engine for a GPU: the same Bloch waves, the patterns of a material in batches, in torch.

It needs torch, NumPy and SciPy only, and runs on the CPU too.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch

from edsym.errors import InputError, MaterialError
from edsym.simulation.crystal.cell import Cell, computing_cell, reciprocal_lattice
from edsym.simulation.engines.batched.crystal import (
    Crystal,
    DeviceBeams,
    crystal_bytes,
    fill_hamiltonians,
    make_crystal,
    pattern_bytes,
    select_beams,
)
from edsym.simulation.engines.batched.propagation import basis_bytes, propagate
from edsym.simulation.engines.interface import (
    Pattern,
    check_memory,
    expected_beams,
    step_limit,
    thickness_of_each,
)
from edsym.simulation.settings import SimulationSettings
from edsym.structures.structure import Structure

# Share of the free memory of a GPU that a material may take: torch's allocator leaves gaps.
_SHARE = 0.7
# Padding makes the largest pattern of a batch cost at most so many times the smallest one's.
_PADDING = 1.25
# Bytes of a batch: on a CPU more would only leave the cache between the steps; on a GPU 32-bit positions in
# the matrices must do.
_BATCH = {"cpu": 3e7, "cuda": 1e10}


class TorchEngine:
    """Dynamical diffraction in single precision (about 1e-6 of the incident beam), absorbing or not.

    Parameters
    ----------
    settings : SimulationSettings
        The basis of beams, the crystal's thickness, the limits and the device.

    Raises
    ------
    InputError
        If the device is not there.
    """

    def __init__(self, settings: SimulationSettings):
        self.settings = settings
        self.device = choose_device(settings.device)
        self._steps = step_limit(max(settings.thicknesses), settings.max_excitation_error)

    def patterns(
        self, structure: Structure, orientations: np.ndarray, thicknesses: Sequence[float] | None = None
    ) -> Iterator[Pattern]:
        """Yield one pattern per orientation: see `Engine`. All are computed before the first."""
        orientations = np.asarray(orientations, dtype=np.float64)
        thicknesses = thickness_of_each(self.settings, len(orientations), thicknesses)
        cell = computing_cell(structure)
        planes = 1 if self.settings.absorption == "none" else 2
        self._check_memory(cell, expected_beams(cell.volume, self.settings), planes)
        with torch.inference_mode(), _full_precision():
            crystal = make_crystal(cell, self.settings, self.device)
            beams = select_beams(crystal, orientations[:, 2])
            self._check_memory(cell, int(beams.counts.max()), crystal.planes)
            intensity = self._intensities(cell, crystal, beams, thicknesses).cpu().numpy()
            candidate = beams.candidate.cpu().numpy()
        ends, reciprocal = np.cumsum(beams.counts), reciprocal_lattice(structure.lattice)
        columns = orientations, ends - beams.counts, ends, thicknesses
        for orientation, first, end, thickness in zip(*columns, strict=True):
            chosen = candidate[first:end]
            incident = int(np.searchsorted(chosen, crystal.incident))
            own = crystal.hkl[chosen], intensity[first:end], incident
            yield Pattern(*own, reciprocal, orientation, float(thickness))

    def _intensities(
        self, cell: Cell, crystal: Crystal, beams: DeviceBeams, thicknesses: np.ndarray
    ) -> torch.Tensor:
        """Return the intensities (b,) float32 of all beams of all patterns."""
        intensity = torch.empty(beams.candidate.numel(), device=self.device)
        first_beam = np.cumsum(beams.counts) - beams.counts
        for batch in self._batches_of_one_thickness(cell, crystal, beams.counts, thicknesses):
            # Where each pattern's beams lie in the flat lists; -1 is padding.
            counts = torch.as_tensor(beams.counts[batch], device=self.device)[:, None]
            place = torch.arange(int(beams.counts[batch].max()), device=self.device)
            inside = place < counts
            place = (torch.as_tensor(first_beam[batch], device=self.device)[:, None] + place) * inside
            found = self._propagated(
                crystal,
                beams.candidate[place].where(inside, -1),
                beams.excitation_error[place] * inside,
                float(thicknesses[batch[0]]),
            )
            intensity[place[inside]] = found[inside]
        return intensity

    def _batches_of_one_thickness(
        self, cell: Cell, crystal: Crystal, counts: np.ndarray, thicknesses: np.ndarray
    ) -> Iterator[np.ndarray]:
        for thickness in np.unique(thicknesses):
            own = np.flatnonzero(thicknesses == thickness)
            for batch in batches(counts[own], self._batch_limit(cell, crystal)):
                yield own[batch]

    def _propagated(
        self, crystal: Crystal, candidate: torch.Tensor, error: torch.Tensor, thickness: float
    ) -> torch.Tensor:
        settings = self.settings
        matrix = fill_hamiltonians(crystal, candidate, error)
        start = (candidate == crystal.incident).int().argmax(dim=1)
        hermitian = settings.absorption == "none"
        found = propagate(matrix, start, thickness, settings.tolerance, self._steps, hermitian)
        if found is None:
            raise MaterialError(
                f"the propagation of {candidate.shape[1]} beams has not converged to {settings.tolerance:g} "
                f"after {self._steps} steps"
            )
        return found

    def _check_memory(self, cell: Cell, n_beams: int, planes: int) -> None:
        n_bytes = crystal_bytes(cell, self.settings.g_max) + self._pattern_bytes(n_beams, planes)
        if self.device.type == "cpu":
            check_memory(n_beams, n_bytes, self.settings.max_memory)
        elif n_bytes > _free_bytes(self.device):
            raise MaterialError(
                f"a pattern of {n_beams} beams needs {n_bytes / 1e6:.0f} MB, "
                f"more than the {_free_bytes(self.device) / 1e6:.0f} MB that {self.device} has to give"
            )

    def _pattern_bytes(self, n_beams: int, planes: int) -> int:
        return pattern_bytes(n_beams, planes) + basis_bytes(n_beams, planes, self._steps)

    def _batch_limit(self, cell: Cell, crystal: Crystal):
        """Return a function that tells how many patterns of so many beams a batch may have."""
        if self.device.type == "cpu":
            tables = crystal_bytes(cell, self.settings.g_max)
            allowed = 1e6 * self.settings.max_memory - tables
        else:
            allowed = _free_bytes(self.device)
        allowed = min(allowed, _BATCH[self.device.type])
        return lambda n_beams: max(1, int(allowed // self._pattern_bytes(n_beams, crystal.planes)))


def choose_device(name: str) -> torch.device:
    """Return the device of a name; "auto" is a GPU if there is one.

    Raises
    ------
    InputError
        If there is no GPU to use.
    """
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise InputError("simulation.device is 'cuda', but torch finds no such device")
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def batches(counts: np.ndarray, limit) -> Iterator[np.ndarray]:
    """Divide patterns into batches of similar size.

    Parameters
    ----------
    counts : (n,) array of int
        Beams of each pattern.
    limit : callable
        How many patterns of so many beams a batch may have.

    Yields
    ------
    batch : (m,) array of int
        Positions of patterns, the largest first.
    """
    order = np.argsort(-counts, kind="stable")
    while order.size:
        largest = counts[order[0]]
        similar = np.count_nonzero(counts[order] ** 2 * _PADDING >= largest**2)
        size = min(similar, limit(int(largest)))
        yield order[:size]
        order = order[size:]


def _free_bytes(device: torch.device) -> float:
    """Return the memory that a GPU has to give, with what torch holds in reserve."""
    free, _ = torch.cuda.mem_get_info(device)
    return _SHARE * (free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))


@contextmanager
def _full_precision():
    """Multiply in true single precision: TF32 has three digits."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
