"""Zone axes and orientations of the patterns of a material.

Directions are unit vectors in the crystal frame of `edsym.structures.standard` (a along x, c* along z, of
the conventional cell). A zone axis is the direction in which the electrons travel. Directions that the
Laue class relates are equivalent, u and -u among them: a grid takes each once, in the fundamental sector of
`edsym.simulation.sectors`.
"""

from functools import lru_cache

import numpy as np

from edsym.errors import InputError
from edsym.seeds import generator
from edsym.simulation.orientation_plan import plan_zone_axes
from edsym.simulation.sectors import laue_rotations, principal_axis, sector_normals, sphere_sampling
from edsym.symmetry import ORIENTED_LAUE_CLASSES, oriented_laue_class, point_group

ORIENTATIONS = ("random", "hemisphere", "grid", "plan")
"""The ways to choose the orientations of a material's patterns."""

# Directions that a grid is chosen from, for each one that is chosen.
_CANDIDATES_PER_ZONE_AXIS = 60
_BOUNDARY = 1e-9
# Distances that differ by less are equal: which direction is taken must not hang on rounding.
_TIE = 1e-9
_DECIMALS = 9


def orientations(
    spacegroup_number: int,
    n: int,
    kind: str,
    in_plane: str,
    seed: int,
    material_id: str,
    grid_of: str = "own",
) -> np.ndarray:
    """Return the orientations of a material's patterns.

    Parameters
    ----------
    spacegroup_number : int
        The material's, 1 to 230. Neither `random` nor `hemisphere` depends on it.
    n : int
        Number of zone axes.
    kind : {"random", "hemisphere", "grid", "plan"}
        Drawn for each material, uniformly on the sphere; evenly over a hemisphere, the same for all
        materials; evenly over the symmetry-reduced range, the same for all of a Laue class; or
        py4DSTEM's plan of the point group (`edsym.simulation.orientation_plan`).
    in_plane : {"fixed", "random"}
        Rotation about the beam: by convention (none beyond `minimal_rotations`, for a plan
        `plan_rotations`), or drawn uniformly.
    seed : int
        Seed of what is drawn.
    material_id : str
        Names the random numbers, which so depend on nothing else.
    grid_of : str, optional
        The oriented Laue class whose grid is taken; its own by default. With "every" there are the
        grids of all `edsym.symmetry.ORIENTED_LAUE_CLASSES`, `n` orientations of each.

    Returns
    -------
    orientations : (n, 3, 3) float64
        Rows are the laboratory's axes x, y, z in the crystal frame; the electrons travel along +z. (12 n of
        them on the grids of every class.)

    Raises
    ------
    InputError
        If there is no such kind of orientations, of in-plane rotation, or Laue class.
    """
    for name, value, known in (
        ("orientations", kind, ORIENTATIONS),
        ("in_plane", in_plane, ("fixed", "random")),
        ("grid_of", grid_of, ("own", "every", *ORIENTED_LAUE_CLASSES)),
    ):
        if value not in known:
            allowed = f"{', '.join(known[:-1])} or {known[-1]}"
            raise InputError(f"{name}: {value!r} is not allowed; it must be {allowed}")
    if kind == "random":
        directions = random_directions(n, generator(seed, "orientations", material_id))
    elif kind == "hemisphere":
        directions = zone_axis_grid("-1", n)
    elif kind == "grid":
        own = oriented_laue_class(spacegroup_number)
        classes = {"own": (own,), "every": ORIENTED_LAUE_CLASSES}.get(grid_of, (grid_of,))
        directions = np.concatenate([zone_axis_grid(laue_class, n) for laue_class in classes])
    else:
        directions = plan_zone_axes(point_group(spacegroup_number), n)
    matrices = (plan_rotations if kind == "plan" else minimal_rotations)(_rounded(directions))
    if in_plane == "random":
        angles = generator(seed, "in-plane", material_id).uniform(0, 2 * np.pi, len(directions))
        matrices = turned_about_beam(matrices, angles)
    return matrices


@lru_cache
def zone_axis_grid(laue_class: str, n: int) -> np.ndarray:
    """Return `n` directions that cover the fundamental sector of a Laue class evenly.

    From a fine sampling of the sector, each next direction is the one farthest from all chosen
    ones and their equivalents (Gonzalez 1985, Theor. Comput. Sci. 38, 293), starting at the
    principal axis. Of several equally far ones it is the first in the order of the sampling.

    Returns
    -------
    directions : (n, 3) float64
        Unit vectors in the crystal frame; no two are equivalent. Read only: it is cached.
    """
    candidates = _sector_sampling(laue_class, _CANDIDATES_PER_ZONE_AXIS * n)
    chosen = [principal_axis(laue_class)]
    nearness = np.full(len(candidates), -np.inf)
    for _ in range(n - 1):
        nearness = np.maximum(nearness, cosine_to_nearest(candidates, chosen[-1], laue_class))
        chosen.append(candidates[np.flatnonzero(nearness < nearness.min() + _TIE)[0]])
    directions = np.array(chosen)
    directions.flags.writeable = False
    return directions


def random_directions(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return `n` directions (n, 3), uniform on the sphere."""
    directions = rng.normal(size=(n, 3))
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def cosine_to_nearest(directions: np.ndarray, other: np.ndarray, laue_class: str) -> np.ndarray:
    """Return the cosines (n,) of the angles from directions to the nearest equivalent of another one."""
    equivalents = laue_rotations(laue_class) @ other
    return np.abs(directions @ equivalents.T).max(axis=1)


def minimal_rotations(directions: np.ndarray) -> np.ndarray:
    """Return the orientations that the shortest rotation from the crystal's z axis makes.

    It carries z to the zone axis, and the crystal's x and y to the laboratory's. Where z >= 0, as in all
    sectors, it is continuous: neighbouring zone axes have neighbouring patterns. To -z it is a half turn
    about x, as in py4DSTEM.

    Parameters
    ----------
    directions : (n, 3) array
        Unit vectors u.

    Returns
    -------
    orientations : (n, 3, 3) float64
        Rows are the laboratory's axes in the crystal frame; the last is u.
    """
    x, y, z = np.asarray(directions, dtype=np.float64).T
    opposite = z == -1
    shear = 1 / np.where(opposite, 1, 1 + z)
    rows = [[1 - x * x * shear, -x * y * shear, -x], [-x * y * shear, 1 - y * y * shear, -y], [x, y, z]]
    matrices = np.array(rows).transpose(2, 0, 1)
    matrices[opposite, 1, 1] = -1
    return matrices


def plan_rotations(directions: np.ndarray) -> np.ndarray:
    """Return the orientations (n, 3, 3) of directions (n, 3) by the convention of py4DSTEM's plan.

    Its Euler angles (azimuth, elevation, -azimuth) are the shortest rotation from z to the zone axis u. But
    its electrons travel along -u: a crystal with a centre of inversion shows the pattern of electrons
    along u turned by half a turn, and one without shows that of its inverse.
    """
    return minimal_rotations(directions) * np.array([[-1.0], [-1.0], [1.0]])


def turned_about_beam(matrices: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Return orientations (n, 3, 3) with the laboratory turned by angles (n,) in radians about the beam."""
    cosine, sine = _rounded(np.stack([np.cos(angles), np.sin(angles)], axis=1)).T
    zero, one = np.zeros_like(angles), np.ones_like(angles)
    turns = np.array([[cosine, sine, zero], [-sine, cosine, zero], [zero, zero, one]])
    return np.einsum("ijn,njk->nik", turns, matrices)


def _rounded(vectors: np.ndarray) -> np.ndarray:
    """Return unit vectors (n, d) rounded, so that the last digits of a library's functions are gone."""
    vectors = np.round(vectors, _DECIMALS) + 0.0
    return vectors / np.sqrt((vectors**2).sum(axis=1, keepdims=True))


def _sector_sampling(laue_class: str, n: int) -> np.ndarray:
    """Return about `n` directions (m, 3) in the fundamental sector, or a few more."""
    order = 2 * len(laue_rotations(laue_class))
    # n points of spacing d over the sector's share of the sphere: n d² ≈ 4π / order.
    spacing = np.sqrt(4 * np.pi / (order * n))
    directions = sphere_sampling(min(spacing, np.radians(10)))
    depth = (directions @ sector_normals(laue_class).T).min(axis=1)
    return directions[depth >= -_BOUNDARY]
