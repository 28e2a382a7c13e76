"""Correlations with the probe that are sharper than counts under it: where spots may be looked for, too."""

import numpy as np
from numba import njit
from scipy import fft

from edsym.experiment.spots.chance import level_of
from edsym.experiment.spots.peaks import LEAST, grain_at

POWERS = {"cross": 1.0, "hybrid": 0.5, "phase": 0.0}
"""Correlations by the power of the cross power spectrum. Cross is the sum of counts under the probe."""

_QUARTILES = 1.349  # standard deviations from one to the other in a normal distribution
_EVERY = 2  # row and column tell them


def sharp_level(correlation: str, false: float, places: int, kernel: np.ndarray) -> float:
    """Return the level that white noise exceeds so many times in a hybrid or phase correlation.

    The amplitudes in the spectrum of white noise are alike on average, so that the correlation's are the
    probe's to the power: it is as smooth as noise under the kernel with that spectrum.

    Parameters
    ----------
    correlation : str
        Hybrid or phase.
    false, places, kernel
        As `edsym.experiment.spots.chance.level_of` takes them.

    Returns
    -------
    float
        In standard deviations of the correlation.
    """
    size = tuple(2 * n for n in kernel.shape)
    spectrum = np.abs(fft.rfft2(kernel, size)) ** POWERS[correlation]
    return level_of(false, places, fft.fftshift(fft.irfft2(spectrum, size)))


def sharp_correlation(
    residual: np.ndarray, transformed: np.ndarray, padded: tuple[int, int], correlation: str
) -> np.ndarray:
    """Return the transform of ``G |G|^(p - 1)``, where G is the cross power spectrum, p 1/2 or 0.

    T. C. Pekin et al., Ultramicroscopy 176, 170 (2017), doi:10.1016/j.ultramic.2016.12.021.

    Parameters
    ----------
    residual : (H, W) array
        What a pattern has over its background.
    transformed : array
        Transform of the probe, whose corner is the first pixel.
    padded : (int, int)
        Size of the transforms.
    correlation : str
        Hybrid or phase.
    """
    spectrum = fft.rfft2(residual, padded) * transformed
    spectrum *= np.maximum(np.abs(spectrum), LEAST) ** (POWERS[correlation] - 1)
    return fft.irfft2(spectrum, padded)


def in_deviations(values: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Return values (H, W) over the median of those counted, in standard deviations by their quartiles."""
    some = values[::_EVERY, ::_EVERY][counted[::_EVERY, ::_EVERY]]
    if not some.size:
        return np.zeros_like(values)
    low, middle, high = np.percentile(some, [25, 50, 75])
    return (values - middle) * (_QUARTILES / max(high - low, LEAST))


@njit(cache=True, nogil=True)
def standardised(image, counted, model, area, levels, grains):
    """Return what an image has over a model in standard deviations, 0 where a pixel does not count.

    Parameters
    ----------
    image, model : (H, W) arrays
        Counts, and those expected.
    counted : (H, W) array of bool
        Pixels that count.
    area : float
        Pixels that a spot covers; on so many together, the grain adds to the variance of counting.
    levels, grains : (K,) arrays
        As `edsym.experiment.spots.grain.measured_grain` returns them.
    """
    out = np.zeros(image.shape)
    for i in range(image.shape[0]):
        for j in range(image.shape[1]):
            if counted[i, j]:
                under = area * model[i, j]
                variance = model[i, j] * (1 + under * grain_at(under, levels, grains))
                out[i, j] = (image[i, j] - model[i, j]) / np.sqrt(max(variance, LEAST))
    return out
