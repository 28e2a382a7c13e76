"""Which beams a pattern is computed with, and how far each is from its Bragg condition."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from edsym.simulation.cell import Cell
from edsym.simulation.structure_factors import RIM, box_of_beams


@dataclass(frozen=True)
class Candidates:
    """All reciprocal-lattice points up to g_max, in the crystal frame.

    Attributes
    ----------
    hkl : (n, 3) int32
        Indices in the computing cell.
    vectors : (3, n) float64
        x, y and z components in 1/Å.
    squared : (n,) float64
        Squared lengths in 1/Å².
    incident : int
        Position of 000.
    """

    hkl: np.ndarray
    vectors: np.ndarray
    squared: np.ndarray
    incident: int


@dataclass(frozen=True)
class Beams:
    """The beams of one pattern.

    Attributes
    ----------
    candidate : (n,) int32
        Positions among the candidates, ascending.
    excitation_error : (n,) float64
        In 1/Å, positive inside the Ewald sphere.
    incident : int
        Position of the incident beam among the beams.
    """

    candidate: np.ndarray
    excitation_error: np.ndarray
    incident: int


def candidates_bytes(cell: Cell, g_max: float) -> int:
    """Return the memory that `find_candidates` takes at its peak: a box of indices and vectors."""
    return int(np.prod(2 * box_of_beams(cell, g_max) + 1)) * 8 * 8


def find_candidates(cell: Cell, g_max: float) -> Candidates:
    """Return all reciprocal-lattice points with |g| <= `g_max` (1/Å)."""
    axes = [np.arange(-width, width + 1) for width in box_of_beams(cell, g_max)]
    hkl = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    vectors = hkl @ cell.reciprocal
    squared = np.sum(vectors**2, axis=1)
    inside = squared <= (g_max * RIM) ** 2
    hkl = hkl[inside].astype(np.int32)
    return Candidates(
        hkl=hkl,
        vectors=np.ascontiguousarray(vectors[inside].T),
        squared=squared[inside],
        incident=int(np.flatnonzero(~hkl.any(axis=1))[0]),
    )


def select_beams(candidates: Candidates, direction: np.ndarray, wavelength: float, max_error: float) -> Beams:
    """Return the beams whose excitation error is at most `max_error`; the incident beam is one of them.

    The excitation error is that of abTEM: s_g = (K² - |K + g|²) / 2K = -g·k - λ g² / 2.

    Parameters
    ----------
    candidates : Candidates
        What to choose from.
    direction : (3,) array
        Unit vector k along which the electrons travel, in the crystal frame.
    wavelength : float
        λ in Å.
    max_error : float
        In 1/Å.
    """
    chosen = np.empty(candidates.squared.size, dtype=np.int32)
    errors = np.empty(candidates.squared.size, dtype=np.float64)
    direction = np.asarray(direction, dtype=np.float64)
    n = _scan(candidates.vectors, candidates.squared, *direction, 0.5 * wavelength, max_error, chosen, errors)
    chosen, errors = chosen[:n].copy(), errors[:n].copy()
    return Beams(chosen, errors, incident=int(np.searchsorted(chosen, candidates.incident)))


@njit(error_model="numpy", cache=True)
def _scan(vectors, squared, kx, ky, kz, half_wavelength, max_error, chosen, errors):
    gx, gy, gz = vectors[0], vectors[1], vectors[2]
    n = 0
    for i in range(squared.size):
        error = -(gx[i] * kx + gy[i] * ky + gz[i] * kz) - half_wavelength * squared[i]
        if abs(error) <= max_error:
            chosen[n] = i
            errors[n] = error
            n += 1
    return n
