"""Zone axes as py4DSTEM's orientation plan has them, by point group.

From the ranges and the sampling of py4DSTEM 0.14.18 (Ophus et al. 2022, Microsc. Microanal. 28, 390;
``process/diffraction/crystal_ACOM.py``: ``orientation_ranges`` and ``orientation_plan``). The published
patterns are understood to have been made with it, but how a hundred zone axes were taken from a plan is not
public. Not all of its ranges are fundamental. Those of mm2, 422, 4mm, -42m, 622 and 6mm, and of 32 and -3m
in the setting -31m, lie on both sides of a mirror plane or twofold axis: they hold some directions twice and
leave others out, opposite ones counted as equivalent.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import count

import numpy as np

# Directions closer than this are one: the mirror image of what lies on the mirror plane.
_SAME = 1e-6


@dataclass(frozen=True)
class _Range:
    """A spherical triangle from z to two corners, and the mirror planes that extend it.

    Attributes
    ----------
    corners : pair of (x, y, z)
        The two other corners, of any length.
    mirrors : tuple of (x, y, z)
        Normals of the planes, in the order in which they double the range.
    arcs : bool
        Whether rows run at one height above the equator, instead of along great circles.
    """

    corners: tuple
    mirrors: tuple = ()
    arcs: bool = False


_X, _Y, _Z = (1, 0, 0), (0, 1, 0), (0, 0, 1)
_OCTANT = (_Y, _X)


def _fiber(azimuth: float, *mirrors) -> _Range:
    """Return a range of `azimuth` degrees about a, from z to the equator."""
    half = np.radians(azimuth / 2)
    corners = tuple((np.cos(angle), np.sin(angle), 0.0) for angle in (-half, half))
    return _Range(corners, mirrors, arcs=True)


# Normals of the planes through z and the corners at -45° and 45°.
_MINUS, _PLUS = (1, 1, 0), (1, -1, 0)
_RANGES = {
    "1": _fiber(90, _Z, _MINUS, _PLUS),
    "-1": _Range(_OCTANT, (_X, _Y)),
    "2": _fiber(90, _Z, _MINUS),
    "m": _Range(_OCTANT, (_X, _Y)),
    "2/m": _Range(_OCTANT, (_X,)),
    "222": _fiber(90, _MINUS),
    "mm2": _fiber(90, _Z),
    "mmm": _Range((_X, _Y)),
    "4": _fiber(90, _MINUS),
    "-4": _Range(_OCTANT, (_X,)),
    "4/m": _Range((_X, _Y)),
    "422": _fiber(45, _Z),
    "4mm": _fiber(45, _Z),
    "-42m": _fiber(45, _Z),
    "4/mmm": _Range((_X, (1, 1, 0))),
    "3": _fiber(120, _Z),
    "-3": _fiber(60, _Z),
    "32": _fiber(60),
    "3m": _fiber(60, _Z),
    "-3m": _fiber(60),
    "6": _fiber(60, _Z),
    "-6": _fiber(60, _Z),
    "6/m": _Range((_X, (0.5, np.sqrt(0.75), 0))),
    "622": _fiber(30, _Z),
    "6mm": _fiber(30, _Z),
    "-6m2": _fiber(60),
    "6/mmm": _Range(((np.sqrt(0.75), 0.5, 0), _X)),
    "23": _Range((_X, (1, 1, 1))),
    "m-3": _Range((_X, (1, 1, 1))),
    "432": _Range((_X, (1, 1, 1))),
    "-43m": _Range(((1, -1, 1), (1, 1, 1))),
    "m-3m": _Range(((0, 1, 1), (1, 1, 1))),
}


@lru_cache
def plan_zone_axes(point_group: str, n: int) -> np.ndarray:
    """Return `n` directions of the orientation plan of a point group.

    They are taken evenly from the coarsest plan that has as many.

    Parameters
    ----------
    point_group : str
        As `edsym.symmetry.point_group` gives it.
    n : int
        Number of zone axes.

    Returns
    -------
    directions : (n, 3) float64
        Unit vectors in the crystal frame, the first along z. Read only: it is cached.
    """
    plans = (_plan(_RANGES[point_group], steps) for steps in count())
    plan = next(plan for plan in plans if len(plan) >= n)
    directions = plan[np.round(np.linspace(0, len(plan) - 1, n)).astype(int)]
    directions.flags.writeable = False
    return directions


def _plan(region: _Range, steps: int) -> np.ndarray:
    """Return the directions (m, 3) of a range in steps from z to its far side."""
    directions = np.concatenate(list(_rows(region, steps)))
    for normal in np.array(region.mirrors, dtype=np.float64).reshape(-1, 3):
        normal /= np.linalg.norm(normal)
        distance = directions @ normal
        images = directions - 2 * distance[:, None] * normal
        # Only what lies on the plane is its own image: a range lies on one side of its mirrors.
        directions = np.concatenate([directions, images[np.abs(distance) > _SAME]])
    return directions


def _rows(region: _Range, steps: int) -> Iterator[np.ndarray]:
    """Yield the rows of directions, one more in each, from z to the corners' side."""
    corners = np.array(region.corners, dtype=np.float64)
    corners /= np.linalg.norm(corners, axis=1, keepdims=True)
    z = np.array(_Z, dtype=np.float64)
    yield z[None]
    for row in range(1, steps + 1):
        first, last = (_between(z, corner, np.array([row / steps]))[0] for corner in corners)
        height = z * first[2] if region.arcs else 0 * z
        yield height + _between(first - height, last - height, np.arange(row + 1) / row)


def _between(first: np.ndarray, last: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return vectors (n, 3) at shares (n,) of the angle between two of one length (Shoemake's slerp)."""
    angle = np.arccos(np.clip(first @ last / (first @ first), -1, 1))
    shares = np.sin(np.stack([1 - weights, weights], axis=1) * angle) / np.sin(angle)
    return shares @ np.stack([first, last])
