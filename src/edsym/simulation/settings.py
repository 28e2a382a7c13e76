"""What a simulation is made with."""

from dataclasses import dataclass

from edsym.errors import InputError

CHOICES = {"engine": ("krylov", "abtem"), "orientations": ("grid", "random"), "in_plane": ("fixed", "random")}


@dataclass(frozen=True)
class SimulationSettings:
    """Settings of a simulation: the section `simulation` of the configuration.

    Attributes
    ----------
    engine : {"krylov", "abtem"}
        How the electrons are propagated; the results agree, the cost does not.
    energy_kev : float
        Energy of the electrons in keV.
    thickness_angstrom : float
        Thickness of the crystal in Å.
    thermal_sigma_angstrom : float
        Root mean square displacement of every atom along one direction, in Å (Debye-Waller factor).
    g_max : float
        Length of the longest beam in 1/Å.
    max_excitation_error : float
        Largest excitation error of a beam in 1/Å.
    zone_axes : int
        Patterns of each material.
    orientations : {"grid", "random"}
        Zone axes evenly over the symmetry-reduced range, the same for all materials of a Laue
        class; or drawn at random for each material.
    in_plane : {"fixed", "random"}
        Rotation of the pattern about the beam: by convention, or drawn at random.
    seed : int
        Seed of everything random in the simulation.
    max_memory : float
        Memory in MB for the tables of one material and the matrix of one pattern.
    tolerance : float
        Error of the amplitudes at which the propagation stops.
    shards : int
        Number of parts that the materials are divided into.
    """

    engine: str
    energy_kev: float
    thickness_angstrom: float
    thermal_sigma_angstrom: float
    g_max: float
    max_excitation_error: float
    zone_axes: int
    orientations: str
    in_plane: str
    seed: int
    max_memory: float
    tolerance: float
    shards: int

    def __post_init__(self):
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise InputError(
                    f"simulation.{name} is {getattr(self, name)!r}, but must be one of {', '.join(allowed)}"
                )
