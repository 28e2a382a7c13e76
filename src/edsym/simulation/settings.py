"""What a simulation is made with."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from edsym.errors import InputError

CHOICES = {
    "engine": ("krylov", "torch", "abtem"),
    "device": ("auto", "cpu", "cuda"),
    "scattering_factors": ("lobato", "weickenmeier_kohl", "py4dstem"),
    "absorption": ("none", "weickenmeier_kohl", "proportional"),
    "basis": ("published", "box", "adaptive"),
    "orientations": ("grid", "random"),
    "in_plane": ("fixed", "random"),
}

BASES = {
    "published": {"g_max": 2.0, "max_excitation_error": 0.06, "min_beam_amplitude": None},
    "box": {"g_max": 4.0, "max_excitation_error": 0.02, "min_beam_amplitude": None},
    "adaptive": {"g_max": 3.0, "max_excitation_error": 0.07, "min_beam_amplitude": 0.001},
}
"""The cuts that a basis stands for, in 1/Å; None is no cut."""


@dataclass(frozen=True)
class SimulationSettings:
    """Settings of a simulation: the section `simulation` of the configuration.

    Attributes
    ----------
    engine : {"krylov", "torch", "abtem"}
        How the electrons are propagated; the results agree, the cost does not.
    device : {"auto", "cpu", "cuda"}
        Where the torch engine computes; auto is a GPU if there is one. The others use the CPU.
    energy_kev : float
        Energy of the electrons in keV.
    thickness_angstrom : float
        Thickness of the crystal in Å.
    thermal_sigma_angstrom : float
        Root mean square displacement of every atom along one direction, in Å (Debye-Waller factor).
    scattering_factors : {"lobato", "weickenmeier_kohl", "py4dstem"}
        Elastic scattering factors: see `edsym.simulation.crystal.scattering.scattering_factor_tables`.
    absorption : {"none", "weickenmeier_kohl", "proportional"}
        Absorptive part of the potential: none, by thermal diffuse scattering and core losses, or a tenth
        of the elastic part.
    basis : {"published", "box", "adaptive"}
        Which beams take part: up to a length and an excitation error; or, adaptive, with an excitation
        error that depends on how strongly a beam can be excited. See `BASES`.
    g_max : float or None
        Length of the longest beam in 1/Å; None takes the basis's own, as for the next two.
    max_excitation_error : float or None
        Largest excitation error of a beam in 1/Å.
    min_beam_amplitude : float or None
        Two-beam amplitude λ U / 2|s| below which a beam is left out; for the adaptive basis only.
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
    device: str
    energy_kev: float
    thickness_angstrom: float
    thermal_sigma_angstrom: float
    scattering_factors: str
    absorption: str
    basis: str
    g_max: float | None
    max_excitation_error: float | None
    min_beam_amplitude: float | None
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
        for name, value in BASES[self.basis].items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        for problem in contradictions(vars(self)):
            raise InputError(problem)


def contradictions(settings: Mapping) -> Iterator[str]:
    """Yield what is wrong between settings that are allowed each by itself.

    Parameters
    ----------
    settings : Mapping
        Names and values of a section `simulation`.
    """
    if settings["min_beam_amplitude"] is not None and settings["basis"] != "adaptive":
        yield (
            f"simulation.min_beam_amplitude: {settings['min_beam_amplitude']} is not allowed; "
            f"it must be null, as simulation.basis {settings['basis']} has no use for it"
        )
    if settings["device"] == "cuda" and settings["engine"] != "torch":
        yield (
            f"simulation.device: cuda is not allowed with simulation.engine {settings['engine']}; "
            "it must be auto or cpu (simulation.engine: torch runs on a GPU)"
        )
    if settings["engine"] != "abtem":
        return
    for name, allowed in (
        ("absorption", ["none"]),
        ("scattering_factors", ["lobato"]),
        ("basis", ["published", "box"]),
    ):
        if settings[name] not in allowed:
            yield (
                f"simulation.{name}: {settings[name]} is not allowed with simulation.engine abtem; "
                f"it must be {' or '.join(allowed)}"
            )
