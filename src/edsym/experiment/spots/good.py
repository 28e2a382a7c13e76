"""Which pixels measure: not those that are dark beside lit ones, as under a beam stop, nor hot ones."""

import numpy as np
from scipy import ndimage
from scipy.special import lambertw

_AROUND = np.ones((3, 3), int)
_MISSING = 20.0  # counts: chance leaves pixels dark that should have so many together once in e^20
_WIDTH = 7  # of the square around a pixel at the edge of what is dark, in pixels
_STEEP = 4.0  # counts: more do not count, as few pixels of a bright spot would tell too much
_SURE = 3.0  # standard deviations that are taken off the counts in such a square
_LARGEST = 0.1  # of the frame: what is larger is dark because nothing is there, unless
_SMOOTH = 0.1  # its edge has no more than so many of the lit pixels: it is a frame, no space between spots
_HOT = 8.0  # times the brightest neighbour


def good_pixels(values: np.ndarray, good: np.ndarray) -> np.ndarray:
    """Return which pixels measure: always numbers, not dark beside lit ones, and not hot.

    Parameters
    ----------
    values : (n, H, W) array
        Patterns, NaN where a pixel is not a number.
    good : (H, W) array of bool
        Those that the user leaves.
    """
    good = good & np.isfinite(values).any(axis=0)
    total = np.where(good, np.nansum(values, axis=0), 0)
    dark = good & (np.nanmax(values, axis=0) <= np.nanmin(values[:, good]))
    total = np.where(good, total - total[good].min(), 0)
    if len(values) > 1:  # in one alone, what is hot cannot be told from what is bright
        beside = ndimage.maximum_filter(total, footprint=_AROUND - np.pad([[1]], 1))
        good = good & (total <= _HOT * (beside + len(values)))
    return good & ~_dead(dark, good & ~dark, total)


def _dead(dark: np.ndarray, seen: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Return which dark pixels are nearer to a sharp edge of what is dark than to one where light fades."""
    edge = ndimage.binary_dilation(dark, _AROUND) & seen
    if not edge.any():
        return np.zeros_like(dark)
    counts, edges, lit, darks = (
        ndimage.uniform_filter(one.astype(float), _WIDTH) * _WIDTH**2
        for one in (np.minimum(total, _STEEP) * edge, edge, (total > _MISSING) & edge, dark)
    )
    sure = counts - _SURE * np.sqrt(np.maximum(counts, 0))
    mean = np.maximum(sure / np.maximum(edges, 1), 1 + 1e-9)  # of pixels that have one count at least
    mean = mean + lambertw(-mean * np.exp(-mean)).real
    sharp = (mean * darks > _MISSING) | (lit >= edges / 2)
    nearest = ndimage.distance_transform_edt(~edge, return_distances=False, return_indices=True)
    dead = dark & sharp[tuple(nearest)]
    patch, n = ndimage.label(dead, _AROUND)
    beside = ndimage.grey_dilation(patch, footprint=_AROUND)
    size, closed, open_ = (np.bincount(beside[w], minlength=n + 1) for w in (dead, edge, dark & ~dead))
    frame = (size < _LARGEST * dark.size) | (closed <= _SMOOTH * seen.sum())
    return dead & ((closed > open_) & frame)[patch]  # beside a bright spot alone, it is open
