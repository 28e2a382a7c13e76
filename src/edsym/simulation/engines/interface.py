"""What an engine is: structures and orientations in, diffraction patterns out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from edsym.errors import MaterialError
from edsym.simulation.settings import SimulationSettings
from edsym.structures.structure import Structure


@dataclass(frozen=True)
class Pattern:
    """One diffraction pattern: all its beams, the incident one too.

    Attributes
    ----------
    hkl : (n, 3) int16
        Indices in the reciprocal lattice of the structure's primitive cell.
    q : (n, 2) float32
        Positions in 1/Å along the x and y axes of the laboratory.
    intensity : (n,) float32
        Flux through the exit face; that of the incident beam before the crystal is 1.
    incident : int
        Position of the incident beam, 000.
    """

    hkl: np.ndarray
    q: np.ndarray
    intensity: np.ndarray
    incident: int


class Engine(Protocol):
    """Something that computes diffraction patterns."""

    def patterns(self, structure: Structure, orientations: np.ndarray) -> Iterator[Pattern]:
        """Yield one pattern per orientation.

        Parameters
        ----------
        structure : Structure
            A primitive cell; its lattice is given in the crystal frame.
        orientations : (n, 3, 3) array
            Rows are the laboratory's axes x, y, z in the crystal frame. The electrons travel along +z.

        Raises
        ------
        MaterialError
            If an element has no scattering factors, the memory does not suffice, or the
            propagation does not converge.
        """
        ...


def check_memory(n_beams: int, n_bytes: float, max_memory: float) -> None:
    """Raise `MaterialError` if a pattern of so many beams needs more than `max_memory` MB."""
    needed = n_bytes / 1e6
    if needed > max_memory:
        raise MaterialError(
            f"a pattern of {n_beams} beams needs {needed:.0f} MB, "
            f"more than the {max_memory:g} MB allowed (simulation.max_memory)"
        )


def expected_beams(volume: float, settings: SimulationSettings) -> int:
    """Return about how many beams a pattern has: the points in a disc of reciprocal space."""
    return int(volume * np.pi * settings.g_max**2 * 2 * settings.max_excitation_error) + 1
