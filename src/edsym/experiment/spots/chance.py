"""How often noise alone stands out, when it is looked for at every pixel of an image."""

import numpy as np
from scipy.optimize import brentq
from scipy.signal import fftconvolve
from scipy.special import ndtr, ndtri

_LOWEST, _HIGHEST = 1.5, 12.0  # standard deviations; below, whatever is above is one patch
_NODES = 16  # of an integral, along each axis: three times as many change the level by less than 0.002
_SMALLEST = 1e-10  # part of the variance: neighbours of a smooth field are almost alike


def level_of(false: float, places: int, kernel: np.ndarray) -> float:
    """Return the level that white noise, correlated with a kernel, exceeds so many times in an image.

    Values of neighbouring pixels are almost alike, so that there are fewer trials than pixels; but the higher
    the level, the smaller the patches above it: no number of trials holds for all levels.

    Parameters
    ----------
    false : float
        Patches above the level that are expected.
    places : int
        Pixels that are looked at.
    kernel : (n, m) array
        Weights.

    Returns
    -------
    float
        In standard deviations, 1.5 at least.
    """
    near = _correlations(kernel)

    def excess(level: float) -> float:
        return places * _patches(level, near) - false

    if excess(_LOWEST) <= 0:
        return _LOWEST
    return float(brentq(excess, _LOWEST, _HIGHEST, xtol=1e-4))


def _correlations(kernel: np.ndarray) -> np.ndarray:
    """Return how alike the values at the corners of a square of four pixels are (4, 4)."""
    whole = fftconvolve(kernel, kernel[::-1, ::-1])
    corners = np.array([(0, 0), (0, 1), (1, 0), (1, 1)])
    away = corners[:, None] - corners + np.array(whole.shape) // 2
    return whole[away[..., 0], away[..., 1]] / whole.max()


def _patches(level: float, near: np.ndarray) -> float:
    """Return how many patches above a level a pixel has on average.

    It is the mean of Euler's characteristic: pixels less pairs of neighbours plus squares of four that are
    above (K. J. Worsley et al., Hum. Brain Mapp. 4, 58 (1996), for a field on a lattice).
    """
    pairs = sum(_all_above(level, near[np.ix_(pair, pair)]) for pair in ([0, 1], [0, 2]))
    return float(ndtr(-level)) - pairs + _all_above(level, near)


def _all_above(level: float, correlation: np.ndarray) -> float:
    """Return how likely normal variables (n,) are all above a level, by integrals over uniform ones.

    After A. Genz, J. Comput. Graph. Stat. 1, 141 (1992), eq. 5, at fixed nodes: the same at every call.
    """
    n = len(correlation)
    root = np.linalg.cholesky(correlation + _SMALLEST * np.eye(n))
    node, weight = np.polynomial.legendre.leggauss(_NODES)
    axes = np.meshgrid(*[(node + 1) / 2] * (n - 1), indexing="ij")
    total = np.ones([_NODES] * (n - 1))
    for axis in range(n - 1):
        total = total * (weight / 2).reshape([-1 if k == axis else 1 for k in range(n - 1)])
    values, share = [], ndtr(-level / root[0, 0])
    total = total * share
    for k in range(1, n):
        values.append(ndtri(np.maximum(axes[k - 1] * share, 1e-300)))
        share = ndtr((-level - sum(root[k, m] * values[m] for m in range(k))) / root[k, k])
        total = total * share
    return float(total.sum())
