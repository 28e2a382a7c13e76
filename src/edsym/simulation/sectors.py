"""The rotations of the Laue classes, and their fundamental sectors, which hold one of equivalent directions.

Directions are in the crystal frame of `edsym.structures.standard`. The sectors are those of orix and MTEX
(Krakow et al. 2017, Proc. R. Soc. A 473, 20170274) but for the frame: monoclinic crystals have their unique
axis along y, and trigonal ones of the setting -31m their twofold axes along y.
"""

from functools import lru_cache

import numpy as np
from scipy.spatial.transform import Rotation

_X, _Y, _Z = np.eye(3)


def _wedge(first: float, last: float) -> list:
    """Return the inward normals of the upper part of the sphere between two azimuths in degrees."""
    a, b = np.radians([first, last])
    return [_Z, [-np.sin(a), np.cos(a), 0], [np.sin(b), -np.cos(b), 0]]


# The group of rotations in Schoenflies' notation, its principal axis, and the sector's inward normals.
_LAUE_CLASSES = {
    "-1": ("C1", _Z, [_Z]),
    "2/m": ("C2", _Y, [_Y, _Z]),
    "mmm": ("D2", _Z, _wedge(0, 90)),
    "4/m": ("C4", _Z, _wedge(0, 90)),
    "4/mmm": ("D4", _Z, _wedge(0, 45)),
    "-3": ("C3", _Z, _wedge(0, 120)),
    "-3m1": ("D3", _Z, _wedge(-30, 30)),
    "-31m": ("D3", _Z, _wedge(60, 120)),
    "6/m": ("C6", _Z, _wedge(0, 60)),
    "6/mmm": ("D6", _Z, _wedge(0, 30)),
    "m-3": ("T", _Z, [_X, _Y, _Z, _Z - _X, _Z - _Y]),
    "m-3m": ("O", _Z, [_Y, _X - _Y, _Z - _X]),
}


@lru_cache
def laue_rotations(laue_class: str) -> np.ndarray:
    """Return the proper rotations (m, 3, 3) of an oriented Laue class in the crystal frame."""
    group, axis, _ = _LAUE_CLASSES[laue_class]
    rotations = Rotation.create_group(group, axis="XYZ"[axis.argmax()]).as_matrix()
    if laue_class == "-31m":  # SciPy has the first twofold axis along x
        quarter = np.array([_Y, -_X, _Z])
        rotations = quarter @ rotations @ quarter.T
    return rotations


def principal_axis(laue_class: str) -> np.ndarray:
    """Return the axis (3,) that the rotations of an oriented Laue class are about, or most of them."""
    return _LAUE_CLASSES[laue_class][1]


@lru_cache
def sector_normals(laue_class: str) -> np.ndarray:
    """Return the inward normals (m, 3), unit vectors, of the planes that bound the fundamental sector."""
    normals = np.array(_LAUE_CLASSES[laue_class][2])
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)


def sphere_sampling(spacing: float) -> np.ndarray:
    """Return directions (n, 3) all over the sphere, evenly within a factor of about 1.5.

    They are a mesh on the faces of a cube whose edges are divided into equal angles (Cajaravelli 2015, as
    orix has it), in the order of the faces.

    Parameters
    ----------
    spacing : float
        The largest angle between neighbours, in radians.
    """
    steps = int(np.ceil(np.pi / 4 / spacing))
    edge = np.tan(np.arange(-steps, steps) * (np.pi / 4 / steps))
    x, y = (part.ravel() for part in np.meshgrid(edge, edge))
    z = np.ones_like(x)
    faces = [(-x, -y, -z), (x, y, z), (z, x, -y), (-z, -x, y), (x, -z, y), (-x, z, -y)]
    # Each face lacks two of its edges, which other faces have; two corners none has.
    corners = np.array([[-1.0, 1, 1], [1, -1, -1]])
    directions = np.concatenate([np.concatenate([np.stack(face, axis=1) for face in faces]), corners])
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)
