"""The direct beam where it is hidden, by what lies on either side of it alike: g and -g."""

import numpy as np
from scipy import fft, ndimage

_OVERLAP = 0.5  # of the most that any middle has: fewer pixels on either side do not tell it
_LEAST_WEIGHT = 0.05  # of good pixels in a mean
_BRIGHTEST = 60  # spots of a pattern of which pairs are made
_FEWEST = 3  # pairs that tell it
_SHARP = 0.5  # pixels: so well the middles of pairs agree
_LEAST_ERROR = 0.05  # pixels
_ROUNDS = 10


def middle_of_image(image: np.ndarray, good: np.ndarray, blur: float) -> np.ndarray:
    """Return y and x (2,) of the point about which a half-turn leaves an image most alike.

    It is the maximum, in the middle half, of the correlation coefficient of the image with itself, turned,
    over pixels that are good in both (D. Padfield, IEEE Trans. Image Process. 21, 2706 (2012)).

    Parameters
    ----------
    image : (H, W) array
        Counts.
    good : (H, W) array of bool
        Pixels that measure.
    blur : float
        Standard deviation in pixels of what the image is smoothed by: spots of a lattice lie alike about
        points half-way between them, too, what is scattered diffusely about the direct beam alone.
    """
    size = tuple(2 * n - 1 for n in image.shape)
    padded = tuple(fft.next_fast_len(n, real=True) for n in size)
    weight = np.maximum(ndimage.gaussian_filter(good.astype(float), blur), _LEAST_WEIGHT)
    # of roots of counts, which have noise alike
    values = ndimage.gaussian_filter(np.sqrt(np.maximum(image, 0)) * good, blur) / weight * good
    values -= values[good].mean() * good
    mask, first, second = (fft.rfft2(v, padded) for v in (good.astype(float), values, values**2))

    def convolved(one, other):
        return fft.irfft2(one * other, padded)[: size[0], : size[1]]

    pixels = np.maximum(convolved(mask, mask), 1)
    common = convolved(first, mask) ** 2 / pixels
    varied = convolved(second, mask) - common
    alike = (convolved(first, first) - common) / np.maximum(varied, 1e-9 * varied.max())
    inner = np.zeros(size, bool)
    inner[tuple(slice(n // 4, n - n // 4) for n in size)] = True
    alike[~inner | (pixels < _OVERLAP * pixels[inner].max())] = -np.inf
    return np.array(np.unravel_index(alike.argmax(), size)) / 2


def middle_of_spots(y, x, intensity, error, expected: np.ndarray, reach: float) -> np.ndarray:
    """Return y and x (2,) where the middles of like pairs of spots agree best; NaN if too few do.

    Parameters
    ----------
    y, x, intensity, error : (n,) arrays
        Spots in pixels, and standard deviations of a coordinate.
    expected : (2,) array
        y and x where it is about.
    reach : float
        How far from there it may be, in pixels; middles of a lattice lie at half its distances, too.
    """
    first = np.argsort(-intensity, kind="stable")[:_BRIGHTEST]
    a, b = (first[k] for k in np.triu_indices(len(first), 1))
    middle = np.stack([y[a] + y[b], x[a] + x[b]], 1) / 2
    away = ((middle - expected) ** 2).sum(axis=1)
    near = away <= reach**2
    a, b, middle = a[near], b[near], middle[near]
    if len(middle) < _FEWEST:
        return np.full(2, np.nan)
    alike = np.minimum(intensity[a], intensity[b]) / np.maximum(intensity[a], intensity[b])
    weight = alike**2 / ((error[a] ** 2 + error[b] ** 2) / 4 + _LEAST_ERROR**2)
    apart = ((middle[:, None] - middle) ** 2).sum(axis=2)
    votes = np.exp(-apart / (2 * _SHARP**2)) @ weight * np.exp(-4.5 * away[near] / reach**2)
    place = middle[votes.argmax()]
    for _ in range(_ROUNDS):
        nearness = weight * np.exp(-((middle - place) ** 2).sum(axis=1) / (2 * _SHARP**2))
        place = nearness @ middle / nearness.sum()
    told = (((middle - place) ** 2).sum(axis=1) < (2 * _SHARP) ** 2).sum()
    return place if told >= _FEWEST else np.full(2, np.nan)
