"""Miller indices of measured spots by a cell whose orientation is known."""

import numpy as np

from edsym.structures.symbols import conventional_indices, primitive_vectors
from edsym.symmetry.classes import bravais_lattices

_FARTHEST = 0.03
"""Excitation error in 1/Å at which a lattice point still makes a spot."""


def indices(
    q: np.ndarray, basis: np.ndarray, bravais: str, wavelength: float, tolerance: float
) -> np.ndarray:
    """Return the Miller indices of the spots of a pattern.

    Parameters
    ----------
    q : (n, 2) array
        qx and qy of the spots in 1/Å.
    basis : (3, 3) array
        Rows are a, b, c of the conventional cell in Å along the detector's x and y and the beam.
    bravais : str
        Pearson symbol of its lattice.
    wavelength : float
        Of the electrons in Å.
    tolerance : float
        How far in 1/Å a spot may be from its lattice point.

    Returns
    -------
    (n, 3) array of int
        Of the conventional cell; 000 where no lattice point is near enough.

    Notes
    -----
    A spot is on the Ewald sphere, g_z = -λ q² / 2 along the beam, and has the indices of the nearest point of
    the primitive lattice: no indices that the centring forbids.
    """
    lattices = bravais_lattices()
    group = int(np.argmax(lattices.index == lattices.names.index(bravais))) + 1
    primitive = primitive_vectors(basis, group)
    on_sphere = np.column_stack([q, -wavelength * (q**2).sum(axis=1) / 2])
    found = np.rint(on_sphere @ primitive.T)
    away = found @ np.linalg.inv(primitive).T - on_sphere
    near = (np.hypot(*away.T[:2]) <= tolerance) & (np.abs(away[:, 2]) <= _FARTHEST)
    return np.where(near[:, None], conventional_indices(found, group), 0)
