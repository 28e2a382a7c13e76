"""The matrix of one pattern, in the half storage that the propagation multiplies with.

With flux-normalised amplitudes φ_g = ψ_g / m_g, m_g = (1 + λ g_z)^(-1/2), the Bloch-wave equations at
high energy are dφ/dt = i H φ with the Hermitian matrix

    H_gh = π λ m_g m_h U_(g-h),    H_gg = 2π m_g² s_g

(De Graef, Introduction to Conventional TEM, 2003, chapter 5; abTEM's structure matrix times π λ).
"""

import numpy as np
from numba import njit

from edsym.simulation.beams import Beams, Candidates
from edsym.simulation.structure_factors import PotentialTable

BLOCK = 8
"""Rows that a product takes at a time; the matrix is padded with zeros to a multiple."""

_LINE = 16  # float32 in a cache line


def padded(n_beams: int) -> tuple[int, int]:
    """Return the number of rows and the length of a row in memory for a number of beams."""
    rows = -(-n_beams // BLOCK) * BLOCK
    stride = -(-rows // _LINE) * _LINE
    # Rows a multiple of 256 bytes apart would compete for the same cache sets.
    return rows, stride + _LINE if stride % 64 == 0 else stride


def matrix_size(n_beams: int, planes: int) -> int:
    """Return how many float32 a matrix takes, of one plane if real and two if complex."""
    rows, stride = padded(n_beams)
    return planes * rows * stride


def fill_hamiltonian(
    beams: Beams,
    candidates: Candidates,
    table: PotentialTable,
    linear: np.ndarray,
    wavelength: float,
    memory: np.ndarray,
) -> np.ndarray:
    """Write the Hamiltonian of one pattern into memory.

    Parameters
    ----------
    beams, candidates : Beams, Candidates
        The beams and what they were chosen from.
    table : PotentialTable
        U_g of all couplings.
    linear : (n_candidates,) array of int
        Offsets of the candidates in the table.
    wavelength : float
        λ in Å.
    memory : (m,) float32
        At least ``matrix_size(n, planes)`` long.

    Returns
    -------
    matrix : (planes, rows, stride) float32
        H in 1/Å, a view of `memory`: real and, unless the crystal is centrosymmetric, imaginary part.
        Only the blocks of rows on and below the diagonal are filled.
    """
    n, planes = beams.candidate.size, table.values.shape[0]
    rows, stride = padded(n)
    matrix = memory[: planes * rows * stride].reshape(planes, rows, stride)
    squared_metric = 1 / flux_factor(beams, candidates, wavelength)
    scale = np.sqrt(np.pi * wavelength * squared_metric).astype(np.float32)
    diagonal = (2 * np.pi * beams.excitation_error * squared_metric).astype(np.float32)
    _fill(table.values, table.centre, linear[beams.candidate], scale, diagonal, matrix)
    return matrix


def flux_factor(beams: Beams, candidates: Candidates, wavelength: float) -> np.ndarray:
    """Return 1 + λ g_z (n,): the flux through the exit face of a beam of unit amplitude."""
    g_z = -beams.excitation_error - 0.5 * wavelength * candidates.squared[beams.candidate]
    return 1 + wavelength * g_z


@njit(fastmath=True, error_model="numpy", cache=True)
def _fill(table, centre, linear, scale, diagonal, matrix):
    n = linear.size
    for plane in range(matrix.shape[0]):
        values = table[plane]
        for i in range(matrix.shape[1]):
            row = matrix[plane, i]
            stop = (i // BLOCK + 1) * BLOCK
            if i >= n:
                row[:stop] = 0
                continue
            at, scale_i = centre + linear[i], scale[i]
            for j in range(min(stop, n)):
                row[j] = values[at - linear[j]] * (scale_i * scale[j])
            row[n:stop] = 0
            row[i] = diagonal[i] if plane == 0 else np.float32(0)
