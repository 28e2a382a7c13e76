"""The matrix of one pattern, in the storage that the propagation multiplies with.

With flux-normalised amplitudes φ_g = ψ_g / m_g, m_g = (1 + λ g_z)^(-1/2), the Bloch-wave equations at
high energy are dφ/dt = i H φ with the Hermitian matrix

    H_gh = π λ m_g m_h U_(g-h),    H_gg = 2π m_g² s_g

(De Graef, Introduction to Conventional TEM, 2003, chapter 5; abTEM's structure matrix times π λ).
Absorption adds i π λ m_g m_h U'_(g-h), on the diagonal too.
"""

import numpy as np
from numba import njit

from edsym.simulation.crystal.structure_factors import Kind
from edsym.simulation.engines.krylov.lanes import LANES

_LINE = 16  # float32 in a cache line


def padded(n_beams):
    """Return the number of rows, a multiple of the lanes, and the length of a row in memory."""
    rows = -(-n_beams // LANES) * LANES
    stride = -(-rows // _LINE) * _LINE
    # Rows a multiple of 256 bytes apart would compete for the same cache sets.
    return rows, stride + _LINE if stride % 64 == 0 else stride


_padded = njit(padded)


def matrix_size(n_beams: int, planes: int) -> int:
    """Return how many float32 a matrix takes, of one plane if real and two if complex."""
    rows, stride = padded(n_beams)
    return planes * rows * stride


@njit(forceinline=True, error_model="numpy")
def fill(couplings, kind, centre, linear, errors, squared, wavelength, memory):
    """Write the Hamiltonian of one pattern into memory.

    Parameters
    ----------
    couplings, kind, centre
        Of the table: see `PotentialTable`; the couplings are its values, transposed to (n, planes).
    linear, errors, squared : (n,) arrays
        Of the beams: offsets in the table, excitation errors and squared lengths.
    wavelength : float
        λ in Å.
    memory : (m,) float32
        At least ``matrix_size(n, planes)`` long.

    Returns
    -------
    matrix : (planes, rows, stride) float32
        H in 1/Å, a view of `memory`: the real part and, unless it is real, the imaginary part. Only the
        blocks of rows on and below the diagonal are filled, unless the kind is general.
    """
    n, planes = linear.size, couplings.shape[1]
    rows, stride = _padded(n)
    matrix = memory[: planes * rows * stride].reshape(planes, rows, stride)
    scale, diagonal = np.empty(n, np.float32), np.empty(n, np.float32)
    for i in range(n):
        squared_metric = 1 / (1 - wavelength * (errors[i] + 0.5 * wavelength * squared[i]))
        scale[i] = np.sqrt(np.pi * wavelength * squared_metric)
        diagonal[i] = 2 * np.pi * errors[i] * squared_metric
    for i in range(n):
        stop = rows if kind == Kind.GENERAL else (i // LANES + 1) * LANES
        at, scale_i = np.int32(centre + linear[i]), scale[i]
        real, imaginary = matrix[0, i], matrix[planes - 1, i]
        for j in range(min(stop, n)):
            # Unsigned, so that it is not checked for counting from the end.
            position, weight = np.uint32(at - linear[j]), scale_i * scale[j]
            if planes == 2:
                imaginary[j] = couplings[position, 1] * weight
            real[j] = couplings[position, 0] * weight
        matrix[:, i, n:stop] = 0
        real[i] = diagonal[i]
    matrix[:, n:, :rows] = 0
    return matrix
