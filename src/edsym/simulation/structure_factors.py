"""The Fourier coefficients U_g of a crystal's potential, for all couplings between its beams."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from edsym.simulation.cell import Cell
from edsym.simulation.scattering import potential_prefactor, scattering_factor_tables

# Imaginary parts below this share of the largest coefficient are rounding: the crystal is centrosymmetric.
_REAL = 1e-5
# Beams on the very rim |g| = g_max must not come and go by rounding: equivalent ones stay together.
RIM = 1 + 1e-9


@dataclass(frozen=True)
class PotentialTable:
    """U_g in a box of indices, flattened so that a coupling is found by one subtraction.

    Attributes
    ----------
    values : (1, n) or (2, n) float32
        Real parts, and imaginary parts unless the crystal is centrosymmetric, in 1/Å².
    half_widths : (3,) int
        The box holds the indices from -half_width to half_width.
    centre : int
        Position of U_000.
    """

    values: np.ndarray
    half_widths: np.ndarray
    centre: int

    def linear(self, hkl: np.ndarray) -> np.ndarray:
        """Return offsets of indices (n, 3): U of g - h lies at ``centre + linear(g) - linear(h)``."""
        return hkl @ _strides(self.half_widths)


def box_of_beams(cell: Cell, g_max: float) -> np.ndarray:
    """Return the largest indices (3,) of beams up to `g_max` (1/Å): |h| = |g·a| <= g_max |a|."""
    return np.floor(g_max * RIM * np.linalg.norm(cell.lattice, axis=1)).astype(int)


def table_bytes(cell: Cell, g_max: float) -> int:
    """Return the memory that `potential_table` takes."""
    return int(np.prod(4 * box_of_beams(cell, g_max) + 1)) * 8


def potential_table(cell: Cell, g_max: float, thermal_sigma: float, energy_kev: float) -> PotentialTable:
    """Tabulate U_g = (prefactor / V) Σ_j f_j(|g|) exp(-2πi g·r_j) up to twice `g_max`.

    Parameters
    ----------
    cell : Cell
        The crystal.
    g_max : float
        Length of the longest beam in 1/Å; differences of beams are up to twice as long.
    thermal_sigma : float
        Root mean square thermal displacement in Å.
    energy_kev : float
        Energy of the electrons in keV.

    Raises
    ------
    MaterialError
        If there are no scattering factors for an element.
    """
    half_widths = 2 * box_of_beams(cell, g_max)
    elements, element_of_atom = np.unique(cell.numbers, return_inverse=True)
    table_end = 2 * g_max * RIM
    factors = scattering_factor_tables(elements, table_end, thermal_sigma)
    factors = factors * (potential_prefactor(energy_kev) / cell.volume)
    phases = [_phases(width, x) for width, x in zip(half_widths, cell.frac_coords.T, strict=True)]
    values = np.zeros((2, int(np.prod(2 * half_widths + 1))), dtype=np.float32)
    _fill_table(
        half_widths,
        cell.reciprocal,
        *phases,
        element_of_atom,
        factors,
        table_end / (factors.shape[1] - 2),
        values,
    )
    if np.abs(values[1]).max() <= _REAL * np.abs(values[0]).max():
        values = np.ascontiguousarray(values[:1])
    return PotentialTable(values, half_widths, centre=values.shape[1] // 2)


def _strides(half_widths: np.ndarray) -> np.ndarray:
    _, n_k, n_l = 2 * half_widths + 1
    return np.array([n_k * n_l, n_l, 1])


def _phases(width: int, x: np.ndarray) -> np.ndarray:
    """Return exp(-2πi h x) as (2, atoms, 2 width + 1): real and imaginary parts."""
    angles = -2 * np.pi * np.outer(x, np.arange(-width, width + 1))
    return np.stack([np.cos(angles), np.sin(angles)])


@njit(fastmath=True, error_model="numpy", cache=True)
def _fill_table(widths, reciprocal, phase_h, phase_k, phase_l, element_of_atom, factors, step, values):
    """Fill half of the table, row by row along l, and the other half by U_-g = conj(U_g)."""
    n_k, n_l = 2 * widths[1] + 1, 2 * widths[2] + 1
    g_max = step * (factors.shape[1] - 2)
    last = values.shape[1] - 1
    row = np.zeros((factors.shape[0], 2, n_l), np.float32)
    for h in range(widths[0] + 1):
        for k in range(-widths[1], widths[1] + 1):
            if h == 0 and k < 0:
                continue
            foot = h * reciprocal[0] + k * reciprocal[1]
            first, stop = _range_in_sphere(foot, reciprocal[2], g_max, widths[2])
            if first >= stop:
                continue
            ih, ik = h + widths[0], k + widths[1]
            _sum_phases(phase_h[:, :, ih], phase_k[:, :, ik], phase_l, element_of_atom, first, stop, row)
            offset = (ih * n_k + ik) * n_l
            for i in range(first, stop):
                length = np.sqrt(np.sum((foot + (i - widths[2]) * reciprocal[2]) ** 2))
                node = min(int(length / step), factors.shape[1] - 2)
                weight = length / step - node
                real = imaginary = 0.0
                for element in range(factors.shape[0]):
                    factor = factors[element, node] * (1 - weight) + factors[element, node + 1] * weight
                    real += factor * row[element, 0, i]
                    imaginary += factor * row[element, 1, i]
                values[0, offset + i] = values[0, last - offset - i] = real
                values[1, offset + i] = imaginary
                values[1, last - offset - i] = -imaginary
    values[1, last // 2] = 0


@njit(inline="always")
def _range_in_sphere(foot, step, radius, width):
    """Return the range of positions i for which |foot + (i - width) step| <= radius."""
    a, b = np.sum(step * step), np.sum(foot * step)
    discriminant = b * b - a * (np.sum(foot * foot) - radius * radius)
    if discriminant < 0:
        return 0, 0
    root = np.sqrt(discriminant)
    first = max(-width, int(np.ceil((-b - root) / a)))
    last = min(width, int(np.floor((-b + root) / a)))
    return first + width, last + width + 1


@njit(inline="always", fastmath=True)
def _sum_phases(phase_h, phase_k, phase_l, element_of_atom, first, stop, row):
    """Sum exp(-2πi g·r) over the atoms of each element, for one row of the table."""
    row[:, :, first:stop] = 0
    for atom in range(element_of_atom.size):
        real = phase_h[0, atom] * phase_k[0, atom] - phase_h[1, atom] * phase_k[1, atom]
        imaginary = phase_h[0, atom] * phase_k[1, atom] + phase_h[1, atom] * phase_k[0, atom]
        real_row, imaginary_row = row[element_of_atom[atom], 0], row[element_of_atom[atom], 1]
        real_l, imaginary_l = phase_l[0, atom], phase_l[1, atom]
        for i in range(first, stop):
            real_row[i] += real * real_l[i] - imaginary * imaginary_l[i]
            imaginary_row[i] += real * imaginary_l[i] + imaginary * real_l[i]
