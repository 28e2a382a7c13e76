"""The particles of the specimen: which there are, how they lie, and their atoms."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from edsym.seeds import generator
from edsym.specimen.crystals import GOLD, RUTILE, TENORITE, ZINC_OXIDE, Crystal

_SLOTS = 4
"""Particles lie in so many rows and columns, and some places stay empty."""
_GOLD = 7
# Diameter and largest shift from the middle of its place, of a place's width.
_DIAMETERS = (0.68, 0.8)
_SHIFT = 0.08
# The fivefold axis leans so far from the beam.
_LEAN = np.radians(12)
_SECTOR = np.radians(36)
_TOUCH = 1e-6


@dataclass(frozen=True)
class Grain:
    """A single crystal, or a part of a twinned particle.

    Attributes
    ----------
    crystal : Crystal
        Its material.
    basis : (3, 3) array
        Rows are the vectors a, b, c of its conventional cell in Å along x, y and the beam.
    """

    crystal: Crystal
    basis: np.ndarray


@dataclass(frozen=True)
class Particle:
    """A particle, a ball of one crystal or of five twins.

    Attributes
    ----------
    name : str
        What it is.
    centre : (2,) array
        Its middle along x and y in Å.
    diameter : float
        In Å.
    grains : tuple of Grain
        One, or five about an axis.
    axis : (3, 3) array
        Rows are bisector, normal and axis of the first twin's sector.
    """

    name: str
    centre: np.ndarray
    diameter: float
    grains: tuple[Grain, ...]
    axis: np.ndarray

    def atoms(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield atomic numbers (n,) and positions (n, 3) in Å of each grain, about the particle's middle."""
        for k, grain in enumerate(self.grains):
            numbers, xyz = _ball(grain, self.diameter / 2)
            if len(self.grains) > 1:
                inside = _in_sector(xyz @ self.axis.T, k)
                numbers, xyz = numbers[inside], xyz[inside]
            yield numbers, xyz


def particles(field: float, seed: int) -> list[Particle]:
    """Return the particles of a square field of this width in Å: gold, and one each of three others.

    Of the gold, one lies with [111] along the beam, one with [110], and one has five twins about an axis
    near the beam; all others are turned at random.
    """
    rng = generator(seed, "particles")
    width = field / _SLOTS
    plan = [("gold along [111]", GOLD, (1, 1, 1)), ("gold along [110]", GOLD, (1, 1, 0))]
    plan += [("twinned gold", GOLD, None), *[("gold", GOLD, None)] * _GOLD]
    plan += [(crystal.name, crystal, None) for crystal in (ZINC_OXIDE, RUTILE, TENORITE)]
    made = []
    for (name, crystal, zone), place in zip(plan, rng.permutation(_SLOTS**2), strict=False):
        middle = (np.array(np.divmod(place, _SLOTS)) + 0.5 + rng.uniform(-_SHIFT, _SHIFT, 2)) * width
        diameter = width * rng.uniform(*_DIAMETERS)
        turn = _turn(crystal, zone, rng)
        if name == "twinned gold":
            axis = Rotation.from_euler("zyz", [rng.uniform(0, 2 * np.pi), _LEAN, rng.uniform(0, 2 * np.pi)])
            grains, frame = _twins(crystal, axis.as_matrix().T), axis.as_matrix().T
        else:
            grains, frame = (Grain(crystal, crystal.basis @ turn.T),), np.eye(3)
        made.append(Particle(name, middle, diameter, grains, frame))
    return made


def _turn(crystal: Crystal, zone: tuple[int, int, int] | None, rng: np.random.Generator) -> np.ndarray:
    """Return the rotation of a crystal: at random, or with a zone axis along the beam."""
    turn = Rotation.random(rng=rng)
    if zone is not None:
        along = turn.apply(np.array(zone) @ crystal.basis)
        turn = Rotation.align_vectors([[0, 0, 1.0]], [along])[0] * turn
    return turn.as_matrix()


def _twins(crystal: Crystal, frame: np.ndarray) -> tuple[Grain, ...]:
    """Return five cubic twins about a common [110], each strained to fill 72° instead of 70.53°.

    A sector's bisector is [001], and its borders are {111} planes, in which lengths stay. The strain is taken
    to be the same everywhere (de Wit, J. Phys. C 5 (1972) 529, has the real one).
    """
    a, true = crystal.cell[0], np.arctan(np.sqrt(0.5))
    grains = []
    for k in range(5):
        angle = 2 * np.pi * k / 5
        across = np.array([[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        bisector, normal, axis = across @ frame
        c = a * np.cos(_SECTOR) / np.cos(true) * bisector
        n = a / np.sqrt(2) * np.sin(_SECTOR) / np.sin(true) * normal  # half of [1-10]
        z = a / np.sqrt(2) * axis  # half of [110]
        grains.append(Grain(crystal, np.array([z + n, z - n, c])))
    return tuple(grains)


def _in_sector(xyz: np.ndarray, k: int) -> np.ndarray:
    """Return which atoms, along bisector, normal and axis, are the k-th twin's; a border is one's alone."""
    angle = np.arctan2(xyz[:, 1], xyz[:, 0]) - 2 * np.pi * k / 5
    angle = (angle + np.pi) % (2 * np.pi) - np.pi
    on_axis = np.hypot(xyz[:, 0], xyz[:, 1]) < _TOUCH
    within = (angle > -_SECTOR + _TOUCH) & (angle < _SECTOR + _TOUCH)
    return np.where(on_axis, k == 0, within)


def _ball(grain: Grain, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the atoms of a crystal within a radius of a lattice point."""
    reach = np.ceil(radius * np.linalg.norm(np.linalg.inv(grain.basis), axis=0)).astype(int) + 1
    cells = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), -1).reshape(-1, 3)
    numbers, sites = grain.crystal.atoms()
    xyz = (cells[:, None] + sites).reshape(-1, 3) @ grain.basis
    inside = np.linalg.norm(xyz, axis=1) <= radius
    return np.tile(numbers, len(cells))[inside], xyz[inside]
