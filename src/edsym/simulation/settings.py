"""Settings of a simulation: the section ``simulation`` of the configuration."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import BeforeValidator, ValidationInfo, WithJsonSchema, field_validator

from edsym.seeds import generator
from edsym.settings import MAX_SEED, Settings, allowed, setting
from edsym.simulation.constants import BASES
from edsym.symmetry import ORIENTED_LAUE_CLASSES

_MIN_THICKNESS, _MAX_THICKNESS = 0.1, 2000
_ONE = {"type": "number", "minimum": _MIN_THICKNESS, "maximum": _MAX_THICKNESS}
_THICKNESS = _ONE | {"type": ["number", "array"], "items": _ONE, "minItems": 1}


def _thickness(value: object) -> object:
    """Check a thickness, or several; pydantic's messages on unions name no bounds."""
    several = isinstance(value, list | tuple)
    values = tuple(value) if several else (value,)
    for number in values or ((),):
        known = isinstance(number, int | float) and not isinstance(number, bool)
        if not known or not _MIN_THICKNESS <= number <= _MAX_THICKNESS:
            raise ValueError(
                f"simulation.thickness_angstrom: {value!r} is not allowed; it must be {allowed(_THICKNESS)}"
            )
    return tuple(map(float, values)) if several else value


_Thickness = Annotated[float | tuple[float, ...], BeforeValidator(_thickness), WithJsonSchema(_THICKNESS)]


class SimulationSettings(Settings):
    """Bloch-wave simulation of the patterns."""

    section: ClassVar = "simulation"

    engine: Literal["krylov", "torch", "abtem"] = setting("krylov")
    """`krylov` propagates the one needed column of the scattering matrix, on a CPU; `torch` does so for many
    patterns at a time, on a GPU; `abtem` is abTEM's BlochWaves, the slower reference."""
    device: Literal["auto", "cpu", "cuda"] = setting("auto", operational=True)
    """Where `engine: torch` computes; `auto` is a GPU if there is one. The other engines use the CPU."""
    energy_kev: float = setting(300, "keV", ge=20, le=3000)
    """Energy of the electrons."""
    thickness_angstrom: _Thickness = setting(200, "Å")
    """Thickness of the crystal. Of several each pattern has one, drawn by the seed."""
    thermal_sigma_angstrom: float = setting(0.08, "Å", ge=0, le=1)
    """Root-mean-square thermal displacement of every atom along one direction (Debye–Waller factor)."""
    scattering_factors: Literal["lobato", "weickenmeier_kohl", "py4dstem"] = setting("py4dstem")
    """Elastic scattering factors: `lobato` (Lobato & Van Dyck 2014); `weickenmeier_kohl` (1991); or
    `py4dstem`, the latter as py4DSTEM evaluates them, with which the published patterns were made: up to 12 %
    of f(0) off."""
    absorption: Literal["none", "weickenmeier_kohl", "proportional"] = setting("weickenmeier_kohl")
    """Absorptive part of the potential: `none`; `weickenmeier_kohl`, thermal diffuse scattering and core
    losses; `proportional`, a tenth of the elastic part."""
    basis: Literal["published", "box", "adaptive"] = setting("published")
    """Which beams take part, by their length and excitation error: `published` (at most 2 and 0.06 1/Å),
    `box` (4 and 0.02), or `adaptive` (3 and 0.07, and a two-beam amplitude of at least 0.001), the most
    accurate for its cost."""
    g_max: float | None = setting(None, "1/Å", ge=0.1, le=8)
    """Longest scattering vector of the beams; null takes the basis's own."""
    max_excitation_error: float | None = setting(None, "1/Å", ge=1e-6, le=1)
    """Largest excitation error of the beams; null takes the basis's own."""
    min_beam_amplitude: float | None = setting(None, ge=1e-9, le=1)
    """Two-beam amplitude λ U / 2|s| below which a beam is left out, U the root mean square of its structure
    factor; null takes the basis's own. For the basis `adaptive` only."""
    zone_axes: int = setting(100, "patterns", ge=1, le=10_000)
    """Zone axes of each material, all distinct."""
    orientations: Literal["random", "hemisphere", "grid", "plan"] = setting("random")
    """`random` draws each material its own zone axes, uniformly; `hemisphere` spreads them evenly over a
    hemisphere, the same ones for all materials. Two choices tell a part of the answer: `grid` spreads them
    evenly over the symmetry-reduced range of directions, the same ones for all materials of a Laue class;
    `plan` takes those of py4DSTEM's orientation plan of the point group."""
    in_plane: Literal["random", "fixed"] = setting("random")
    """Rotation of the pattern about the beam: `random`, or `fixed` by convention (that of py4DSTEM where
    orientations are its plan's)."""
    grid_of: Literal["own", "every", *ORIENTED_LAUE_CLASSES] = setting("own")
    """Laue class on whose grid all crystals are put, to measure what the grid tells; `own` is that of each
    crystal itself, `every` takes the grids of all classes, one after the other. For the orientations `grid`
    only."""
    seed: int = setting(0, ge=0, le=MAX_SEED)
    """Seed of random orientations; each material draws by its own id."""
    max_memory: float = setting(2000, "MB", ge=0.1, le=1_000_000)
    """Memory that one material may take; a material that needs more is listed and skipped."""
    tolerance: float = setting(3e-6, ge=1e-9, le=0.01)
    """Estimated error of the propagated wave at which the Krylov steps end."""
    shards: int = setting(200, "jobs", ge=1, le=10_000)
    """Parts that the materials are dealt to by a hash of their id, each a job; results do not depend on
    it."""

    @field_validator(*BASES["published"])
    @classmethod
    def _of_the_basis(cls, value: float | None, info: ValidationInfo) -> float | None:
        return BASES[info.data["basis"]][info.field_name] if value is None and "basis" in info.data else value

    @property
    def thicknesses(self) -> tuple[float, ...]:
        """All thicknesses in Å."""
        value = self.thickness_angstrom
        return value if isinstance(value, tuple) else (value,)

    def thickness_of_patterns(self, n: int, material_id: str) -> np.ndarray:
        """Return the thicknesses (n,) in Å of a material's patterns, each drawn from all."""
        return generator(self.seed, "thickness", material_id).choice(self.thicknesses, n)

    def _contradictions(self) -> Iterator[str]:
        if self.min_beam_amplitude is not None and self.basis != "adaptive":
            yield (
                f"simulation.min_beam_amplitude: {self.min_beam_amplitude:g} is not allowed; "
                f"it must be null, as simulation.basis {self.basis} has no use for it"
            )
        if self.grid_of != "own" and self.orientations != "grid":
            yield (
                f"simulation.grid_of: {self.grid_of} is not allowed with simulation.orientations "
                f"{self.orientations}; it must be own (orientations: grid has a grid for each Laue class)"
            )
        if self.device == "cuda" and self.engine != "torch":
            yield (
                f"simulation.device: cuda is not allowed with simulation.engine {self.engine}; "
                "it must be auto or cpu (simulation.engine: torch runs on a GPU)"
            )
        if self.engine != "abtem":
            return
        for name, known in (
            ("absorption", ["none"]),
            ("scattering_factors", ["lobato"]),
            ("basis", ["published", "box"]),
        ):
            if getattr(self, name) not in known:
                yield (
                    f"simulation.{name}: {getattr(self, name)} is not allowed with simulation.engine abtem; "
                    f"it must be {' or '.join(known)}"
                )
