"""Settings of scans, the simulated one among them: the section ``experiment`` of the configuration."""

from collections.abc import Iterator
from pathlib import PurePath
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from edsym.settings import MAX_SEED, Settings, setting

SIMULATED = "simulated"
"""The data set that the workflow makes itself."""
CLASSIFICATION = (
    "datasets",
    "models",
    "pixel_given",
    "correlation",
    "min_intensity",
    "phases",
    "thickness_angstrom",
)
"""Keys that tell what is made of scans, not how one is simulated."""


def name_of(dataset: str) -> str:
    """Return the name of a data set or a model: its file's, without the suffix."""
    return PurePath(dataset).stem


class ExperimentSettings(Settings):
    """4D-STEM scans to classify, one of known particles by abTEM among them (target `experiment`)."""

    section: ClassVar = "experiment"

    datasets: tuple[Annotated[str, Field(min_length=1)], ...] = setting((SIMULATED,), strict=False)
    """Scans: `simulated`, or paths of files that `edsym.read_scan` opens."""
    models: tuple[Annotated[str, Field(min_length=1)], ...] = setting(
        ("lattice", "spectra-random"), min_length=1, strict=False
    )
    """Models that classify them: names or folders, see `edsym.load_model`."""
    pixel_given: float | None = setting(None, "1/Å", gt=0, le=0.25)
    """A pixel of the scans that are files, in place of what these say."""
    correlation: Literal["cross", "hybrid", "phase"] = setting("cross")
    """With the probe, of which spots are maxima: docs/experiment.md compares them."""
    min_intensity: float = setting(0.001, "of the beam", ge=0, lt=1)
    """Smallest intensity of a spot that is taken for a crystal's; weaker ones are a film's."""
    phases: tuple[Annotated[str, Field(min_length=1)], ...] = setting((), strict=False)
    """Known phases that template matching tells apart beside the models: paths of CIF files."""
    thickness_angstrom: float = setting(200.0, "Å", ge=5, le=5000)
    """Thickness of their crystals, about."""
    energy_kev: float = setting(200.0, "keV", ge=10, le=1500)
    """Energy of the electrons, in all scans."""
    positions: int = setting(32, "positions", ge=2, le=1000)
    """Probe positions along each side of the scan."""
    step_angstrom: float = setting(10.0, "Å", ge=0.1, le=1000)
    """From one position to the next."""
    frame: int = setting(192, "pixels", ge=16, le=2048)
    """Height and width of the patterns."""
    pixel: float = setting(0.016, "1/Å", ge=0.001, le=0.05)
    """A pixel of the patterns, and the inverse width of what a probe is propagated in."""
    semiangle_mrad: float = setting(1.5, "mrad", ge=0.1, le=20)
    """Convergence semi-angle of the probe."""
    electrons: float = setting(3e5, "electrons", ge=1, le=1e9)
    """Dose: electrons that hit the specimen at a position."""
    film_angstrom: float = setting(30.0, "Å", ge=5, le=500)
    """Thickness of the amorphous carbon film under the particles."""
    phonons: int = setting(8, "configurations", ge=1, le=100)
    """Frozen-phonon configurations that a pattern is the mean of."""
    thermal_sigma_angstrom: float = setting(0.085, "Å", ge=0, le=0.5)
    """Standard deviation of a coordinate of an atom."""
    seed: int = setting(0, ge=0, le=MAX_SEED)
    """Seed of orientations, film, phonons and counts."""

    def _contradictions(self) -> Iterator[str]:
        several = {"datasets": self.datasets, "models": self.models, "phases": self.phases}
        for key, values in several.items():
            names = [name_of(value) for value in values]
            for value, name in zip(values, names, strict=True):
                if key != "phases" and not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
                    yield (
                        f"experiment.{key}: {value!r} is not allowed; its name may have letters, digits, "
                        "-, _ and . alone"
                    )
                if names.count(name) > 1:
                    yield f"experiment.{key}: {value!r} is not allowed; each must have a name of its own"
