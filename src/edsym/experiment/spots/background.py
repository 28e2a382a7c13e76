"""What lies under the spots: a part that depends on the distance from the direct beam, and a local one."""

import numpy as np
from numba import njit

_ENOUGH = 25.0  # counts in the rings of which a mean is taken
_LEAST = 1e-4  # counts of a pixel


@njit(cache=True, nogil=True)
def distances(dy, dx, cy, cx, ay, ax):
    """Return how far what is dy and dx (H, W) beside every pixel is from the direct beam, in pixels."""
    out = np.empty(dy.shape)
    for i in range(dy.shape[0]):
        for j in range(dy.shape[1]):
            out[i, j] = np.sqrt(((i + dy[i, j] - cy) * ay) ** 2 + ((j + dx[i, j] - cx) * ax) ** 2)
    return out


@njit(cache=True, nogil=True)
def levels(image, free, rho, reach):
    """Return the mean of an image at the distances 0, 1, 2, ... from the direct beam.

    Parameters
    ----------
    image : (H, W) array
        Counts.
    free : (H, W) array of bool
        Pixels that are under no spot and no mask.
    rho : (H, W) array
        As `distances` returns them.
    reach : int
        So many rings of one pixel on either side are averaged where there are few counts.

    Returns
    -------
    (K,) array
        From the rings next to it where a ring has no pixels.
    """
    n = int(rho.max()) + 3
    total, count = np.zeros(n + 1), np.zeros(n + 1)
    for i in range(image.shape[0]):
        for j in range(image.shape[1]):
            if free[i, j]:
                k = int(rho[i, j] + 0.5)
                total[k + 1] += image[i, j]
                count[k + 1] += 1
    total, count = np.cumsum(total), np.cumsum(count)
    level, known = np.zeros(n), np.zeros(n, np.bool_)
    for k in range(n):
        for wide in range(reach + 1):
            first, last = max(k - wide, 0), min(k + wide + 1, n)
            pixels, counts = count[last] - count[first], total[last] - total[first]
            if pixels > 0:
                level[k], known[k] = counts / pixels, True
                if counts >= _ENOUGH:
                    break
    _fill(level, known)
    return level


@njit(cache=True, nogil=True)
def round_image(level, rho):
    """Return the image (H, W) of what depends on the distance alone, above 0 everywhere."""
    out = np.empty(rho.shape)
    for i in range(rho.shape[0]):
        for j in range(rho.shape[1]):
            k = int(rho[i, j])
            out[i, j] = max(level[k] + (rho[i, j] - k) * (level[k + 1] - level[k]), _LEAST)
    return out


@njit(cache=True, nogil=True)
def under_probe(level, kernel, ay, ax):
    """Return what lies under a probe (K,) at the distances 0, 1, 2, ... of such a background.

    Parameters
    ----------
    level : (K,) array
        As `levels` returns it.
    kernel : (2 n + 1, 2 m + 1) array
        Weights of the pixels of a probe.
    ay, ax : float
        Height and width of a pixel over their geometric mean.
    """
    n, m, last = kernel.shape[0] // 2, kernel.shape[1] // 2, len(level) - 2
    out = np.zeros(len(level))
    for k in range(len(level)):
        for a in range(n + 1):  # the other half is the same
            for b in range(-m, m + 1):
                weight = kernel[a + n, b + m] * (1 + (a > 0))
                if weight > 0:
                    rho = min(np.sqrt((k + b * ax) ** 2 + (a * ay) ** 2), last + 1.0)
                    i = min(int(rho), last)
                    out[k] += weight * max(level[i] + (rho - i) * (level[i + 1] - level[i]), _LEAST)
    return out


@njit(cache=True, nogil=True)
def with_local(image, free, ground, half, reach):
    """Return a background with the mean of what is left over it in a square; few free pixels count less.

    Parameters
    ----------
    image, ground : (H, W) arrays
        Counts, and those expected.
    free : (H, W) array of bool
        Pixels that are under no spot and no mask.
    half : int
        Half the width of the square.
    reach : int
        A square with as many free pixels as a circle of this radius has its mean half counted.
    """
    height, width = image.shape
    rest, pixels = np.zeros((height + 1, width + 1)), np.zeros((height + 1, width + 1))
    for i in range(height):
        row_rest, row_pixels = 0.0, 0.0
        for j in range(width):
            if free[i, j]:
                row_rest += image[i, j] - ground[i, j]
                row_pixels += 1
            rest[i + 1, j + 1] = rest[i, j + 1] + row_rest
            pixels[i + 1, j + 1] = pixels[i, j + 1] + row_pixels
    out = ground.copy()
    few = np.pi * reach**2
    for i in range(height):
        a, b = max(i - half, 0), min(i + half + 1, height)
        for j in range(width):
            c, d = max(j - half, 0), min(j + half + 1, width)
            counts = rest[b, d] - rest[a, d] - rest[b, c] + rest[a, c]
            number = pixels[b, d] - pixels[a, d] - pixels[b, c] + pixels[a, c]
            out[i, j] = max(out[i, j] + counts / (number + few), _LEAST)
    return out


@njit(cache=True, nogil=True)
def _fill(level, known):
    """Put straight lines where nothing is known, and the nearest value at the ends."""
    last = -1
    for k in range(len(level)):
        if not known[k]:
            continue
        for m in range(last + 1, k):
            if last < 0:
                level[m] = level[k]
            else:
                level[m] = level[last] + (level[k] - level[last]) * (m - last) / (k - last)
        last = k
    for m in range(last + 1, len(level)):
        level[m] = level[last] if last >= 0 else 0.0
