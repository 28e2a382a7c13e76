"""Settings of the simulated scan: the section ``experiment`` of the configuration."""

from typing import ClassVar

from edsym.settings import MAX_SEED, Settings, setting


class ExperimentSettings(Settings):
    """The 4D-STEM scan of known particles that abTEM simulates (target `experiment`)."""

    section: ClassVar = "experiment"

    energy_kev: float = setting(200.0, "keV", ge=10, le=3000)
    """Energy of the electrons."""
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
    phonons: int = setting(3, "configurations", ge=1, le=100)
    """Frozen-phonon configurations that a pattern is the mean of."""
    thermal_sigma_angstrom: float = setting(0.085, "Å", ge=0, le=0.5)
    """Standard deviation of a coordinate of an atom."""
    seed: int = setting(0, ge=0, le=MAX_SEED)
    """Seed of orientations, film, phonons and counts."""
