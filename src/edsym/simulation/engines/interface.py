"""What an engine is: structures and orientations in, diffraction patterns out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from edsym.errors import InputError, MaterialError
from edsym.simulation.settings import SimulationSettings
from edsym.structures.structure import Structure


@dataclass(frozen=True)
class Pattern:
    """One diffraction pattern: all its beams, the incident one too.

    Attributes
    ----------
    hkl : (n, 3) int16
        Indices in the reciprocal lattice of the structure's primitive cell.
    intensity : (n,) float32
        Flux through the exit face; that of the incident beam before the crystal is 1.
    incident : int
        Position of the incident beam, 000.
    reciprocal : (3, 3) float64
        Row vectors a*, b*, c* of the primitive cell in the crystal frame, in 1/Å.
    orientation : (3, 3) float64
        Rows are the laboratory's axes in the crystal frame; the last is the zone axis.
    thickness : float
        Of the crystal, in Å.
    """

    hkl: np.ndarray
    intensity: np.ndarray
    incident: int
    reciprocal: np.ndarray
    orientation: np.ndarray
    thickness: float

    @cached_property
    def q(self) -> np.ndarray:
        """Positions (n, 2) float64 in 1/Å along the x and y axes of the laboratory."""
        return beam_positions(self.hkl, self.reciprocal, self.orientation)


def beam_positions(hkl: np.ndarray, reciprocal: np.ndarray, orientation: np.ndarray) -> np.ndarray:
    """Return where the beams of a pattern fall on the detector, rounded to 1e-9 1/Å.

    The sums are written out, because a library's products are rounded as the processor has it.

    Parameters
    ----------
    hkl : (n, 3) array of int
        Indices of the beams.
    reciprocal, orientation : (3, 3) float64
        See `Pattern`.

    Returns
    -------
    q : (n, 2) float64
        Position along the laboratory's x and y in 1/Å.
    """
    a, b, c = np.einsum("ij,kj->ik", reciprocal, orientation[:2])
    h, k, l = np.asarray(hkl, dtype=np.float64).T  # noqa: E741
    q = np.round(np.outer(a, h) + np.outer(b, k) + np.outer(c, l), 9) + 0.0
    return np.ascontiguousarray(q.T)


class Engine(Protocol):
    """Something that computes diffraction patterns."""

    def patterns(
        self, structure: Structure, orientations: np.ndarray, thicknesses: Sequence[float] | None = None
    ) -> Iterator[Pattern]:
        """Yield one pattern per orientation.

        Parameters
        ----------
        structure : Structure
            A primitive cell; its lattice is given in the crystal frame.
        orientations : (n, 3, 3) array
            Rows are the laboratory's axes x, y, z in the crystal frame. The electrons travel along +z.
        thicknesses : sequence of n floats, optional
            Of the crystal, one a pattern, in Å, up to the largest of the settings; by default the one of the
            settings.

        Raises
        ------
        InputError
            If the thicknesses are not such, or are not given and the settings have several.
        MaterialError
            If an element has no scattering factors, the memory does not suffice, or the
            propagation does not converge.
        """
        ...


def thickness_of_each(
    settings: SimulationSettings, n: int, thicknesses: Sequence[float] | None
) -> np.ndarray:
    """Return the thicknesses (n,) float64 of n patterns in Å: the given ones, or that of the settings.

    Raises
    ------
    InputError
        If they are not n numbers up to the settings' largest, or are not given and the settings have several.
    """
    if thicknesses is None and len(settings.thicknesses) > 1:
        raise InputError(
            f"simulation.thickness_angstrom has {len(settings.thicknesses)} values: which one each pattern "
            "has must be given (SimulationSettings.thickness_of_patterns draws it)"
        )
    result = np.array(settings.thicknesses * n if thicknesses is None else thicknesses, dtype=np.float64)
    largest = max(settings.thicknesses)
    if result.shape != (n,) or not ((result > 0) & (result <= largest)).all():
        raise InputError(
            f"thicknesses are {result.tolist()} Å, expected {n} numbers > 0 and up to {largest:g}, the "
            "largest of simulation.thickness_angstrom"
        )
    return result


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


def step_limit(thickness: float, max_excitation_error: float) -> int:
    """Return a generous limit for the steps of a propagation.

    Half the width of the spectrum times the thickness (in Å) is the number of steps where convergence sets
    in. The diagonal of H is 2π s_g; the potential adds at most 1 rad/Å, which is 1.5 kV at 300 keV.
    """
    return 200 + int(2 * thickness * (2 * np.pi * max_excitation_error + 1))
