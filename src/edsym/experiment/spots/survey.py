"""What a sample of the patterns tells of all: good pixels, noise, the probe and the direct beam."""

from dataclasses import dataclass, replace

import numpy as np

from edsym.errors import InputError
from edsym.experiment.descan import FEWEST, Descan, fitted_descan
from edsym.experiment.files.scan import Scan
from edsym.experiment.spots.finder import Finder
from edsym.experiment.spots.first_look import blob_probe, given_probe, refined_probe, rough_beam
from edsym.experiment.spots.friedel import middle_of_image
from edsym.experiment.spots.good import good_pixels
from edsym.experiment.spots.noise import CALM, noise_of
from edsym.experiment.spots.peaks import cover
from edsym.experiment.spots.pixels import problem_of
from edsym.experiment.spots.probe import Probe
from edsym.experiment.spots.search import Found, spots_of

_SAMPLE, _SAMPLE_BYTES = 48, 2**28
_HIDDEN, _HIDDEN_RADII = 6.0, 1.0  # pixels, radii: so far a hidden beam may be from where it is roughly
_BLUR = 1.5  # radii: lattices of spots are washed out
_SURER = 0.5  # times the scatter of what seemed to be the direct beam: pairs of spots tell it instead


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
    sample = _Sample(scan, mask, probe, false_spots, spacing)
    if center is not None and not isinstance(center, str):
        where = np.asarray(center, float)[::-1]
        return Survey(sample.searched(where, 0.0, False)[0], Descan.constant(where))
    hidden, rough = sample.beam(center)
    wander = max(min(scan.frame) / 8, 2 * sample.disk.radius)
    one = sample.surveyed(rough, wander, False) if not hidden else sample.surveyed(rough, sample.around, True)
    if center is None and not hidden and one.descan.n >= FEWEST and not one.descan.trusted:
        other = sample.surveyed(sample.middle(), sample.around, True)
        enough = other.descan.n >= one.descan.n / 2
        return other if enough and other.descan.scatter < _SURER * one.descan.scatter else one
    return one


class _Sample:
    """Patterns of all of a scan, and what they tell before it is known where the direct beam is."""

    def __init__(self, scan: Scan, mask, probe, false_spots: float, spacing: float | None):
        self.scan, self.false_spots, self.spacing, self.given = scan, false_spots, spacing, probe is not None
        self.aspect = np.ones(2) if scan.pixel is None else scan.pixel / np.sqrt(scan.pixel.prod())
        self.numbers, values = sample_of(scan)
        usable = np.array([not problem_of(v, np.ones(scan.frame, bool)) for v in values])
        if not usable.any():
            why = problem_of(values[0], np.ones(scan.frame, bool))
            raise InputError(
                f"{scan.name}: none of {len(values)} patterns looked at can be used; the first: {why}"
            )
        self.numbers, values = self.numbers[usable], values[usable].astype(np.float64)
        self.good = good_pixels(np.where(np.isfinite(values), values, np.nan), _mask(mask, scan))
        self.values = np.where(self.good & np.isfinite(values), values, 0)
        self.noise = noise_of(self.values, np.broadcast_to(self.good, values.shape), scan.counts, CALM)
        self.electrons = np.maximum((self.values - self.noise[1]) / self.noise[0], 0) * self.good
        self.mean = self.electrons.mean(axis=0)
        self.disk = (
            given_probe(probe, self.aspect, scan.frame)
            if self.given
            else blob_probe(self.electrons, self.good, self.aspect)
        )

    def finder(self, disk: Probe, noise: tuple[float, float], wander: float, hidden: bool) -> Finder:
        """Return what finds spots, as far as is known."""
        least = max(1.5 * disk.radius, 2.0) if self.spacing is None else float(self.spacing)
        return Finder(
            self.good, disk, self.aspect, *noise, self.false_spots, least, float(wander), hidden=hidden
        )

    def beam(self, center: str | None) -> tuple[bool, np.ndarray]:
        """Return whether the direct beam lies where nothing is measured, and y and x (2,) of it, roughly."""
        covered = self.finder(self.disk, self.noise, 0.0, False).covered
        inner = tuple(slice(n // 4, n - n // 4) for n in covered.shape)
        if center == "friedel" or (center is None and not covered[inner].all()):
            middle = self.middle()
            if center == "friedel" or not covered[tuple(np.rint(middle).astype(int))]:
                return True, middle
        return False, rough_beam(self.mean, self.good)

    @property
    def around(self) -> float:
        """How far from its rough place a hidden beam may be, in pixels."""
        return max(_HIDDEN, _HIDDEN_RADII * self.disk.radius)

    def middle(self) -> np.ndarray:
        """Return the rough place (2,) of a hidden beam."""
        return middle_of_image(self.mean, self.good, _BLUR * self.disk.radius)

    def searched(self, rough: np.ndarray, wander: float, hidden: bool) -> tuple[Finder, list[Found]]:
        """Return what finds spots, and those of the patterns; the surer the probe, the surer the spots."""
        disk = self.disk
        finder = self.finder(disk, self.noise, wander, hidden)
        found = [spots_of(finder, v, rough) for v in self.values]
        noise = noise_of(self.values, _free(found, finder), self.scan.counts, 0.5)
        if not self.given:
            disk = refined_probe(self.electrons, found, disk, self.aspect, self.good)
            finder = self.finder(disk, noise, wander, hidden)
            found = [spots_of(finder, v, rough) for v in self.values]
            disk = refined_probe(self.electrons, found, disk, self.aspect, self.good)
        return self.finder(disk, noise, wander, hidden), found

    def surveyed(self, rough: np.ndarray, wander: float, hidden: bool) -> Survey:
        """Return what holds for all patterns, with the plane of the direct beams near a rough place."""
        finder, found = self.searched(rough, wander, hidden)
        centres = np.array([f.centre for f in found])
        descan = fitted_descan(self.numbers, centres, self.scan.shape, rough, hidden)
        reach = min(6 * descan.scatter + finder.probe.radius + 2, wander)
        return Survey(replace(finder, wander=float(reach)), descan)


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
