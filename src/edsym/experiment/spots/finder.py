"""The spots of one pattern: which places are surely brighter than what lies under them, and where exactly."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import fft
from scipy.ndimage import uniform_filter
from scipy.signal import fftconvolve

from edsym.experiment.spots.background import distances, levels, round_image, under_probe, with_local
from edsym.experiment.spots.chance import level_of
from edsym.experiment.spots.fitting import fit
from edsym.experiment.spots.grain import measured_grain
from edsym.experiment.spots.peaks import apart, brightest, cover, local_maxima, significances
from edsym.experiment.spots.pixels import electrons, problem_of
from edsym.experiment.spots.probe import Probe

MIN_SPOTS = 5
"""Fewer spots say nothing of a crystal."""

_COVERED = 0.5  # share of a probe that must lie on good pixels
_PASSES = 4  # background, spots over it, background without them, ...
_SUSPECT = 3.0  # standard deviations that keep a place out of the background
_GRAINY = 2  # from this pass on the grain of the background is measured
_LOCAL = 4.0  # half the width of the local background, in radii


@dataclass(frozen=True)
class Found:
    """What was found in one pattern.

    Attributes
    ----------
    y, x : (n,) array
        Spots in pixels, without the direct beam, the brightest first.
    intensity : (n,) array
        Above background and neighbours, in the units of the image.
    error : (n,) array
        Standard deviation of a coordinate in pixels.
    significance : (n,) array
        In standard deviations.
    centre : (2,) array
        y and x of the direct beam; NaN where it cannot be measured.
    beam : float
        Intensity of the direct beam; NaN where it cannot be measured.
    background : float
        Mean of a pixel under the spots, in the units of the image.
    noise : float
        Relative standard deviation of the background on the area of a spot, beyond that of counting.
    reason : str
        Why the pattern cannot be used, or nothing.
    """

    y: np.ndarray
    x: np.ndarray
    intensity: np.ndarray
    error: np.ndarray
    significance: np.ndarray
    centre: np.ndarray
    beam: float
    background: float
    noise: float
    reason: str = ""


def nothing(reason: str) -> Found:
    """Return what is found in a pattern that cannot be used."""
    none, nan = np.empty(0), float("nan")
    return Found(none, none, none, none, none, np.full(2, nan), nan, nan, nan, reason)


@dataclass(frozen=True)
class Finder:
    """Finds the spots of patterns of one detector and one probe.

    Attributes
    ----------
    good : (H, W) array of bool
        Pixels that measure.
    probe : Probe
        What a spot looks like.
    aspect : (2,) array
        Height and width of a pixel over their geometric mean.
    gain, pedestal : float
        A value is ``gain * electrons + pedestal`` as far as its noise tells.
    false_spots : float
        False spots that a pattern may have on average.
    spacing : float
        Least distance of two spots in pixels.
    wander : float
        How far the direct beam may be from where it is expected, in pixels; 0: it is where it is expected.
    """

    good: np.ndarray
    probe: Probe
    aspect: np.ndarray
    gain: float
    pedestal: float
    false_spots: float
    spacing: float
    wander: float

    def __call__(self, values: np.ndarray, expected: np.ndarray) -> Found:
        """Return the spots of a pattern (H, W) whose direct beam is expected at y and x."""
        values = np.asarray(values, np.float32)
        problem = problem_of(values, self.good)
        if problem:
            return nothing(problem)
        image, good = electrons(values, self.good, self.gain, self.pedestal)
        return _Search(self, image, good, expected).found()

    @cached_property
    def share(self) -> float:
        """Area of a probe over the good pixels of the square that tells its background, on average."""
        side = 2 * round(_LOCAL * self.probe.radius) + 1
        pixels = uniform_filter(self.good.astype(float), side, mode="constant")[self.covered] * side**2
        return float((self.area / np.maximum(pixels, self.area)).mean())

    @cached_property
    def template(self) -> np.ndarray:
        """The probe on pixels, 1 in its middle."""
        return self.probe.image(self.aspect)

    @cached_property
    def kernel(self) -> np.ndarray:
        """The probe on pixels, of which a sum with these weights is as so many counts."""
        return self.template * self.template.sum() / (self.template**2).sum()

    @cached_property
    def area(self) -> float:
        """Pixels that a probe covers, as far as noise goes."""
        return float(self.template.sum() ** 2 / (self.template**2).sum())

    @cached_property
    def threshold(self) -> float:
        """Significance that noise exceeds `false_spots` times a pattern."""
        return level_of(self.false_spots, int(self.covered.sum()), self.kernel)

    @cached_property
    def _padded(self) -> tuple[int, int]:
        """Size of the transforms: half a probe more, which is what wraps around the borders."""
        size = np.array(self.good.shape) + np.array(self.kernel.shape) // 2
        return tuple(fft.next_fast_len(int(n), real=True) for n in size)

    @cached_property
    def _transformed(self) -> np.ndarray:
        return fft.rfft2(self.kernel, self._padded)

    def correlated(self, image: np.ndarray) -> np.ndarray:
        """Return the sum of an image with the weights of the probe at every pixel."""
        n, m = (k // 2 for k in self.kernel.shape)
        full = fft.irfft2(fft.rfft2(image, self._padded) * self._transformed, self._padded)
        return full[n : n + image.shape[0], m : m + image.shape[1]]

    @cached_property
    def coverage(self) -> np.ndarray:
        """What share of a probe lies on good pixels."""
        return np.clip(self.correlated(self.good.astype(float)) / self.kernel.sum(), 0, 1)

    @cached_property
    def middle(self) -> np.ndarray:
        """How far (2, H, W), along y and x, good pixels under a probe are from its middle on average."""
        n, m = (k // 2 for k in self.kernel.shape)
        away = np.mgrid[-n : n + 1, -m : m + 1] * self.kernel
        moments = [fftconvolve(self.good, part[::-1, ::-1], "same") for part in away]
        return np.array(moments) / np.maximum(self.coverage * self.kernel.sum(), 1)

    @cached_property
    def covered(self) -> np.ndarray:
        """Where enough of a probe lies on good pixels."""
        return self.coverage >= _COVERED


class _Search:
    """One pattern on its way."""

    def __init__(self, finder: Finder, image: np.ndarray, good: np.ndarray, expected: np.ndarray):
        self.finder, self.image, self.good = finder, image, good
        self.on = finder.correlated(image)
        self.grain = np.zeros(1), np.zeros(1)
        self.start = self._beam(expected)
        self.centre = expected if self.start is None else self.start

    def found(self) -> Found:
        ground, places = self._ground()
        model, y, x, height, error, sure = self._fitted(ground, places)
        kept = self._kept(y, x, height, sure)
        more = self._overlooked(model, y, x)
        if len(more) or not kept.all():
            places = np.concatenate([np.stack([y, x], 1)[kept], more])
            model, y, x, height, error, sure = self._fitted(ground, places)
            kept = self._kept(y, x, height, sure)
        return self._result(ground, y[kept], x[kept], height[kept], error[kept], sure[kept])

    def _beam(self, expected: np.ndarray) -> np.ndarray | None:
        """Return where the direct beam is to a pixel, or None if it is not looked for."""
        f = self.finder
        if not f.wander:
            return None
        row, column = brightest(self.on, f.covered, *expected, f.wander, *f.aspect)
        return None if row < 0 else np.array([row, column], float)

    def _ground(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the background and where spots stand out; ``grain`` is then known."""
        f = self.finder
        radius = f.probe.radius + 2 * f.probe.edge + 0.5
        around = [self.centre] * (self.start is not None)
        reach = int(np.ceil(f.probe.radius))
        rho = distances(*np.zeros((2, *self.image.shape)), *self.centre, *f.aspect)
        middle = distances(*f.middle, *self.centre, *f.aspect)
        places = bright = np.empty((0, 2))
        for k in range(_PASSES):
            hidden = bright if k == _GRAINY else places  # what looked like weak spots may be grain
            free = self._without(np.array([*around, *hidden]), radius)
            level = levels(self.image, free, rho, reach)
            last = k == _PASSES - 1
            if k >= _GRAINY:
                ground = round_image(level, rho)
                if last:
                    ground = with_local(self.image, free, ground, round(_LOCAL * f.probe.radius), reach)
                wide = self._without(np.array([*around, *bright]), radius)
                self.grain = measured_grain(self.image, ground, wide, f.area, f.share)
            if last:
                off = f.correlated(ground * f.good)
            else:  # what depends on the distance alone does so under a probe, too
                off = f.coverage * round_image(under_probe(level, f.kernel, *f.aspect), middle)
            least = f.threshold if last else _SUSPECT
            z, places = self._standing_out(off, f.covered, least)
            if k < _GRAINY:
                bright = places[z[*places.T] > f.threshold]
        return ground, places.astype(float)

    def _without(self, places: np.ndarray, radius: float) -> np.ndarray:
        """Return the good pixels that are further from all places than a radius."""
        free = self.good.copy()
        cover(free, *places.reshape(-1, 2).T.astype(float), radius, *self.finder.aspect)
        return free

    def _fitted(self, ground: np.ndarray, places: np.ndarray):
        """Return model, y, x, height, error and significance, the direct beam first if there is one."""
        f = self.finder
        if self.start is not None:
            distance = np.hypot(*((places - self.start) * f.aspect).T)
            places = np.concatenate([self.start[None], places[distance >= f.spacing]])
        y, x = np.ascontiguousarray(places.T)
        limit = max(1.0, f.probe.radius / 2)
        model, *rest = fit(
            self.image, self.good, ground, y, x, f.probe.profile, *f.aspect, f.share, *self.grain, limit, 6
        )
        return model, y, x, *rest

    def _kept(self, y, x, height, sure) -> np.ndarray:
        """Return which spots are sure and not one and the same; the direct beam stays."""
        f = self.finder
        inside = (np.abs(y - (self.image.shape[0] - 1) / 2) <= self.image.shape[0] / 2) & (
            np.abs(x - (self.image.shape[1] - 1) / 2) <= self.image.shape[1] / 2
        )
        kept = (sure >= f.threshold) & inside
        if self.start is not None:
            kept[0] = True
        first = int(self.start is not None)
        order = np.concatenate([np.arange(first), first + np.argsort(-height[first:], kind="stable")])
        apart(y, x, order, kept, f.spacing, *f.aspect)
        return kept

    def _overlooked(self, model: np.ndarray, y, x) -> np.ndarray:
        """Return where the pattern is brighter than background and spots."""
        f = self.finder
        elsewhere = f.covered.copy()
        cover(elsewhere, y, x, f.spacing, *f.aspect)
        return self._standing_out(f.correlated(model * f.good), elsewhere, f.threshold)[1].astype(float)

    def _standing_out(self, off: np.ndarray, allowed: np.ndarray, least: float):
        """Return significances over a background, and where counts are most above it and surely so.

        Significance itself has no sharp maximum on a bright spot: it hardly rises where the grain is coarse.
        """
        f = self.finder
        z = significances(self.on, off, f.share, *self.grain, least)
        return z, local_maxima(self.on - off, allowed & (z >= least), 0.0, f.spacing, *f.aspect)

    def _result(self, ground, y, x, height, error, sure) -> Found:
        f = self.finder
        intensity = height * f.template.sum() * f.gain
        centre, beam, first = np.full(2, np.nan), float("nan"), 0
        if self.start is not None:
            first = 1
            if sure[0] >= f.threshold:
                centre, beam = np.array([y[0], x[0]]), float(intensity[0])
        order = first + np.argsort(-intensity[first:], kind="stable")
        level = float(ground[self.good].mean()) * f.gain
        few = f"{len(order)} spots, fewer than {MIN_SPOTS}" if len(order) < MIN_SPOTS else ""
        columns = (v[order] for v in (y, x, intensity, error, sure))
        return Found(*columns, centre, beam, level, float(np.sqrt(np.median(self.grain[1]))), few)
