"""The Fourier coefficients U_g of a crystal's potential, for all couplings between its beams."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numba import njit

from edsym.simulation.constants import NEGLIGIBLE_IMAGINARY, PROPORTIONAL_ABSORPTION, RIM
from edsym.simulation.crystal.cell import Cell
from edsym.simulation.crystal.scattering import absorptive_factor_tables, scattering_factor_tables
from edsym.simulation.electrons import potential_prefactor


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


def table_bytes(cell: Cell, g_max: float) -> int:
    """Return the memory that `potential_table` takes at most."""
    return int(np.prod(4 * cell.box(g_max) + 1)) * 8


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
    half_widths = 2 * cell.box(g_max)
    elements, element_of_atom = np.unique(cell.numbers, return_inverse=True)
    table_end = 2 * g_max * RIM
    factors = [scattering_factor_tables(elements, table_end, thermal_sigma, parametrization)]
    if absorption == "weickenmeier_kohl":
        factors.append(absorptive_factor_tables(elements, table_end, thermal_sigma, energy_kev))
    if absorption == "proportional":
        factors.append(np.float32(PROPORTIONAL_ABSORPTION) * factors[0])
    scale = potential_prefactor(energy_kev) / cell.volume
    kind = _kind(cell, absorption)
    # Real and imaginary part of a coupling side by side: the matrix is gathered faster.
    values = np.zeros((int(np.prod(2 * half_widths + 1)), 1 if kind == Kind.REAL else 2), dtype=np.float32)
    phases = [_phases(width, x) for width, x in zip(half_widths, cell.frac_coords.T, strict=True)]
    nodes_per_length = (factors[0].shape[1] - 2) / table_end
    metric = cell.reciprocal @ cell.reciprocal.T
    _fill_table(
        half_widths, metric, *phases, element_of_atom, factors[0], factors[-1], kind, table_end,
        nodes_per_length, scale, values,
    )  # fmt: skip
    return PotentialTable(values.T, kind, half_widths, centre=len(values) // 2)


def _kind(cell: Cell, absorption: str) -> Kind:
    """Tell what the couplings will be like: real parts alone if U_g is real for the shortest g."""
    hkl = np.stack(np.meshgrid(*[np.arange(-4, 5)] * 3), axis=-1).reshape(-1, 3)
    phases = np.exp(-2j * np.pi * (hkl @ cell.frac_coords.T))
    sums = np.stack([phases[:, cell.numbers == z].sum(axis=1) for z in np.unique(cell.numbers)])
    centrosymmetric = np.abs(sums.imag).max() <= NEGLIGIBLE_IMAGINARY * np.abs(sums.real).max()
    if absorption == "none":
        return Kind.REAL if centrosymmetric else Kind.HERMITIAN
    return Kind.SYMMETRIC if centrosymmetric else Kind.GENERAL


def _strides(half_widths: np.ndarray) -> np.ndarray:
    _, n_k, n_l = 2 * half_widths + 1
    return np.array([n_k * n_l, n_l, 1])


def _phases(width: int, x: np.ndarray) -> np.ndarray:
    """Return exp(-2πi h x) as (2, atoms, 2 width + 1) float32: real and imaginary parts."""
    angles = -2 * np.pi * np.outer(x, np.arange(-width, width + 1))
    return np.stack([np.cos(angles), np.sin(angles)]).astype(np.float32)


# The rows are short, but for each of them the loops over its beams run without branches: they become vector
# instructions.
@njit(error_model="numpy", cache=True)
def _fill_table(
    widths, metric, phase_h, phase_k, phase_l, element_of_atom, elastic, absorptive, kind,
    g_max, nodes_per_length, scale, values,
):  # fmt: skip
    """Fill half of the table, row by row along l, and the other half by U_-g = conj(U_g)."""
    n_k, n_l = 2 * widths[1] + 1, 2 * widths[2] + 1
    last = values.shape[0] - 1
    n_elements, scale = elastic.shape[0], np.float32(scale)
    sums = np.zeros((n_elements, 2, n_l), np.float32)
    u = np.zeros((4, n_l), np.float32)
    node, weight = np.zeros(n_l, np.int32), np.zeros(n_l, np.float32)
    for h in range(widths[0] + 1):
        for k in range(-widths[1], widths[1] + 1):
            if h == 0 and k < 0:
                continue
            # |g|² = aa + 2 ac l + cc l² along the row. Scalars: small arrays would cost more than the rest.
            aa = metric[0, 0] * h * h + 2 * metric[0, 1] * h * k + metric[1, 1] * k * k
            ac, cc = metric[0, 2] * h + metric[1, 2] * k, metric[2, 2]
            first, stop = _range_in_sphere(aa, ac, cc, g_max, widths[2])
            if first >= stop:
                continue
            ih, ik = h + widths[0], k + widths[1]
            for i in range(first, stop):
                x = i - widths[2]
                position = np.sqrt(max(aa + x * (2 * ac + x * cc), 0.0)) * nodes_per_length
                node[i] = np.int32(position)
                weight[i] = position - node[i]
            _sum_phases(
                phase_h[:, :, ih], phase_k[:, :, ik], phase_l, element_of_atom, first, stop,
                kind == Kind.REAL or kind == Kind.SYMMETRIC, sums,
            )  # fmt: skip
            u[:, first:stop] = 0
            for element in range(n_elements):
                _add_element(elastic[element], sums[element], node, weight, first, stop, u[0], u[1])
                if kind >= Kind.SYMMETRIC:
                    _add_element(absorptive[element], sums[element], node, weight, first, stop, u[2], u[3])
            offset = (ih * n_k + ik) * n_l
            _write_row(u, kind, scale, first, stop, offset, last, values)
    if kind == Kind.HERMITIAN:
        values[last // 2, 1] = 0


@njit(inline="always")
def _add_element(table, sums, node, weight, first, stop, real, imaginary):
    """Add one element's part of U to a row: its phases times its factor, interpolated."""
    for i in range(first, stop):
        low = table[node[i]]
        factor = low + weight[i] * (table[node[i] + 1] - low)
        real[i] += factor * sums[0, i]
        imaginary[i] += factor * sums[1, i]


@njit(inline="always")
def _write_row(u, kind, scale, first, stop, offset, last, values):
    """Write a row of U + iU' and the row of -g: U = (u0 + i u1) + i (u2 + i u3)."""
    for i in range(first, stop):
        here, there = offset + i, last - offset - i
        if kind == Kind.REAL:
            values[here, 0] = values[there, 0] = scale * u[0, i]
        elif kind == Kind.SYMMETRIC:
            values[here, 0] = values[there, 0] = scale * u[0, i]
            values[here, 1] = values[there, 1] = scale * u[2, i]
        elif kind == Kind.HERMITIAN:
            values[here, 0] = values[there, 0] = scale * u[0, i]
            values[here, 1] = scale * u[1, i]
            values[there, 1] = -scale * u[1, i]
        else:
            values[here, 0], values[here, 1] = scale * (u[0, i] - u[3, i]), scale * (u[1, i] + u[2, i])
            values[there, 0], values[there, 1] = scale * (u[0, i] + u[3, i]), scale * (u[2, i] - u[1, i])


@njit(inline="always")
def _range_in_sphere(aa, ac, cc, radius, width):
    """Return the range of positions l + width for which aa + 2 ac l + cc l² <= radius²."""
    discriminant = ac * ac - cc * (aa - radius * radius)
    if discriminant < 0:
        return 0, 0
    root = np.sqrt(discriminant)
    first = max(-width, int(np.ceil((-ac - root) / cc)))
    last = min(width, int(np.floor((-ac + root) / cc)))
    return first + width, last + width + 1


@njit(inline="always")
def _sum_phases(phase_h, phase_k, phase_l, element_of_atom, first, stop, is_real, sums):
    """Sum exp(-2πi g·r) over the atoms of each element, for one row of the table."""
    sums[:, :, first:stop] = 0
    for atom in range(element_of_atom.size):
        real = phase_h[0, atom] * phase_k[0, atom] - phase_h[1, atom] * phase_k[1, atom]
        imaginary = phase_h[0, atom] * phase_k[1, atom] + phase_h[1, atom] * phase_k[0, atom]
        element = element_of_atom[atom]
        for i in range(first, stop):
            sums[element, 0, i] += real * phase_l[0, atom, i] - imaginary * phase_l[1, atom, i]
        if not is_real:
            for i in range(first, stop):
                sums[element, 1, i] += real * phase_l[1, atom, i] + imaginary * phase_l[0, atom, i]
