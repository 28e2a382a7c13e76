"""What is true at every probe position: particle, crystal, its orientation, where the direct beam is."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import h5py
import numpy as np
from scipy.spatial import cKDTree

from edsym.errors import InputError
from edsym.hdf5 import create_dataset, read_text, write_text
from edsym.specimen.particles import Particle
from edsym.symmetry import crystal_system

GROUP = "truth"
# A column of this radius in Å is the probe's; a crystal that is thinner there in Å is none.
_COLUMN = 5.0
_THINNEST = 15.0
_TEXTS = ("particle_name", "grain_material")


@dataclass(frozen=True)
class Truth:
    """What is true at every position of a scan.

    Attributes
    ----------
    particle : (rows, columns) array of int
        Index of the particle that the probe goes through; -1 where there is none.
    grain : (rows, columns) array of int
        Index of the grain that most of this column is of; -1 where there is none.
    thickness : (rows, columns) array
        Of that grain there, in Å.
    centre : (rows, columns, 2) array
        Row and column of the direct beam within the pattern, in pixels.
    particle_name : (P,) array of str
        What each particle is.
    grain_particle : (G,) array of int
        The particle that each grain is a part of.
    grain_material : (G,) array of str
        Its material.
    grain_spacegroup : (G,) array of int
        Its space group.
    grain_basis : (G, 3, 3) array
        Rows are the vectors a, b, c of its conventional cell in Å: along x, the columns of scan and detector,
        along y, their rows, and along the beam, which travels along +z.
    """

    particle: np.ndarray
    grain: np.ndarray
    thickness: np.ndarray
    centre: np.ndarray
    particle_name: np.ndarray
    grain_particle: np.ndarray
    grain_material: np.ndarray
    grain_spacegroup: np.ndarray
    grain_basis: np.ndarray

    @property
    def grain_system(self) -> np.ndarray:
        """Crystal systems of the grains (G,)."""
        return np.array([crystal_system(int(number)) for number in self.grain_spacegroup])


def known_truth(particles: Sequence[Particle], positions: np.ndarray, centre: np.ndarray) -> Truth:
    """Return the truth at probe positions (rows, columns, 2), x and y in Å, with these centres."""
    grains = [(p, grain) for p, particle in enumerate(particles) for grain in particle.grains]
    thickness = np.concatenate(
        [grain_thickness(particle, positions.reshape(-1, 2), _COLUMN) for particle in particles]
    )
    best, shape = thickness.argmax(axis=0), positions.shape[:2]
    most = thickness.max(axis=0)
    owner = np.array([p for p, _ in grains])
    return Truth(
        particle=np.where(most < _THINNEST, -1, owner[best]).reshape(shape),
        grain=np.where(most < _THINNEST, -1, best).reshape(shape),
        thickness=most.reshape(shape),
        centre=centre,
        particle_name=np.array([particle.name for particle in particles]),
        grain_particle=owner,
        grain_material=np.array([grain.crystal.name for _, grain in grains]),
        grain_spacegroup=np.array([grain.crystal.spacegroup_number for _, grain in grains]),
        grain_basis=np.array([grain.basis for _, grain in grains]),
    )


def grain_thickness(particle: Particle, positions: np.ndarray, radius: float) -> np.ndarray:
    """Return how thick each grain of a particle is (G, n), as a mean over columns of a radius; all in Å."""
    thickness = []
    for grain, (_, xyz) in zip(particle.grains, particle.atoms(), strict=True):
        tree = cKDTree(xyz[:, :2] + particle.centre)
        n = tree.query_ball_point(positions, radius, return_length=True)
        volume = np.linalg.det(grain.basis) / len(grain.crystal.atoms()[0])
        thickness.append(n * volume / (np.pi * radius**2))
    return np.array(thickness)


def write_truth(file: h5py.File, truth: Truth) -> None:
    """Add a truth to an open file of a scan."""
    group = file.create_group(GROUP)
    for field in fields(Truth):
        values = getattr(truth, field.name)
        if field.name in _TEXTS:
            write_text(group, field.name, values)
        else:
            create_dataset(group, field.name, values)


def read_truth(path: str | Path) -> Truth | None:
    """Return the truth that the file of a simulated scan holds; None if it holds none.

    Raises
    ------
    InputError
        If the file's truth is damaged.
    """
    if not h5py.is_hdf5(path):
        return None
    try:
        with h5py.File(path) as file:
            if GROUP not in file:
                return None
            group = file[GROUP]
            return Truth(
                **{
                    field.name: read_text(group, field.name) if field.name in _TEXTS else group[field.name][:]
                    for field in fields(Truth)
                }
            )
    except (KeyError, OSError, RuntimeError, ValueError, TypeError) as error:
        raise InputError(f"{path}: its truth cannot be read: {error}") from error
