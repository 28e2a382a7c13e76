"""All spots of a pattern fitted together: each against the background and all the others."""

import numpy as np
from numba import njit

from edsym.experiment.spots.peaks import grain_at, significance
from edsym.experiment.spots.probe import STEP

_UNLIKE = 0.03
"""A spot differs by so much of its height from the probe, as real disks are not of one height."""

_DOUBT = 0.1
"""So much of what the neighbours put under a spot is doubted."""

_LARGEST_STEP = 0.5  # pixels
_STILL = 0.01  # pixels: a spot that moves less is left where it is


@njit(cache=True, nogil=True)
def fit(image, good, ground, y, x, profile, ay, ax, share, levels, grains, limit, rounds):
    """Fit probes by maximum likelihood (Fisher's scoring), in place of the positions.

    Parameters
    ----------
    image : (H, W) array
        Counts.
    good : (H, W) array of bool
        Pixels that count.
    ground : (H, W) array
        The background.
    y, x : (n,) arrays
        Where they are, roughly, in pixels; overwritten.
    profile : (K,) array
        Of the probe, at distances of `STEP`.
    ay, ax : float
        Height and width of a pixel over their geometric mean.
    share, levels, grains : float, (K,) arrays
        As `edsym.experiment.spots.peaks.significances` takes them.
    limit : float
        No spot goes further than this from where it began, in pixels.
    rounds : int
        Most rounds over all spots.

    Returns
    -------
    model : (H, W) array
        Background and spots.
    height : (n,) array
        Counts in the middle.
    error : (n,) array
        Standard deviation of a coordinate in pixels.
    sure : (n,) array
        Significance over background and neighbours.
    """
    n, model = len(y), ground.copy()
    height, error, sure = np.zeros(n), np.zeros(n), np.zeros(n)
    start_y, start_x, moving = y.copy(), x.copy(), np.ones(n, np.bool_)
    reach = STEP * (len(profile) - 1)
    size = int(2 * reach / ay) + 2, int(2 * reach / ax) + 2
    shapes, slopes = np.zeros((n, *size)), np.zeros((n, *size))  # of all spots where they are now
    windows = np.zeros((n, 4), np.int64)
    for k in range(n):
        windows[k] = _draw(shapes[k], slopes[k], image.shape, y[k], x[k], profile, ay, ax)
        height[k] = _first_height(image, good, ground, windows[k], shapes[k])
        _add(model, windows[k], shapes[k], height[k])
    for _ in range(rounds):
        for k in np.flatnonzero(moving):
            dh, dy, dx, error[k] = _step(
                image, good, model, windows[k], shapes[k], slopes[k], y[k], x[k], height[k], ay, ax
            )
            _add(model, windows[k], shapes[k], -height[k])
            y[k] = min(max(y[k] + dy, start_y[k] - limit), start_y[k] + limit)
            x[k] = min(max(x[k] + dx, start_x[k] - limit), start_x[k] + limit)
            height[k] = max(height[k] + dh, 0.1 * height[k])
            windows[k] = _draw(shapes[k], slopes[k], image.shape, y[k], x[k], profile, ay, ax)
            _add(model, windows[k], shapes[k], height[k])
            moving[k] = max(abs(dy), abs(dx)) > _STILL
    for k in range(n):
        sure[k] = _surety(image, good, model, ground, windows[k], shapes[k], height[k], share, levels, grains)
    return model, height, error, sure


@njit(cache=True, nogil=True)
def _draw(shapes, slopes, size, y, x, profile, ay, ax):
    """Write height and slope of a probe on the pixels around it, and return which these are."""
    last = len(profile) - 1
    reach = STEP * last
    i0, i1 = max(int(np.ceil(y - reach / ay)), 0), min(int(y + reach / ay) + 1, size[0])
    j0, j1 = max(int(np.ceil(x - reach / ax)), 0), min(int(x + reach / ax) + 1, size[1])
    for i in range(i0, i1):
        for j in range(j0, j1):
            rho = np.sqrt(((i - y) * ay) ** 2 + ((j - x) * ax) ** 2)
            place = rho / STEP
            k = int(place)
            if k >= last:
                shapes[i - i0, j - j0] = slopes[i - i0, j - j0] = 0.0
            else:
                rise = profile[k + 1] - profile[k]
                shapes[i - i0, j - j0] = profile[k] + (place - k) * rise
                slopes[i - i0, j - j0] = rise / STEP / max(rho, 1e-9)
    return np.array([i0, i1, j0, j1])


@njit(cache=True, nogil=True)
def _add(model, window, shape, height):
    i0, i1, j0, j1 = window
    for i in range(i0, i1):
        for j in range(j0, j1):
            model[i, j] += height * shape[i - i0, j - j0]


@njit(cache=True, nogil=True)
def _first_height(image, good, ground, window, shape):
    i0, i1, j0, j1 = window
    above, square = 0.0, 1e-9
    for i in range(i0, i1):
        for j in range(j0, j1):
            if good[i, j]:
                t = shape[i - i0, j - j0]
                above += t * (image[i, j] - ground[i, j])
                square += t * t
    return max(above / square, 1e-6)


@njit(cache=True, nogil=True)
def _step(image, good, model, window, shape, slope, y, x, height, ay, ax):
    """Return how height, y and x change in one round, and the standard deviation of a coordinate."""
    i0, i1, j0, j1 = window
    a, b = np.zeros((3, 3)), np.zeros(3)
    unlike = (_UNLIKE * height) ** 2
    for i in range(i0, i1):
        for j in range(j0, j1):
            t = shape[i - i0, j - j0]
            if t == 0 or not good[i, j]:
                continue
            pull = -height * slope[i - i0, j - j0]
            gy, gx = pull * (i - y) * ay * ay, pull * (j - x) * ax * ax
            w = 1 / (max(model[i, j], 1e-6) + unlike)
            r = (image[i, j] - model[i, j]) * w
            b[0] += t * r
            b[1] += gy * r
            b[2] += gx * r
            a[0, 0] += t * t * w
            a[0, 1] += t * gy * w
            a[0, 2] += t * gx * w
            a[1, 1] += gy * gy * w
            a[1, 2] += gy * gx * w
            a[2, 2] += gx * gx * w
    a[1, 0], a[2, 0], a[2, 1] = a[0, 1], a[0, 2], a[1, 2]
    for k in range(3):  # a spot at the border may show one side only
        a[k, k] = 1.001 * a[k, k] + 1e-12
    back = np.linalg.inv(a)
    d = back @ b
    size = np.hypot(d[1], d[2])
    if size > _LARGEST_STEP:
        d[1:] *= _LARGEST_STEP / size
    return d[0], d[1], d[2], np.sqrt((back[1, 1] + back[2, 2]) / 2)


@njit(cache=True, nogil=True)
def _surety(image, good, model, ground, window, shape, height, share, levels, grains):
    i0, i1, j0, j1 = window
    on, off, square, others = 0.0, 1e-12, 1e-12, 0.0
    for i in range(i0, i1):
        for j in range(j0, j1):
            if good[i, j]:
                t = shape[i - i0, j - j0]
                rest = max(model[i, j] - height * t, 0.0)
                on += t * image[i, j]
                off += t * rest
                square += t * t * rest
                others += t * max(rest - ground[i, j], 0.0)
    scale = square / off  # a sum with weights is as so many counts
    grain = grain_at((off - others) / scale, levels, grains) + (_DOUBT * others / off) ** 2
    return significance(max(on, 0.0) / scale, off / scale, share, grain)
