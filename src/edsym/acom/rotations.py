"""Orientations as matrices and as Euler angles, and how far two of them are apart.

An orientation is a matrix R whose rows are the laboratory's axes x, y, z in the crystal frame of
`edsym.structures.standard` (a along x, c* along z): R carries vectors of the crystal to the laboratory. The
electrons travel along +z. R and R S are one for the rotations S of the Laue class.
"""

import numpy as np

# Below this sine of the second angle the first and the third are about one axis.
_FLAT = 1e-9


def bunge_angles(orientations: np.ndarray) -> np.ndarray:
    """Return the Euler angles of orientations in Bunge's convention.

    Turned by φ1 about z, by Φ about the new x and by φ2 about the new z, the laboratory's axes become the
    crystal's (Bunge 1982, Texture Analysis in Materials Science, chapter 2; its matrix g is the transpose of
    R).

    Parameters
    ----------
    orientations : (n, 3, 3) array
        Rows are the laboratory's axes in the crystal frame.

    Returns
    -------
    angles : (n, 3) float64
        φ1, Φ, φ2 in degrees: 0 to 360, 0 to 180, 0 to 360. Where Φ is 0 or 180°, φ2 is 0. NaN where the
        matrix is.
    """
    g = np.asarray(orientations, np.float64).reshape(-1, 3, 3).transpose(0, 2, 1)
    tilt = np.arccos(np.clip(g[:, 2, 2], -1, 1))
    first, third = np.arctan2(g[:, 2, 0], -g[:, 2, 1]), np.arctan2(g[:, 0, 2], g[:, 1, 2])
    flat = np.hypot(g[:, 2, 0], g[:, 2, 1]) < _FLAT
    first = np.where(flat, np.arctan2(g[:, 0, 1], g[:, 0, 0]), first)
    angles = np.degrees(np.stack([first, tilt, np.where(flat, 0, third)], axis=1))
    angles[:, [0, 2]] %= 360
    return angles


def disorientation(first: np.ndarray, second: np.ndarray, rotations: np.ndarray) -> np.ndarray:
    """Return the smallest angles between orientations and the equivalents of others.

    Parameters
    ----------
    first, second : (..., 3, 3) array
        Orientations, broadcast against each other.
    rotations : (m, 3, 3) array
        Those of the Laue class, `edsym.simulation.sectors.laue_rotations`.

    Returns
    -------
    angles : (...) float64
        In degrees.
    """
    between = np.swapaxes(second, -1, -2) @ first
    trace = np.einsum("...ij,mij->...m", between, rotations).max(axis=-1)
    return np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1)))


def in_fundamental_zone(orientations: np.ndarray, rotations: np.ndarray) -> np.ndarray:
    """Return of equivalent orientations (n, 3, 3) those of the smallest rotation; of equal ones the first."""
    equivalents = np.einsum("nij,mjk->nmik", orientations, rotations)
    trace = np.round(np.trace(equivalents, axis1=2, axis2=3), 9)
    return equivalents[np.arange(len(equivalents)), trace.argmax(axis=1)]
