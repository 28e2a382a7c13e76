"""A crystal on a device: the beams of many orientations and their matrices, all by array operations of torch.

The same numbers as in `beams.selection`, `structure_factors` and `hamiltonian`, which are for one core.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from edsym.simulation.beams.basis import excitation_limits
from edsym.simulation.beams.candidates import find_candidates
from edsym.simulation.constants import NEGLIGIBLE_IMAGINARY, PROPORTIONAL_ABSORPTION, RIM
from edsym.simulation.crystal.cell import Cell
from edsym.simulation.crystal.scattering import absorptive_factor_tables, scattering_factor_tables
from edsym.simulation.electrons import potential_prefactor, wavelength
from edsym.simulation.settings import SimulationSettings

# Float64 values that a step of the search for beams may take.
_SEARCH = 8_000_000


@dataclass(frozen=True)
class Crystal:
    """What all patterns of a crystal are computed from.

    Attributes
    ----------
    hkl : (n, 3) int16 array
        Reciprocal-lattice points up to g_max: indices in the structure's lattice.
    components : (3, n) float64 tensor
        Their x, y and z components in the crystal frame, in 1/Å.
    squared : (n,) float64 tensor
        Squared lengths in 1/Å².
    linear : (n,) int32 tensor
        Offsets in the table: U of g - h lies at ``centre + linear[g] - linear[h]``.
    max_error : (n,) float64 tensor
        Largest excitation errors in 1/Å.
    table : (planes, m) float32 tensor
        U_g + iU'_g in 1/Å²: real parts and, unless the matrices are real, imaginary parts.
    incident, centre : int
        Positions of 000 among the points and in the table.
    wavelength : float
        λ in Å.
    """

    hkl: np.ndarray
    components: torch.Tensor
    squared: torch.Tensor
    linear: torch.Tensor
    max_error: torch.Tensor
    table: torch.Tensor
    incident: int
    centre: int
    wavelength: float

    @property
    def planes(self) -> int:
        """1 if the matrices are real, 2 if they are complex."""
        return len(self.table)


@dataclass(frozen=True)
class DeviceBeams:
    """The beams of many patterns, one list after the other.

    Attributes
    ----------
    candidate : (b,) int64 tensor
        Positions among the crystal's points, ascending in each pattern.
    excitation_error : (b,) float64 tensor
        In 1/Å, positive inside the Ewald sphere.
    counts : (patterns,) int64 array
        Number of beams of each pattern.
    """

    candidate: torch.Tensor
    excitation_error: torch.Tensor
    counts: np.ndarray


def crystal_bytes(cell: Cell, g_max: float) -> int:
    """Return the memory that `make_crystal` takes at its peak: the table is filled in double precision."""
    n_half_table = int(np.prod(4 * cell.box(g_max) + 1)) // 2
    n_points = int(np.prod(2 * cell.box(g_max) + 1))
    return 160 * n_half_table + 128 * n_points


def make_crystal(cell: Cell, settings: SimulationSettings, device: torch.device) -> Crystal:
    """Return the reciprocal-lattice points and the table of U_g of a crystal.

    Raises
    ------
    MaterialError
        If there are no scattering factors for an element.
    """
    candidates = find_candidates(cell, settings.g_max)
    widths = 2 * cell.box(settings.g_max)
    table = potential_table(cell, widths, settings, device)
    _, n_k, n_l = 2 * widths + 1
    return Crystal(
        hkl=(candidates.hkl @ cell.to_structure).astype(np.int16),
        components=torch.as_tensor(candidates.vectors, device=device),
        squared=torch.as_tensor(candidates.squared, device=device),
        linear=torch.as_tensor(candidates.hkl @ [n_k * n_l, n_l, 1], dtype=torch.int32, device=device),
        max_error=torch.as_tensor(excitation_limits(candidates, cell, settings), device=device),
        table=table,
        incident=candidates.incident,
        centre=table.shape[1] // 2,
        wavelength=wavelength(settings.energy_kev),
    )


def potential_table(
    cell: Cell, widths: np.ndarray, settings: SimulationSettings, device: torch.device
) -> torch.Tensor:
    """Tabulate U_g + iU'_g in a box of indices up to `widths` (3,), summed in double precision.

    U_g = (prefactor / V) Σ_j f_j(|g|) exp(-2πi g·r_j), and so is U' with the absorptive factors.

    Returns
    -------
    table : (planes, m) float32 tensor
        See `Crystal`.
    """
    elements, end = np.unique(cell.numbers), 2 * settings.g_max * RIM
    sigma = settings.thermal_sigma_angstrom
    factors = scattering_factor_tables(elements, end, sigma, settings.scattering_factors)
    elastic = _fourier_sum(cell, widths, settings, device, factors)
    centrosymmetric = elastic.imag.abs().max() <= NEGLIGIBLE_IMAGINARY * elastic.real.abs().max()
    if settings.absorption == "none":
        planes = [elastic.real] if centrosymmetric else [elastic.real, elastic.imag]
        return torch.stack(planes).float()
    if settings.absorption == "proportional":
        absorptive = PROPORTIONAL_ABSORPTION * elastic
    else:
        factors = absorptive_factor_tables(elements, end, sigma, settings.energy_kev)
        absorptive = _fourier_sum(cell, widths, settings, device, factors)
    if centrosymmetric:
        return torch.stack([elastic.real, absorptive.real]).float()
    return torch.stack([elastic.real - absorptive.imag, elastic.imag + absorptive.real]).float()


def _fourier_sum(
    cell: Cell, widths: np.ndarray, settings: SimulationSettings, device: torch.device, factors: np.ndarray
) -> torch.Tensor:
    """Return U (m,) complex128 with tables of factors: half of the box, and the rest by U_-g = conj(U_g)."""
    firsts = (0, *-widths[1:])
    indices = [torch.arange(a, w + 1, device=device) for a, w in zip(firsts, widths, strict=True)]
    squared = _squared_lengths(indices, cell.reciprocal)
    half = torch.zeros(squared.shape, dtype=torch.complex128, device=device)
    # Place among the nodes of the tables; beyond the last one, where no coupling lies, its value goes on.
    last = factors.shape[1] - 2
    place = torch.sqrt(squared) * (last / (2 * settings.g_max * RIM))
    node = place.long().clamp(max=last)
    weight = (place - node).clamp(max=1)
    for element, table in zip(np.unique(cell.numbers), factors, strict=True):
        positions = torch.as_tensor(cell.frac_coords[cell.numbers == element], device=device)
        values = torch.as_tensor(table, dtype=torch.float64, device=device)
        half += _phase_sum(indices, positions) * torch.lerp(values[node], values[node + 1], weight)
    half *= potential_prefactor(settings.energy_kev) / cell.volume
    # The half starts with its plane h = 0, in whose middle 000 lies.
    half = half.ravel()[half[0].numel() // 2 :]
    half.imag[0] = 0
    return torch.cat([half[1:].flip(0).conj(), half])


def _squared_lengths(indices: list[torch.Tensor], reciprocal: np.ndarray) -> torch.Tensor:
    """Return g² (n_h, n_k, n_l) in 1/Å², float64."""
    h, k, l = torch.meshgrid(*(i.double() for i in indices), indexing="ij")  # noqa: E741
    return sum((h * x + k * y + l * z) ** 2 for x, y, z in reciprocal.T.tolist())


def _phase_sum(indices: list[torch.Tensor], positions: torch.Tensor) -> torch.Tensor:
    """Return Σ_j exp(-2πi g·r_j) (n_h, n_k, n_l) over atoms at `positions` (n, 3), complex128."""
    h, k, l = (  # noqa: E741
        torch.exp(-2j * math.pi * torch.outer(x, i.double()))
        for x, i in zip(positions.T, indices, strict=True)
    )
    planes = (h[:, :, None] * k[:, None, :]).flatten(1)
    return (planes.T @ l).reshape(h.shape[1], k.shape[1], l.shape[1])


def select_beams(crystal: Crystal, directions: np.ndarray) -> DeviceBeams:
    """Return the beams whose excitation error is small enough, for many directions.

    The excitation error is s_g = (K² - |K + g|²) / 2K = -g·k - λ g² / 2, in double precision: in single
    precision intensities change by up to 2e-5.

    Parameters
    ----------
    crystal : Crystal
        What to choose from.
    directions : (n, 3) array
        Unit vectors k along which the electrons travel, in the crystal frame.
    """
    step = max(1, _SEARCH // crystal.squared.numel())
    parts = []
    for first in range(0, len(directions), step):
        k = torch.as_tensor(directions[first : first + step], device=crystal.squared.device)[:, :, None]
        g = crystal.components
        projection = g[0] * k[:, 0] + g[1] * k[:, 1] + g[2] * k[:, 2]
        error = -projection - (0.5 * crystal.wavelength) * crystal.squared
        chosen = error.abs() <= crystal.max_error
        parts.append((chosen.nonzero()[:, 1], error[chosen], chosen.sum(dim=1)))
    candidate, error, counts = (torch.cat(part) for part in zip(*parts, strict=True))
    return DeviceBeams(candidate, error, counts.cpu().numpy())


def pattern_bytes(n_beams: int, planes: int) -> int:
    """Return the memory that `fill_hamiltonians` takes for one pattern at its peak."""
    # The matrix, indices in the table, and what is read from there.
    return (4 * planes + 4 + 4) * n_beams**2


def fill_hamiltonians(crystal: Crystal, candidate: torch.Tensor, error: torch.Tensor) -> torch.Tensor:
    """Return the matrices of a batch of patterns, padded with zeros to the same size: see `hamiltonian`.

    Parameters
    ----------
    crystal : Crystal
        The crystal.
    candidate : (p, n) int64 tensor
        Beams of each pattern; -1 is padding.
    error : (p, n) float64 tensor
        Excitation errors in 1/Å.

    Returns
    -------
    matrix : (p, n, planes * n) float32 tensor
        The transpose of H in 1/Å: the real part and, beside it, the imaginary part unless H is real.
    """
    n_patterns, n = candidate.shape
    beam, candidate = candidate >= 0, candidate.clamp(min=0)
    g_z = -error - (0.5 * crystal.wavelength) * crystal.squared[candidate]
    squared_metric = beam / (1 + crystal.wavelength * g_z)
    scale = torch.sqrt(math.pi * crystal.wavelength * squared_metric).float()
    # Padding couples to nothing; that it points to the incident beam keeps it inside the table.
    linear = crystal.linear[candidate] * beam
    index = ((crystal.centre + linear)[:, None, :] - linear[:, :, None]).ravel()
    matrix = torch.empty(n_patterns, n, crystal.planes, n, device=scale.device)
    for plane, values in enumerate(crystal.table):
        part = matrix[:, :, plane]
        torch.mul(values.index_select(0, index).view(n_patterns, n, n), scale[:, :, None], out=part)
        part *= scale[:, None, :]
    matrix[:, :, 0].diagonal(dim1=1, dim2=2).copy_(2 * math.pi * error * squared_metric)
    return matrix.flatten(2)
