"""Settings of the detector: the section ``detector`` of the configuration."""

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from edsym.detector.levels import LEVELS, Detector
from edsym.settings import MAX_SEED, Settings, setting

Level = Literal["ideal", "good", "typical", "poor"]

NUISANCES = {
    "position": ("position_error",),
    "centre": ("centre_error",),
    "scale": ("scale_error",),
    "ellipse": ("ellipse_error",),
    "intensity": ("intensity_error",),
    "threshold": ("threshold_low", "threshold_high"),
    "lost": ("lost",),
    "spurious": ("spurious",),
}
"""Quantities that models are tested with one at a time; of the last one the size is told."""

_SHARES = ("threshold_low", "threshold_high", "lost", "spurious")


class DetectorSettings(Settings):
    """What a detector does to spots.

    A level has a value for each quantity, from `position_error` on. One that is not null here takes the place
    of that value at every level but `ideal`, which shows all spots as they are. With 0 there is no effect.
    """

    section: ClassVar = "detector"

    training: Level = setting("typical")
    """Level of the spots that models learn from; networks see each pattern anew in every epoch."""
    tests: tuple[Level, ...] = setting(("ideal", "typical"), min_length=1, strict=False)
    """Levels of the spots that models are tested at, each by itself."""
    curves: tuple[Annotated[float, Field(gt=0, le=10)], ...] = setting(
        (0.3, 1.0, 3.0), "of the level typical", min_length=1, strict=False
    )
    """Multiples of the values at the level typical: the models are tested with each quantity alone at each of
    them (table 10, figure 7)."""
    curve_materials: int = setting(1000, "materials", ge=1, le=1_000_000)
    """Test materials of these tests, drawn by `evaluation.seed`; all, if there are fewer."""
    seed: int = setting(0, ge=0, le=MAX_SEED)
    """Seed of what is drawn for tests and validation; trainings draw by the seeds of their models."""
    position_error: float | None = setting(None, "1/Å", ge=0, le=0.1)
    """Standard deviation of each coordinate of a spot."""
    centre_error: float | None = setting(None, "1/Å", ge=0, le=0.1)
    """Standard deviation of each coordinate of a shift of the whole pattern."""
    scale_error: float | None = setting(None, ge=0, le=0.2)
    """Standard deviation of the relative error of lengths, common to all views of a material."""
    ellipse_error: float | None = setting(None, ge=0, le=0.2)
    """Standard deviation of the share by which lengths along an axis of random direction exceed those across
    it, common to all views of a material."""
    intensity_error: float | None = setting(None, ge=0, le=3)
    """Standard deviation of the natural logarithm of a spot's intensity."""
    threshold_low: float | None = setting(None, "of the incident beam", ge=0, le=1)
    """Least value of the intensity below which a pattern shows no spot; uniform in its logarithm."""
    threshold_high: float | None = setting(None, "of the incident beam", ge=0, le=1)
    """Largest value of it."""
    dynamic_range: float | None = setting(None, ge=0, le=1e9)
    """Ratio of a pattern's brightest spot to the faintest that is shown beside it."""
    electrons: float | None = setting(None, "electrons", ge=0, le=1e15)
    """Dose: electrons of the incident beam a pattern, of which intensities are counts (Poisson)."""
    lost: float | None = setting(None, ge=0, le=1)
    """Share of the spots that are not found."""
    spurious: float | None = setting(None, ge=0, le=1)
    """Spots that are none, as a share of the number of spots."""
    q_max: float | None = setting(None, "1/Å", ge=0, le=8)
    """Largest length of a spot's scattering vector."""
    resolution: float | None = setting(None, "1/Å", ge=0, le=0.5)
    """Distance below which spots merge into one."""

    def _contradictions(self) -> Iterator[str]:
        if len(set(self.tests)) < len(self.tests):
            yield f"detector.tests: {', '.join(self.tests)} is not allowed; it must have no level twice"
        for level in {self.training, *self.tests}:
            detector = self.at(level)
            if detector.threshold_low > detector.threshold_high:
                yield (
                    f"detector.threshold_low: {detector.threshold_low:g} is not allowed; it must be at most "
                    f"detector.threshold_high, {detector.threshold_high:g} at the level {level}"
                )

    def one_at_a_time(self) -> list[tuple[str, float, Detector]]:
        """Return the nuisances, their sizes and the detectors that have no other, `curves` of each.

        The first is the ideal detector, the nuisance "none".
        """
        typical = self.at("typical")
        points = [("none", 0.0, LEVELS["ideal"])]
        for nuisance, names in NUISANCES.items():
            for factor in sorted(set(self.curves)):
                values = {name: factor * getattr(typical, name) for name in names}
                values |= {name: min(value, 1.0) for name, value in values.items() if name in _SHARES}
                points.append((nuisance, values[names[-1]], Detector(**values)))
        return points

    def at(self, level: str) -> Detector:
        """Return the detector of a level, with the quantities that these settings put in place of its own."""
        if level == "ideal":
            return LEVELS[level]
        own = {field.name: getattr(self, field.name) for field in fields(Detector)}
        return replace(LEVELS[level], **{name: value for name, value in own.items() if value is not None})
