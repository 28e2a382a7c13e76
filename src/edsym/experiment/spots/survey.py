"""What a sample of the patterns tells of all: good pixels, noise, the probe and the direct beam."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy import fft, ndimage

from edsym.errors import InputError
from edsym.experiment.descan import Descan, fitted_descan
from edsym.experiment.files.scan import Scan
from edsym.experiment.spots.finder import Finder
from edsym.experiment.spots.peaks import cover, local_maxima, significances
from edsym.experiment.spots.pixels import problem_of
from edsym.experiment.spots.probe import Probe, fitted_disk, measured_probe, radial_profile
from edsym.experiment.spots.search import spots_of

_SAMPLE, _SAMPLE_BYTES = 48, 2**28
_CALM = 0.25  # quantile of the blocks of a pattern that are taken to hold no edge of a spot
_BLOCKS = 12  # along each axis
_FEWEST = 8  # pixels that tell the noise of a block
_CLOSE_TO_ONE = 0.25  # so near are the gains of whole numbers that count electrons
_SURE = 6.0  # standard deviations
_SURE_ENOUGH = 20.0
_AROUND = np.ones((3, 3), int)
_LIT = 20.0  # counts that most pixels beside a dark patch have: chance leaves one dark once in e^20
_MOST = 0.5
_LARGEST_PATCH = 0.1  # of the frame: what is larger is dark because nothing is there
_HOT = 8.0  # times the brightest neighbour
_RADII = 14
_LARGEST_RADIUS = 0.12  # of the shorter side
_BEST = 60  # spots that tell the probe
_NO_GRAIN = np.zeros(1), np.zeros(1)
_LAPLACIAN = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]]) / 6.0


@dataclass(frozen=True)
class Survey:
    """What holds for all patterns of a scan.

    Attributes
    ----------
    finder : Finder
        With probe, good pixels and noise.
    descan : Descan
        Where the direct beam is.
    """

    finder: Finder
    descan: Descan


def sample_of(scan: Scan) -> tuple[np.ndarray, np.ndarray]:
    """Return numbers (n,) and values (n, H, W) of patterns evenly from all of a scan."""
    n = max(1, min(_SAMPLE, _SAMPLE_BYTES // (4 * scan.frame[0] * scan.frame[1]), len(scan)))
    numbers = np.unique(np.linspace(0, len(scan) - 1, n).round().astype(int))
    return numbers, np.stack([scan[int(p)] for p in numbers])


def survey(scan: Scan, mask, probe, center, false_spots: float, spacing: float | None) -> Survey:
    """Return what holds for all patterns, from a sample of them.

    The arguments are those of `edsym.find_spots`.
    """
    numbers, values = sample_of(scan)
    aspect = np.ones(2) if scan.pixel is None else scan.pixel / np.sqrt(scan.pixel.prod())
    usable = np.array([not problem_of(v, np.ones(scan.frame, bool)) for v in values])
    if not usable.any():
        why = problem_of(values[0], np.ones(scan.frame, bool))
        raise InputError(
            f"{scan.name}: none of {len(values)} patterns looked at can be used; the first: {why}"
        )
    numbers, values = numbers[usable], values[usable].astype(np.float64)
    good = good_pixels(np.where(np.isfinite(values), values, np.nan), _mask(mask, scan))
    values = np.where(good & np.isfinite(values), values, 0)
    where = None if center is None else np.asarray(center, float)[::-1]

    def finder(disk: Probe, noise: tuple[float, float], wander: float) -> Finder:
        least = max(1.5 * disk.radius, 2.0) if spacing is None else float(spacing)
        return Finder(good, disk, aspect, *noise, false_spots, least, wander)

    noise = noise_of(values, np.broadcast_to(good, values.shape), scan.counts, _CALM)
    electrons = np.maximum((values - noise[1]) / noise[0], 0) * good
    rough = _rough_beam(electrons.mean(axis=0), good) if where is None else where
    disk = _disk(electrons, good, aspect) if probe is None else _given(probe, aspect, scan.frame)
    wander = 0.0 if where is not None else max(min(scan.frame) / 8, 2 * disk.radius)
    first = finder(disk, noise, wander)
    found = [spots_of(first, v, rough) for v in values]
    noise = noise_of(values, _free(found, first), scan.counts, 0.5)
    if probe is None:  # the surer the probe, the surer the spots that tell it
        disk = _refined(electrons, found, disk, aspect, good)
        again = finder(disk, noise, wander)
        found = [spots_of(again, v, rough) for v in values]
        disk = _refined(electrons, found, disk, aspect, good)
    if where is not None:
        return Survey(finder(disk, noise, 0.0), Descan.constant(where))
    descan = fitted_descan(numbers, np.array([f.centre for f in found]), scan.shape, rough)
    reach = min(6 * descan.scatter + disk.radius + 2, wander)
    return Survey(finder(disk, noise, float(reach)), descan)


def _free(found, finder: Finder) -> np.ndarray:
    """Return the good pixels (n, H, W) away from spots and direct beam."""
    radius = finder.probe.radius + 3 * finder.probe.edge + 1
    out = np.repeat(finder.good[None], len(found), axis=0)
    for free, one in zip(out, found, strict=True):
        places = np.vstack([np.stack([one.y, one.x], 1), one.centre])
        cover(free, *places[np.isfinite(places).all(axis=1)].T.copy(), radius, *finder.aspect)
    return out


def _mask(mask, scan: Scan) -> np.ndarray:
    if mask is None:
        return np.ones(scan.frame, bool)
    bad = np.asarray(mask)
    if bad.shape != scan.frame or bad.dtype != bool:
        raise InputError(
            f"{scan.name}: mask is {bad.dtype} {bad.shape}, expected bool {scan.frame}, True where a pixel "
            "does not count"
        )
    if bad.mean() > 0.5:
        raise InputError(
            f"{scan.name}: mask leaves {(~bad).sum()} of {bad.size} pixels, expected half at least"
        )
    return ~bad


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
    patch, _ = ndimage.label(dark, _AROUND)
    beside = ndimage.grey_dilation(patch, footprint=_AROUND) * (good & ~dark)
    n = patch.max() + 1
    lit = np.bincount(beside[total - total[good].min() > _LIT], minlength=n)
    dead = lit >= _MOST * np.maximum(np.bincount(beside.ravel(), minlength=n), 1)
    dead = dark & (dead & (np.bincount(patch.ravel()) < _LARGEST_PATCH * good.size))[patch]
    good = good & ~dead
    if len(values) == 1:  # what is hot cannot be told from what is bright
        return good
    beside = ndimage.maximum_filter(np.where(good, total, 0), footprint=_AROUND - np.pad([[1]], 1))
    return good & ~(total - total[good].min() > _HOT * (beside - total[good].min() + len(values)))


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


def _rough_beam(mean: np.ndarray, good: np.ndarray) -> np.ndarray:
    """Return y and x of the brightest place, the more central of several that are about as bright."""
    smooth = ndimage.gaussian_filter(mean * good, max(1.0, min(mean.shape) / 100))
    middle = (np.array(mean.shape) - 1) / 2
    y, x = np.indices(mean.shape)
    distance = np.hypot((y - middle[0]) / mean.shape[0], (x - middle[1]) / mean.shape[1])
    return np.array(np.unravel_index((smooth * np.exp(-4 * distance**2)).argmax(), mean.shape), float)


def _disk(electrons: np.ndarray, good: np.ndarray, aspect: np.ndarray) -> Probe:
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


def _refined(electrons, found, disk: Probe, aspect: np.ndarray, good: np.ndarray) -> Probe:
    """Return the disk that fits the surest spots; the direct beam counts where there are few."""
    spots = [
        (s, k, y, x) for k, f in enumerate(found) for s, y, x in zip(f.significance, f.y, f.x, strict=True)
    ]
    spots = sorted((s for s in spots if s[0] > _SURE), reverse=True)[:_BEST]
    if len(spots) < _BEST:
        spots += [(0.0, k, *f.centre) for k, f in enumerate(found) if np.isfinite(f.centre).all()]
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


def _given(probe, aspect: np.ndarray, frame: tuple[int, int]) -> Probe:
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
    start = _rough_beam(image, everywhere)
    radius = max(np.sqrt((image > image.max() / 2).sum() / np.pi), 1.0)
    y, x = np.indices(image.shape)
    near = image * (np.hypot((y - start[0]) * aspect[0], (x - start[1]) * aspect[1]) < 2 * radius + 2)
    centre = np.array([(near * y).sum(), (near * x).sum()]) / near.sum()
    disk = fitted_disk(*radial_profile(image, centre, aspect, 1.6 * radius + 3), radius)
    if disk is None:
        raise InputError("probe: the image has no peak")
    return measured_probe(image, centre, aspect, disk)
