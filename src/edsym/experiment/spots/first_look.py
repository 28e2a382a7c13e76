"""What patterns tell at first sight: where the direct beam is, roughly, and how large spots are."""

import numpy as np
from scipy import fft, ndimage

from edsym.errors import InputError
from edsym.experiment.spots.peaks import local_maxima, significances
from edsym.experiment.spots.probe import Probe, fitted_disk, measured_probe, radial_profile

_SURE = 6.0  # standard deviations
_SURE_ENOUGH = 20.0
_RADII = 14
_LARGEST_RADIUS = 0.12  # of the shorter side
_BEST = 60  # spots that tell the probe
_NO_GRAIN = np.zeros(1), np.zeros(1)


def rough_beam(mean: np.ndarray, good: np.ndarray) -> np.ndarray:
    """Return y and x of the brightest place, the more central of several that are about as bright."""
    smooth = ndimage.gaussian_filter(mean * good, max(1.0, min(mean.shape) / 100))
    middle = (np.array(mean.shape) - 1) / 2
    y, x = np.indices(mean.shape)
    distance = np.hypot((y - middle[0]) / mean.shape[0], (x - middle[1]) / mean.shape[1])
    return np.array(np.unravel_index((smooth * np.exp(-4 * distance**2)).argmax(), mean.shape), float)


def blob_probe(electrons: np.ndarray, good: np.ndarray, aspect: np.ndarray) -> Probe:
    """Return the disk that stands out best, of all sizes: a blob is as large as its significance says."""
    sizes = []
    largest = max(3.0, _LARGEST_RADIUS * min(good.shape))
    radii = np.geomspace(1.0, largest, _RADII)
    for image in electrons[np.argsort(-electrons.sum(axis=(1, 2)), kind="stable")[:4]]:
        sizes += _blobs(image, good, aspect, radii)
    if not sizes:
        return Probe.disk(2.0)
    sure, radius = np.array(sorted(sizes, key=lambda blob: blob[1])).T
    sure = np.minimum(sure, _SURE_ENOUGH)  # one halo is not worth more than many spots
    return Probe.disk(float(radius[np.searchsorted(np.cumsum(sure), sure.sum() / 2)]))  # weighted median


def _blobs(
    image: np.ndarray, good: np.ndarray, aspect: np.ndarray, radii: np.ndarray
) -> list[tuple[float, float]]:
    """Return significance and radius of the blobs of a pattern, no two of which overlap."""
    padded = tuple(fft.next_fast_len(n + int(4 * radii[-1]), real=True) for n in image.shape)
    transformed = fft.rfft2(image, padded), fft.rfft2(good.astype(float), padded)
    y, x = (np.minimum(np.arange(n), n - np.arange(n)) for n in padded)
    rho = np.hypot(y[:, None] * aspect[0], x * aspect[1])
    found = []
    for radius in radii:
        disk = np.clip(radius + 0.5 - rho, 0, 1)
        ring = np.clip(1.6 * radius + 1.5 - rho, 0, 1) - np.clip(radius + 1.5 - rho, 0, 1)
        shapes = [fft.rfft2(disk), fft.rfft2(ring)]
        (on, off), (pixels, beside) = (
            [fft.irfft2(one * shape, padded)[: good.shape[0], : good.shape[1]] for shape in shapes]
            for one in transformed
        )
        expected = off * pixels / np.maximum(beside, 1)
        z = significances(on, expected, float(disk.sum() / ring.sum()), *_NO_GRAIN, _SURE)
        whole = (pixels > 0.9 * disk.sum()) & (beside > 0.5 * ring.sum())
        for i, j in local_maxima(z, whole, _SURE, radius, *aspect):
            found.append((z[i, j], radius, i, j))
    found.sort(reverse=True)
    kept = []
    for z, radius, i, j in found:
        if all(np.hypot((i - a) * aspect[0], (j - b) * aspect[1]) > max(r, radius) for _, r, a, b in kept):
            kept.append((z, radius, i, j))
        if len(kept) == _BEST:
            break
    return [(float(z), float(radius)) for z, radius, _, _ in kept]


def refined_probe(electrons, found, disk: Probe, aspect: np.ndarray, good: np.ndarray) -> Probe:
    """Return the disk that fits the surest spots; the direct beam counts where there are few."""
    spots = [
        (s, k, y, x) for k, f in enumerate(found) for s, y, x in zip(f.significance, f.y, f.x, strict=True)
    ]
    spots = sorted((s for s in spots if s[0] > _SURE), reverse=True)[:_BEST]
    if len(spots) < _BEST:
        spots += [(0.0, k, *f.centre) for k, f in enumerate(found) if np.isfinite(f.beam)]
    reach = 1.6 * disk.radius + 3
    profiles, counts = [], []
    for _, k, y, x in spots:
        profile, count = radial_profile(np.where(good, electrons[k], np.nan), (y, x), aspect, reach)
        inner = profile[: max(int(disk.radius), 1)].mean()
        if inner > 0:
            profiles.append(profile * count / inner)
            counts.append(count)
    if not profiles:
        return disk
    count = np.sum(counts, axis=0)
    return fitted_disk(np.sum(profiles, axis=0) / np.maximum(count, 1), count, disk.radius) or disk


def given_probe(probe, aspect: np.ndarray, frame: tuple[int, int]) -> Probe:
    """Return the probe that a user gives: a radius in pixels, or an image of the beam without a crystal."""
    if np.ndim(probe) == 0:
        if not 0.5 <= float(probe) <= min(frame) / 4:
            raise InputError(f"probe is {probe!r}, expected a radius of 0.5 to {min(frame) / 4:g} pixels")
        return Probe.disk(float(probe))
    image = np.asarray(probe, float)
    if image.ndim != 2 or min(image.shape) < 8 or not np.isfinite(image).all():
        raise InputError(
            f"probe has the shape {image.shape}, expected a radius or an image (height, width) of numbers"
        )
    image = np.maximum(image - np.quantile(image, 0.25), 0)
    everywhere = np.ones(image.shape, bool)
    start = rough_beam(image, everywhere)
    radius = max(np.sqrt((image > image.max() / 2).sum() / np.pi), 1.0)
    y, x = np.indices(image.shape)
    near = image * (np.hypot((y - start[0]) * aspect[0], (x - start[1]) * aspect[1]) < 2 * radius + 2)
    centre = np.array([(near * y).sum(), (near * x).sum()]) / near.sum()
    disk = fitted_disk(*radial_profile(image, centre, aspect, 1.6 * radius + 3), radius)
    if disk is None:
        raise InputError("probe: the image has no peak")
    return measured_probe(image, centre, aspect, disk)
