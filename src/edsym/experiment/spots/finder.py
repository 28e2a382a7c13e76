"""What is needed to find spots in the patterns of one detector and one probe, worked out once."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import fft
from scipy.ndimage import uniform_filter
from scipy.signal import fftconvolve

from edsym.experiment.spots.chance import level_of
from edsym.experiment.spots.correlation import in_deviations, sharp_correlation, sharp_level
from edsym.experiment.spots.probe import Probe

LOCAL = 4.0
"""Half the width of the local background, in radii."""

_COVERED = 0.5  # share of a probe that must lie on good pixels


@dataclass(frozen=True)
class Finder:
    """What patterns of one detector and one probe are searched with.

    Attributes
    ----------
    good : (H, W) array of bool
        Pixels that measure.
    probe : Probe
        What a spot looks like.
    aspect : (2,) array
        Height and width of a pixel over their geometric mean.
    gain, pedestal : float
        A value is ``gain * electrons + pedestal`` as far as its noise tells.
    false_spots : float
        False spots that a pattern may have on average.
    spacing : float
        Least distance of two spots in pixels.
    wander : float
        How far the direct beam may be from where it is expected, in pixels; 0: it is where it is expected.
    correlation : str
        Cross, hybrid or phase: of what spots are maxima.
    hidden : bool
        Whether the direct beam is hidden, and pairs of spots on either side tell where it is.
    """

    good: np.ndarray
    probe: Probe
    aspect: np.ndarray
    gain: float
    pedestal: float
    false_spots: float
    spacing: float
    wander: float
    correlation: str = "cross"
    hidden: bool = False

    @cached_property
    def share(self) -> float:
        """Area of a probe over the good pixels of the square that tells its background, on average."""
        side = 2 * round(LOCAL * self.probe.radius) + 1
        pixels = uniform_filter(self.good.astype(float), side, mode="constant")[self.covered] * side**2
        return float((self.area / np.maximum(pixels, self.area)).mean())

    @cached_property
    def template(self) -> np.ndarray:
        """The probe on pixels, 1 in its middle."""
        return self.probe.image(self.aspect)

    @cached_property
    def kernel(self) -> np.ndarray:
        """The probe on pixels, of which a sum with these weights is as so many counts."""
        return self.template * self.template.sum() / (self.template**2).sum()

    @cached_property
    def area(self) -> float:
        """Pixels that a probe covers, as far as noise goes."""
        return float(self.template.sum() ** 2 / (self.template**2).sum())

    @cached_property
    def threshold(self) -> float:
        """Significance that noise exceeds `false_spots` times a pattern."""
        return level_of(self.false_spots, int(self.covered.sum()), self.kernel)

    @cached_property
    def _padded(self) -> tuple[int, int]:
        """Size of the transforms: half a probe more, which is what wraps around the borders."""
        size = np.array(self.good.shape) + np.array(self.kernel.shape) // 2
        return tuple(fft.next_fast_len(int(n), real=True) for n in size)

    @cached_property
    def _transformed(self) -> np.ndarray:
        return fft.rfft2(self.kernel, self._padded)

    def correlated(self, image: np.ndarray) -> np.ndarray:
        """Return the sum of an image with the weights of the probe at every pixel."""
        n, m = (k // 2 for k in self.kernel.shape)
        full = fft.irfft2(fft.rfft2(image, self._padded) * self._transformed, self._padded)
        return full[n : n + image.shape[0], m : m + image.shape[1]]

    @cached_property
    def sharp_threshold(self) -> float:
        """What noise exceeds `false_spots` times a pattern in a hybrid or phase correlation."""
        return sharp_level(self.correlation, self.false_spots, int(self.covered.sum()), self.kernel)

    def sharp(self, residual: np.ndarray) -> np.ndarray:
        """Return the hybrid or phase correlation of what a pattern has over its background."""
        n, m = (k // 2 for k in self.kernel.shape)
        full = sharp_correlation(residual, self._transformed, self._padded, self.correlation)
        return in_deviations(full[n : n + residual.shape[0], m : m + residual.shape[1]], self.covered)

    @cached_property
    def coverage(self) -> np.ndarray:
        """What share of a probe lies on good pixels."""
        return np.clip(self.correlated(self.good.astype(float)) / self.kernel.sum(), 0, 1)

    @cached_property
    def middle(self) -> np.ndarray:
        """How far (2, H, W), along y and x, good pixels under a probe are from its middle on average."""
        n, m = (k // 2 for k in self.kernel.shape)
        away = np.mgrid[-n : n + 1, -m : m + 1] * self.kernel
        moments = [fftconvolve(self.good, part[::-1, ::-1], "same") for part in away]
        return np.array(moments) / np.maximum(self.coverage * self.kernel.sum(), 1)

    @cached_property
    def covered(self) -> np.ndarray:
        """Where enough of a probe lies on good pixels."""
        return self.coverage >= _COVERED
