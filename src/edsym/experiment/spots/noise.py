"""How the noise of a detector grows with what it measures."""

import numpy as np
from numba import njit

CALM = 0.25
"""Quantile of the blocks of a pattern that are taken to hold no edge of a spot."""

_BLOCKS = 12  # along each axis
_FEWEST = 8  # pixels that tell the noise of a block
_CLOSE_TO_ONE = 0.25  # so near are the gains of whole numbers that count electrons
_LAPLACIAN = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]]) / 6.0


def noise_of(values: np.ndarray, free: np.ndarray, counts: bool, quantile: float) -> tuple[float, float]:
    """Return gain and pedestal: the variance of a pixel is the gain times what it has above the pedestal.

    Parameters
    ----------
    values : (n, H, W) array
        Patterns.
    free : (n, H, W) array of bool
        Pixels that measure and are not at the edge of a spot, as far as is known.
    counts : bool
        Whether values are whole numbers. If their noise is that of counted electrons, they are taken as such.
    quantile : float
        Of the blocks of like brightness: 0.5, or less where some lie at the edges of spots.
    """
    blocks = [_blocks(image, pixels) for image, pixels in zip(values, free, strict=True)]
    mean, variance = np.concatenate(blocks).T
    if not len(mean):
        return 1.0, 0.0
    if counts and values.min() >= 0:
        bins = _bins(mean, variance, quantile)
        ratio = float(bins[1].sum() / max(bins[0].sum(), 1e-12))
        if abs(ratio - 1) < _CLOSE_TO_ONE:
            return 1.0, 0.0
    return _line(*_bins(mean, variance, quantile))


@njit(cache=True, nogil=True)
def _blocks(image, free):
    """Return mean and variance (n, 2) of the blocks of a pattern, from what differs between neighbours."""
    height, width = image.shape
    total = np.zeros((_BLOCKS * _BLOCKS, 3))
    for i in range(1, height - 1):
        for j in range(1, width - 1):
            if not free[i - 1 : i + 2, j - 1 : j + 2].all():
                continue
            smooth, rough = 0.0, 0.0
            for a in range(3):
                for b in range(3):
                    smooth += image[i + a - 1, j + b - 1] / 9
                    rough += image[i + a - 1, j + b - 1] * _LAPLACIAN[a, b]
            block = i * _BLOCKS // height * _BLOCKS + j * _BLOCKS // width
            total[block] += np.array([smooth, rough * rough, 1.0])
    total = total[total[:, 2] > _FEWEST]
    return total[:, :2] / total[:, 2:]


def _bins(mean: np.ndarray, variance: np.ndarray, quantile: float) -> tuple[np.ndarray, np.ndarray]:
    """Return means and variances of blocks of like brightness: of variances a quantile, for 0.5 the mean."""
    order = np.argsort(mean, kind="stable")
    parts = [part for part in np.array_split(order, 12) if len(part)]
    low = [variance[p].mean() if quantile == 0.5 else np.quantile(variance[p], quantile) for p in parts]
    return np.array([mean[p].mean() for p in parts]), np.array(low)


def _line(mean: np.ndarray, variance: np.ndarray) -> tuple[float, float]:
    """Return slope of a line of variance over mean, and where it reaches 0."""
    scale = max(float(np.abs(mean).max()), 1e-12)
    weight = 1 / (variance + 0.01 * variance.max() + 1e-12 * scale)
    design = np.stack([mean, np.ones_like(mean)], 1) * weight[:, None]
    slope, floor = np.linalg.lstsq(design, variance * weight, rcond=None)[0]
    if not slope > 1e-9 * scale:  # no more noise where there is more: only that of reading
        slope = max(float(np.median(variance)) / scale, 1e-9 * scale)
        floor = float(np.median(variance)) - slope * float(np.median(mean))
    return float(slope), float(-floor / slope)
