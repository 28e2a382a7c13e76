"""The spots of one pattern: which places are surely brighter than what lies under them, and where exactly."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter

from edsym.experiment.spots.background import distances, levels, round_image, under_probe, with_local
from edsym.experiment.spots.correlation import standardised
from edsym.experiment.spots.finder import LOCAL, Finder
from edsym.experiment.spots.fitting import fit
from edsym.experiment.spots.friedel import middle_of_spots
from edsym.experiment.spots.grain import measured_grain
from edsym.experiment.spots.peaks import apart, brightest, cover, local_maxima, significances
from edsym.experiment.spots.pixels import electrons, problem_of

MIN_SPOTS = 5
"""Fewer spots say nothing of a crystal."""

_PASSES = 3  # background, spots over it, background without them, ...
_SUSPECT = 3.0  # standard deviations that keep a place out of the background
_AGAIN = {"cross": 1, "hybrid": 4, "phase": 4}  # times: in sharp correlations bright spots hide weak ones
_GRAINY = 2  # from this pass on the grain of the background is measured


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


def spots_of(finder: Finder, values: np.ndarray, expected: np.ndarray) -> Found:
    """Return the spots of a pattern (H, W) whose direct beam is expected at y and x."""
    values = np.asarray(values, np.float32)
    problem = problem_of(values, finder.good)
    if problem:
        return nothing(problem)
    image, good = electrons(values, finder.good, finder.gain, finder.pedestal)
    return _Search(finder, image, good, expected).found()


class _Search:
    """One pattern on its way."""

    def __init__(self, finder: Finder, image: np.ndarray, good: np.ndarray, expected: np.ndarray):
        self.finder, self.image, self.good = finder, image, good
        self.on = finder.correlated(image)
        self.grain = np.zeros(1), np.zeros(1)
        self.start = self._beam(expected)
        self.centre = expected if self.start is None else self.start

    def found(self) -> Found:
        ground = self._ground()
        places = self._searched(ground, self.finder.covered)
        model, y, x, height, error, sure = self._fitted(ground, places)
        kept = self._kept(y, x, height, sure)
        for _ in range(_AGAIN[self.finder.correlation]):
            more = self._overlooked(model, y, x)
            if kept.all() and not len(more):
                break
            places = np.concatenate([np.stack([y, x], 1)[kept], more])
            model, y, x, height, error, sure = self._fitted(ground, places)
            kept = self._kept(y, x, height, sure)
        return self._result(ground, y[kept], x[kept], height[kept], error[kept], sure[kept])

    def _beam(self, expected: np.ndarray) -> np.ndarray | None:
        """Return where the direct beam is to a pixel, or None if it is not looked for."""
        f = self.finder
        if not f.wander or f.hidden:
            return None
        row, column = brightest(self.on, f.covered, *expected, f.wander, *f.aspect)
        return None if row < 0 else np.array([row, column], float)

    def _ground(self) -> np.ndarray:
        """Return the background; ``grain`` is then known."""
        f = self.finder
        radius = f.probe.radius + 2 * f.probe.edge + 0.5
        around = [self.centre] * (self.start is not None)
        reach = int(np.ceil(f.probe.radius))
        rho = distances(*np.zeros((2, *self.image.shape)), *self.centre, *f.aspect)
        middle = distances(*f.middle, *self.centre, *f.aspect)
        places = bright = np.empty((0, 2))
        for k in range(_PASSES):
            hidden = bright if k == _GRAINY else places  # what looked like weak spots may be grain
            level = levels(self.image, self._without(np.array([*around, *hidden]), radius), rho, reach)
            if k >= _GRAINY:
                wide = self._without(np.array([*around, *bright]), radius)
                self.grain = measured_grain(self.image, round_image(level, rho), wide, f.area, f.share)
            # what depends on the distance alone does so under a probe, too
            off = f.coverage * round_image(under_probe(level, f.kernel, *f.aspect), middle)
            z, places = self._standing_out(off, f.covered, _SUSPECT)
            if k < _GRAINY:
                bright = places[z[*places.T] > f.threshold]
        free = self._without(np.array([*around, *places]), radius)
        ground = round_image(levels(self.image, free, rho, reach), rho)
        ground = with_local(self.image, free, ground, round(LOCAL * f.probe.radius), reach)
        wide = self._without(np.array([*around, *bright]), radius)
        self.grain = measured_grain(self.image, ground, wide, f.area, f.share)
        return ground

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
        elsewhere = self.finder.covered.copy()
        cover(elsewhere, y, x, self.finder.spacing, *self.finder.aspect)
        return self._searched(model, elsewhere)

    def _searched(self, model: np.ndarray, allowed: np.ndarray) -> np.ndarray:
        """Return where spots may be (n, 2) over a model (H, W), by the correlation that was chosen."""
        f = self.finder
        off = f.correlated(model * f.good)
        if f.correlation == "cross":
            return self._standing_out(off, allowed, f.threshold)[1].astype(float)
        around = [self.centre] * (self.start is not None)  # so bright a beam would set all phases
        counted = self._without(np.array(around), f.probe.reach + 1) & self.good
        sharp = f.sharp(standardised(self.image, counted, model, f.area, *self.grain))
        z = significances(self.on, off, f.share, *self.grain, f.threshold)
        allowed = allowed & (maximum_filter(z, 3) >= f.threshold)  # the maxima lie a pixel apart at most
        return local_maxima(sharp, allowed, f.sharp_threshold, f.spacing, *f.aspect).astype(float)

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
        centre, beam, spot = self._told_apart(y, x, intensity, error, sure)
        order = np.flatnonzero(spot)[np.argsort(-intensity[spot], kind="stable")]
        level = float(ground[self.good].mean()) * f.gain
        few = f"{len(order)} spots, fewer than {MIN_SPOTS}" if len(order) < MIN_SPOTS else ""
        columns = (v[order] for v in (y, x, intensity, error, sure))
        return Found(*columns, centre, beam, level, float(np.sqrt(np.median(self.grain[1]))), few)

    def _told_apart(self, y, x, intensity, error, sure) -> tuple[np.ndarray, float, np.ndarray]:
        """Return the direct beam's place and intensity, NaN where not measured, and what are other spots."""
        f, centre, beam = self.finder, np.full(2, np.nan), float("nan")
        if self.start is not None:
            if sure[0] >= f.threshold:
                centre, beam = np.array([y[0], x[0]]), float(intensity[0])
            return centre, beam, np.arange(len(y)) > 0
        if f.hidden:
            centre = middle_of_spots(y, x, intensity, error, self.centre, f.wander)
        middle = centre if np.isfinite(centre).all() else self.centre
        spot = np.hypot((y - middle[0]) * f.aspect[0], (x - middle[1]) * f.aspect[1]) >= f.spacing
        if not f.hidden and not spot.all():
            k = np.flatnonzero(~spot)[intensity[~spot].argmax()]
            centre, beam = np.array([y[k], x[k]]), float(intensity[k])
        return centre, beam, spot
