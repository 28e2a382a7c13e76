"""Detectors: the quantities of one, and the levels that have names."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Self

from edsym.errors import InputError


@dataclass(frozen=True)
class Detector:
    """How a detector shows spots; without arguments, as they are. Zero always means: no such effect.

    Attributes
    ----------
    position_error : float
        Standard deviation of each coordinate of a spot, 1/Å.
    centre_error : float
        Standard deviation of each coordinate of a shift of the whole pattern, 1/Å.
    scale_error : float
        Standard deviation of the factor, about 1, that the lengths of all views of a material are off by.
    ellipse_error : float
        Standard deviation of the share by which lengths along one axis are longer than those across it; the
        axis has a random direction, the same for all views of a material.
    intensity_error : float
        Standard deviation of the natural logarithm of a spot's intensity.
    threshold_low, threshold_high : float
        The faintest intensity that a pattern shows, as a share of the incident beam, is drawn between these,
        uniformly in its logarithm.
    dynamic_range : float
        Ratio of a pattern's brightest spot to the faintest that is shown beside it.
    electrons : float
        Electrons of the incident beam a pattern: intensities are counts of these (Poisson).
    lost : float
        Share of the spots that are not found.
    spurious : float
        Spots that are none, on average, as a share of the pattern's number of spots.
    q_max : float
        Largest length of a spot's scattering vector, 1/Å.
    resolution : float
        Distance below which spots merge into one, 1/Å.
    """

    position_error: float = 0.0
    centre_error: float = 0.0
    scale_error: float = 0.0
    ellipse_error: float = 0.0
    intensity_error: float = 0.0
    threshold_low: float = 0.0
    threshold_high: float = 0.0
    dynamic_range: float = 0.0
    electrons: float = 0.0
    lost: float = 0.0
    spurious: float = 0.0
    q_max: float = 0.0
    resolution: float = 0.0

    @property
    def ideal(self) -> bool:
        """Whether spots are shown as they are."""
        return not any(asdict(self).values())

    @classmethod
    def stored(cls, values: Mapping, source: str) -> Self:
        """Return the detector that a file describes; a file that has nothing to say of one knows none.

        Raises
        ------
        InputError
            Names the file, if a quantity is missing, unknown or not a number of 0 or more.
        """
        names = [field.name for field in fields(cls)]
        numbers = isinstance(values, Mapping) and all(type(v) in (int, float) for v in values.values())
        if not numbers or set(values) != set(names) or min(values.values()) < 0:
            raise InputError(
                f"{source}: {values!r} is no detector, expected a number of at least 0 for each of "
                f"{', '.join(names)}"
            )
        return cls(**values)


LEVELS = {
    "ideal": Detector(),
    "good": Detector(
        position_error=0.001,
        centre_error=0.001,
        scale_error=0.0033,
        ellipse_error=0.0017,
        intensity_error=0.1,
        threshold_low=0.3e-4,
        threshold_high=0.7e-3,
        lost=0.017,
        spurious=0.007,
    ),
    "typical": Detector(
        position_error=0.003,
        centre_error=0.003,
        scale_error=0.01,
        ellipse_error=0.005,
        intensity_error=0.3,
        threshold_low=1e-4,
        threshold_high=2e-3,
        lost=0.05,
        spurious=0.02,
    ),
    "poor": Detector(
        position_error=0.008,
        centre_error=0.008,
        scale_error=0.027,
        ellipse_error=0.013,
        intensity_error=0.8,
        threshold_low=2.7e-4,
        threshold_high=5.3e-3,
        lost=0.13,
        spurious=0.053,
    ),
}
"""Detectors by name; `good` and `poor` are about a third and eight thirds of `typical`."""
