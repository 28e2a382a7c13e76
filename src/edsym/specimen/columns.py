"""What the probe goes through at each position: the columns of known particles."""

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from edsym.specimen.particles import Particle
from edsym.specimen.truth import Truth

# A column of this radius in Å is the probe's; a crystal that is thinner there in Å is none.
_COLUMN = 5.0
_THINNEST = 15.0


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
