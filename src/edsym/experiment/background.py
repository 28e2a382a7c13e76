"""What lies under the spots: a part that depends on the distance from the direct beam, and a local one."""

import numpy as np
from numba import njit

_ENOUGH = 25.0  # counts in the rings of which a mean is taken
_LEAST = 1e-4  # counts of a pixel


@njit(cache=True, nogil=True)
def background(image, free, cy, cx, ay, ax, reach, half):
    """Return the background of a pattern.

    Parameters
    ----------
    image : (H, W) array
        Counts.
    free : (H, W) array of bool
        Pixels that are under no spot and no mask.
    cy, cx : float
        The direct beam.
    ay, ax : float
        Height and width of a pixel over their geometric mean.
    reach : int
        So many rings of one pixel on either side are averaged where there are few counts.
    half : int
        Half the width of the square of which the local part is the mean; 0 is none.

    Returns
    -------
    (H, W) array
        Above 0 everywhere.
    """
    level = _levels(image, free, cy, cx, ay, ax, reach)
    out = np.empty(image.shape)
    for i in range(image.shape[0]):
        for j in range(image.shape[1]):
            rho = np.sqrt(((i - cy) * ay) ** 2 + ((j - cx) * ax) ** 2)
            k = int(rho)
            out[i, j] = level[k] + (rho - k) * (level[k + 1] - level[k])
    if half > 0:
        _add_local(image, free, out, half, reach)
    return np.maximum(out, _LEAST)


@njit(cache=True, nogil=True)
def _levels(image, free, cy, cx, ay, ax, reach):
    """Return the mean at the distances 0, 1, 2, ..., from the rings next to it where it has no pixels."""
    height, width = image.shape
    far = np.hypot(max(cy, height - 1 - cy) * ay, max(cx, width - 1 - cx) * ax)
    n = int(far) + 3
    total, count = np.zeros(n + 1), np.zeros(n + 1)
    for i in range(height):
        for j in range(width):
            if free[i, j]:
                k = int(np.sqrt(((i - cy) * ay) ** 2 + ((j - cx) * ax) ** 2) + 0.5)
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


@njit(cache=True, nogil=True)
def _add_local(image, free, out, half, reach):
    """Add the mean of what is left in a square; few free pixels count as much less."""
    height, width = image.shape
    rest, pixels = np.zeros((height + 1, width + 1)), np.zeros((height + 1, width + 1))
    for i in range(height):
        row_rest, row_pixels = 0.0, 0.0
        for j in range(width):
            if free[i, j]:
                row_rest += image[i, j] - out[i, j]
                row_pixels += 1
            rest[i + 1, j + 1] = rest[i, j + 1] + row_rest
            pixels[i + 1, j + 1] = pixels[i, j + 1] + row_pixels
    few = np.pi * reach**2
    for i in range(height):
        a, b = max(i - half, 0), min(i + half + 1, height)
        for j in range(width):
            c, d = max(j - half, 0), min(j + half + 1, width)
            counts = rest[b, d] - rest[a, d] - rest[b, c] + rest[a, c]
            number = pixels[b, d] - pixels[a, d] - pixels[b, c] + pixels[a, c]
            out[i, j] += counts / (number + few)
