"""The specimen atom by atom: crystals above an amorphous film, and abTEM's potential of both."""

from collections.abc import Sequence

import numpy as np
from scipy.fft import next_fast_len
from scipy.spatial import cKDTree

from edsym.seeds import generator
from edsym.specimen.multislice import Optics, slices
from edsym.specimen.particles import Particle
from edsym.specimen.settings import ExperimentSettings

_SLICE, _FILM_SLICE = 2.0, 5.0  # Å
_VACUUM = 2.0  # Å above the largest particle
# Amorphous carbon: atomic number, atoms per Å³ at 2 g/cm³, and the shortest distance in Å.
_CARBON, _DENSITY, _BOND = 6, 0.1, 1.4
# The film repeats itself after about so many Å, more than a window.
_TILE = 80.0


class Specimen:
    """Projected potentials of a periodic field with particles on a film; the beam meets the particles first.

    Parameters
    ----------
    settings : ExperimentSettings
        Film, thermal vibration and seed.
    optics : Optics
        The grid.
    particles : sequence of Particle
        What lies on the film.
    field : float
        Width of the scan in Å.
    """

    def __init__(
        self, settings: ExperimentSettings, optics: Optics, particles: Sequence[Particle], field: float
    ):
        self._settings, self._sampling = settings, optics.sampling
        self._gpts = next_fast_len(int(np.ceil(field / optics.sampling)))
        height = max(particle.diameter for particle in particles) + _VACUUM
        self._thick = [_SLICE] * int(np.ceil(height / _SLICE))
        n = int(np.ceil(settings.film_angstrom / _FILM_SLICE))
        self._film_thick = np.full(n, settings.film_angstrom / n)
        self._numbers, self._xyz = self._crystals(particles)
        self._film = self._made_film()
        self._whole = None

    def shake(self, phonon: int) -> None:
        """Take the atoms of the crystals as a frozen phonon has them: each displaced on its own.

        The film's atoms stay: what is amorphous has no order to lose.
        """
        rng = generator(self._settings.seed, "phonons", phonon)
        moved = self._xyz + rng.normal(0, self._settings.thermal_sigma_angstrom, self._xyz.shape)
        moved[:, 2] = np.clip(moved[:, 2], 0, sum(self._thick) * (1 - 1e-6))
        self._whole = slices(self._numbers, moved, (self._gpts,) * 2, self._sampling, self._thick)

    def window(self, start: np.ndarray, gpts: int, film_only: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return the potential of a window (slices, gpts, gpts), x first, and its slices' thicknesses in Å.

        Parameters
        ----------
        start : (2,) array of int
            Points of its corner.
        gpts : int
            Points of its sides.
        film_only : bool
            Whether to leave out the particles.
        """
        x, y = ((s + np.arange(gpts)) % self._gpts for s in start)
        film = self._film[:, x[:, None], y]
        if film_only:
            return film, self._film_thick
        whole = np.concatenate([self._whole[:, x[:, None], y], film])
        return whole, np.concatenate([self._thick, self._film_thick])

    def _crystals(self, particles: Sequence[Particle]) -> tuple[np.ndarray, np.ndarray]:
        numbers, places = [], []
        for particle in particles:
            above = sum(self._thick) - particle.diameter / 2
            for kinds, xyz in particle.atoms():
                numbers.append(kinds)
                places.append(xyz + np.array([*particle.centre, above]))
        return np.concatenate(numbers), np.concatenate(places)

    def _made_film(self) -> np.ndarray:
        width = self._gpts * self._sampling
        tiles = max(round(width / _TILE), 1)
        height = float(np.sum(self._film_thick))
        tile = _amorphous(width / tiles, height, generator(self._settings.seed, "film"))
        corners = np.stack(np.meshgrid(*[np.arange(tiles) * width / tiles] * 2), -1).reshape(-1, 2)
        xyz = np.concatenate([tile + np.array([*corner, 0]) for corner in corners])
        numbers = np.full(len(xyz), _CARBON)
        return slices(numbers, xyz, (self._gpts,) * 2, self._sampling, self._film_thick)


def _amorphous(width: float, height: float, rng: np.random.Generator) -> np.ndarray:
    """Return atoms (n, 3) in Å at random in a slab that repeats along x and y, none closer than a bond."""
    wanted, atoms = round(_DENSITY * width**2 * height), np.empty((0, 3))
    while len(atoms) < wanted:
        atoms = np.concatenate([atoms, rng.random((wanted, 3)) * [width, width, height]])
        pairs = cKDTree(atoms, boxsize=[width, width, 0]).query_pairs(_BOND, output_type="ndarray")
        atoms = np.delete(atoms, np.unique(pairs.max(axis=1)), axis=0)
    return atoms[:wanted]
