"""Colours of zone axes: equivalent ones have the same."""

from collections.abc import Sequence

import numpy as np

from edsym.simulation.sectors import laue_rotations, sector_normals


def zone_colours(phase: np.ndarray, orientation: np.ndarray, laue_classes: Sequence[str]) -> np.ndarray:
    """Return a colour (n, 3) of each zone axis, of 0 to 1; black without a match.

    Red, green and blue are the sizes of the components along x, y and z of the crystal frame, the largest 1,
    of that direction which lies in the fundamental sector of the Laue class.

    Parameters
    ----------
    phase : (n,) array of int
        Number of the phase; -1 without a match.
    orientation : (n, 3, 3) array
        The last row is the beam's direction in the crystal frame.
    laue_classes : sequence of str
        Of the phases, as `edsym.symmetry.oriented_laue_class` names them.
    """
    colours = np.zeros((len(phase), 3))
    for k, laue_class in enumerate(laue_classes):
        mine = np.flatnonzero(phase == k)
        equivalents = np.einsum("mij,nj->nmi", laue_rotations(laue_class), orientation[mine, 2])
        equivalents = np.concatenate([equivalents, -equivalents], axis=1)
        depth = (equivalents @ sector_normals(laue_class).T).min(axis=2)
        size = np.abs(equivalents[np.arange(len(mine)), depth.argmax(axis=1)])
        colours[mine] = size / size.max(axis=1, keepdims=True)
    return colours
