"""The Fourier coefficients U_g of a crystal's potential, for all couplings between its beams."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numba import njit

from edsym.simulation.cell import Cell
from edsym.simulation.electrons import potential_prefactor
from edsym.simulation.scattering import absorptive_factor_tables, scattering_factor_tables

# Imaginary parts below this share of the largest coefficient are rounding: the crystal is centrosymmetric.
_REAL = 1e-5
# Beams on the very rim |g| = g_max must not come and go by rounding: equivalent ones stay together.
RIM = 1 + 1e-9
# Share of the elastic potential that is absorptive, where it is taken as proportional: a customary value
# (Hashimoto, Howie & Whelan 1962, Proc. R. Soc. A 269, 80-103).
PROPORTIONAL_ABSORPTION = 0.1


class Kind(IntEnum):
    """What the matrix of couplings U_(g - h) is like."""

    REAL = 0
    """Real and symmetric: a centrosymmetric crystal."""
    HERMITIAN = 1
    """Complex and Hermitian: a crystal without inversion centre."""
    SYMMETRIC = 2
    """Complex and symmetric: a centrosymmetric crystal that absorbs."""
    GENERAL = 3
    """Any complex: a crystal without inversion centre that absorbs."""


@dataclass(frozen=True)
class PotentialTable:
    """U_g in a box of indices, flattened so that a coupling is found by one subtraction.

    Attributes
    ----------
    values : (1, n) or (2, n) float32
        Real parts and, unless the kind is `REAL`, imaginary parts in 1/Å².
    kind : Kind
        Symmetry of the matrix that the couplings make.
    half_widths : (3,) int
        The box holds the indices from -half_width to half_width.
    centre : int
        Position of U_000.
    """

    values: np.ndarray
    kind: Kind
    half_widths: np.ndarray
    centre: int

    def linear(self, hkl: np.ndarray) -> np.ndarray:
        """Return offsets of indices (n, 3): U of g - h lies at ``centre + linear(g) - linear(h)``."""
        return (hkl @ _strides(self.half_widths)).astype(np.int32)


def box_of_beams(cell: Cell, g_max: float) -> np.ndarray:
    """Return the largest indices (3,) of beams up to `g_max` (1/Å): |h| = |g·a| <= g_max |a|."""
    return np.floor(g_max * RIM * np.linalg.norm(cell.lattice, axis=1)).astype(int)


def table_bytes(cell: Cell, g_max: float, absorption: str = "none") -> int:
    """Return the memory that `potential_table` takes at its peak."""
    return int(np.prod(4 * box_of_beams(cell, g_max) + 1)) * (8 if absorption == "none" else 24)


def potential_table(
    cell: Cell,
    g_max: float,
    thermal_sigma: float,
    energy_kev: float,
    parametrization: str = "lobato",
    absorption: str = "none",
) -> PotentialTable:
    """Tabulate U_g + iU'_g up to twice `g_max`, U_g = (prefactor / V) Σ_j f_j(|g|) exp(-2πi g·r_j).

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
    parametrization : {"lobato", "weickenmeier_kohl", "py4dstem"}
        Where the elastic scattering factors f come from: see `scattering_factor_tables`.
    absorption : {"none", "weickenmeier_kohl", "proportional"}
        Where the absorptive factors f' of U' come from; proportional means U' = 0.1 U.

    Raises
    ------
    MaterialError
        If there are no scattering factors for an element.
    """
    half_widths = 2 * box_of_beams(cell, g_max)
    elements, element_of_atom = np.unique(cell.numbers, return_inverse=True)
    table_end = 2 * g_max * RIM
    factors = [scattering_factor_tables(elements, table_end, thermal_sigma, parametrization)]
    if absorption == "weickenmeier_kohl":
        factors.append(absorptive_factor_tables(elements, table_end, thermal_sigma, energy_kev))
    factors = np.stack(factors) * (potential_prefactor(energy_kev) / cell.volume)
    phases = [_phases(width, x) for width, x in zip(half_widths, cell.frac_coords.T, strict=True)]
    values = np.zeros((2 * len(factors), int(np.prod(2 * half_widths + 1))), dtype=np.float32)
    step = table_end / (factors.shape[2] - 2)
    _fill_table(half_widths, cell.reciprocal, *phases, element_of_atom, factors, step, values)
    if absorption == "proportional":
        values = np.concatenate([values, PROPORTIONAL_ABSORPTION * values])
    values, kind = _combine(values)
    # Real and imaginary part of a coupling side by side: the matrix is gathered faster.
    return PotentialTable(np.asfortranarray(values), kind, half_widths, centre=values.shape[1] // 2)


def _combine(values: np.ndarray) -> tuple[np.ndarray, Kind]:
    """Turn real and imaginary parts of U, and perhaps of U', into those of U + iU' and their kind."""
    centrosymmetric = np.abs(values[1]).max() <= _REAL * np.abs(values[0]).max()
    if len(values) == 2:
        return (np.ascontiguousarray(values[:1]), Kind.REAL) if centrosymmetric else (values, Kind.HERMITIAN)
    if centrosymmetric:
        return np.ascontiguousarray(values[[0, 2]]), Kind.SYMMETRIC
    return np.stack([values[0] - values[3], values[1] + values[2]]), Kind.GENERAL


def _strides(half_widths: np.ndarray) -> np.ndarray:
    _, n_k, n_l = 2 * half_widths + 1
    return np.array([n_k * n_l, n_l, 1])


def _phases(width: int, x: np.ndarray) -> np.ndarray:
    """Return exp(-2πi h x) as (2, atoms, 2 width + 1): real and imaginary parts."""
    angles = -2 * np.pi * np.outer(x, np.arange(-width, width + 1))
    return np.stack([np.cos(angles), np.sin(angles)])


@njit(fastmath=True, error_model="numpy", cache=True)
def _fill_table(widths, reciprocal, phase_h, phase_k, phase_l, element_of_atom, factors, step, values):
    """Fill half of each table, row by row along l, and the other half by U_-g = conj(U_g)."""
    n_k, n_l = 2 * widths[1] + 1, 2 * widths[2] + 1
    g_max = step * (factors.shape[2] - 2)
    last = values.shape[1] - 1
    row = np.zeros((factors.shape[1], 2, n_l), np.float32)
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
                node = min(int(length / step), factors.shape[2] - 2)
                weight = length / step - node
                for t in range(factors.shape[0]):
                    real = imaginary = 0.0
                    for element in range(factors.shape[1]):
                        low, high = factors[t, element, node], factors[t, element, node + 1]
                        factor = low * (1 - weight) + high * weight
                        real += factor * row[element, 0, i]
                        imaginary += factor * row[element, 1, i]
                    values[2 * t, offset + i] = values[2 * t, last - offset - i] = real
                    values[2 * t + 1, offset + i] = imaginary
                    values[2 * t + 1, last - offset - i] = -imaginary
    values[1::2, last // 2] = 0


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
