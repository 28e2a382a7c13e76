"""How many Bragg spots are found in multislice images of particles on a film, by dose, and what else is.

    python benchmarks/multislice_spots.py --every 2

Patterns of the scan of the target `experiment`, of every second window of neighbours inside particles, are
simulated without counting noise, and counts are drawn from them at each dose. They are searched together.

Where a spot may be is known: the reciprocal lattice of the grain on the Ewald sphere. How bright it is, the
clear pattern tells: the sum of a disk at that place above the ring around it. Where it is, it tells, too:
where that sum is largest, within two pixels of the lattice point, as slopes of a ball bend the beams. The
contrast of a spot is that sum over what it varies by: counts of disk and ring, and the film, by how much such
sums differ at places of no spot as far from the beam; a brighter one nearer than two spots may be hides it.
What is found elsewhere is a speckle if the clear pattern is brighter there, too, than the median around it,
by two standard deviations of counting, and otherwise false; of those that seem to have the contrast that is
asked for, apart. Anywhere tells how many of other places as far
from the direct beam are so bright.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy import fft

import edsym
from edsym.simulation.electrons import wavelength
from edsym.specimen.settings import ExperimentSettings
from edsym.specimen.simulate import mean_patterns, planned
from edsym.specimen.truth import Truth

DOSES = (3e4, 1e5, 3e5, 1e6, 1e7)
SURE = 8.0  # contrast from which on spots are asked for
THERE = 2.0  # standard deviations of counting: so bright the clear pattern is at a speckle, at least
NEAR, FALSE = 0.5, 1.5  # pixels: found so near is right, further is none
MAIN = 1.5  # of the same: nearer ones may be bright, and no film is measured there
FURTHEST = 0.08  # 1/Å, from the sphere
RELROD = 4.0  # of the inverse thickness: a lattice point further from the sphere than that gives no spot
BENT = 2.0  # pixels that a spot may be from its lattice point
THINNEST = 15.0  # Å
ZONES = 12  # rings in which the film is compared


def lattice_places(basis: np.ndarray, thickness: float, wave: float, reach: float, rods: float) -> np.ndarray:
    """Return x and y (n, 2) of the lattice points near the Ewald sphere, in 1/Å, without the direct beam."""
    reciprocal = np.linalg.inv(basis).T
    n = np.ceil(reach * np.linalg.norm(basis, axis=1)).astype(int) + 1
    hkl = np.stack(np.meshgrid(*(np.arange(-k, k + 1) for k in n), indexing="ij"), -1).reshape(-1, 3)
    g = hkl[hkl.any(axis=1)] @ reciprocal
    # the beam travels along +z: a wave with k + g has the length of k where g_z = -g²/2k for small angles
    k = 1 / wave
    excitation = k - np.sqrt(np.clip(k**2 - (g[:, :2] ** 2).sum(axis=1), 0, None)) + g[:, 2]
    near = (np.abs(excitation) < min(rods / thickness, FURTHEST)) & (np.linalg.norm(g[:, :2], axis=1) < reach)
    return g[near, :2]


class Disks:
    """Sums over a disk at every pixel, and over a ring around it."""

    def __init__(self, radius: float, size: int):
        n = fft.next_fast_len(size + int(4 * radius), real=True)
        away = np.minimum(np.arange(n), n - np.arange(n))
        rho = np.hypot(away[:, None], away)
        disk = np.clip(radius + 0.5 - rho, 0, 1)
        ring = np.clip(2 * radius + 1 - rho, 0, 1) - np.clip(radius + 2 - rho, 0, 1)
        self.n, self.size, self.share = n, size, disk.sum() / ring.sum()
        self.shapes = [fft.rfft2(shape) for shape in (disk, ring)]

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what a disk has above its background, and that background."""
        whole = fft.rfft2(image, (self.n, self.n))
        on, off = (
            fft.irfft2(whole * shape, (self.n, self.n))[: self.size, : self.size] for shape in self.shapes
        )
        return on - self.share * off, self.share * off


class Pattern:
    """What is true of a pattern."""

    def __init__(self, image, centre, places, main, disks: Disks, radius: float):
        self.image, self.disks, self.radius = image, disks, radius
        size = image.shape[0]
        inside = ((places > 2 * radius) & (places < size - 1 - 2 * radius)).all(axis=1)
        beam = np.linalg.norm(places - centre, axis=1)
        y, x = np.indices(image.shape)
        far = np.hypot(y - centre[0], x - centre[1])
        empty = far > 4 * radius
        for place in main:
            empty &= np.hypot(y - place[0], x - place[1]) > 2 * radius + 1
        edges = np.quantile(far[empty], np.linspace(0, 1, ZONES + 1)[1:-1])
        zone = np.digitize(far, edges)
        self.above, self.under = disks(image)
        spread = np.array([_scatter(self.above[empty & (zone == k)]) for k in range(ZONES)])
        self.film = spread[zone]
        self.centre = self.peak(centre)
        self.all = places
        peaks = np.array([self.peak(p) for p in places[inside & (beam > 3 * radius)]]).reshape(-1, 2)
        peaks = peaks[np.isfinite(peaks).all(axis=1)]  # two lattice points may have one peak
        self.places = np.unique(peaks.round(3), axis=0)

    def peak(self, place: np.ndarray) -> np.ndarray:
        """Return where a disk stands out most near a place (2,); NaN if nowhere within reach."""
        i0, j0 = np.rint(place).astype(int)
        n = int(BENT)
        part = self.above[i0 - n - 1 : i0 + n + 2, j0 - n - 1 : j0 + n + 2]
        i, j = np.unravel_index(part.argmax(), part.shape)
        if not (0 < i < len(part) - 1 and 0 < j < len(part) - 1):
            return np.full(2, np.nan)
        low, here, high = np.array([part[i - 1 : i + 2, j], part[i, j - 1 : j + 2]]).T
        return [i0 - n - 1 + i, j0 - n - 1 + j] + (low - high) / (2 * (low + high - 2 * here))

    def stands_out(self, place: np.ndarray, dose: float) -> bool:
        """Return whether a disk at a place (2,) is brighter than the median of the ring around it, at a dose.

        Neighbours and the flank of the direct beam lie in part of the ring alone: they shift its mean.
        """
        y, x = np.indices(self.image.shape)
        rho = np.hypot(y - place[0], x - place[1])
        disk, ring = rho <= self.radius, (rho > self.radius + 1.5) & (rho <= 2 * self.radius + 1)
        under = dose * disk.sum() * np.median(self.image[ring])
        on = dose * self.image[disk].sum()
        return on - under >= THERE * np.sqrt(on + under * disk.sum() / ring.sum())

    def turned(self, places: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return places (n, 2) as far from the direct beam, at random angles, those that are in the image."""
        far = np.linalg.norm(places - self.centre, axis=1, keepdims=True)
        angle = rng.uniform(0, 2 * np.pi, len(places))
        new = self.centre + far * np.stack([np.sin(angle), np.cos(angle)], 1)
        return new[((new >= 0) & (new <= self.image.shape[0] - 1)).all(axis=1)]

    def contrast(self, places: np.ndarray, dose: float) -> np.ndarray:
        """Return how far disks at places (n, 2) stand out at a dose."""
        return self._contrast(places, dose * self.above, dose * self.under, dose)

    def seen_contrast(self, places: np.ndarray, counts: np.ndarray, dose: float) -> np.ndarray:
        """Return the same of counts (n, n) at this dose: what a spot seems to have, whatever is there."""
        return self._contrast(places, *self.disks(counts), dose)

    def _contrast(self, places, above, under, dose: float) -> np.ndarray:
        i, j = np.rint(places).astype(int).T
        variance = np.maximum(above, 0) + (1 + self.disks.share) * np.maximum(under, 0)
        return above[i, j] / np.sqrt(variance[i, j] + (dose * self.film[i, j]) ** 2 + 1e-9)


def _scatter(values: np.ndarray) -> float:
    return 1.4826 * float(np.median(np.abs(values - np.median(values)))) if len(values) else 0.0


def chosen(truth: Truth, every: int) -> np.ndarray:
    """Return positions (rows, columns) inside particles: of the windows of four, every n-th that has some."""
    rows, columns = np.indices(truth.particle.shape) // 2
    window, inside = rows * truth.particle.shape[1] + columns, truth.particle >= 0
    return inside & np.isin(window, np.unique(window[inside])[::every])


def known(shares: np.ndarray, truth: Truth, settings: ExperimentSettings) -> tuple[list[Pattern], np.ndarray]:
    """Return what is true of patterns that are not empty, and their direct beams (n, 2)."""
    wave = wavelength(settings.energy_kev)
    radius = settings.semiangle_mrad * 1e-3 / wave / settings.pixel
    disks = Disks(radius, settings.frame)
    patterns, centres = [], []
    for p in np.argwhere(shares.any(axis=(2, 3))):
        centre, image = truth.centre[*p], shares[*p].astype(float)
        grains = np.flatnonzero(truth.grain_particle == truth.particle[*p])
        thick, reach = max(truth.thickness[*p], THINNEST), settings.pixel * settings.frame * 0.75
        places, main = (
            centre
            + np.concatenate([lattice_places(truth.grain_basis[g], thick, wave, reach, n) for g in grains])[
                :, ::-1
            ]
            / settings.pixel
            for n in (RELROD, MAIN)
        )
        centres.append(centre)
        patterns.append(Pattern(image, centre, places, main, disks, radius))
    return patterns, np.array(centres)


def line(patterns: list[Pattern], dose: float, correlation: str) -> str:
    """Return a line of the table."""
    rng = np.random.default_rng(0)
    images = np.array([rng.poisson(dose * p.image) for p in patterns], np.uint32)
    found = edsym.find_spots(images, correlation=correlation, progress=True)
    asked = right = seen = speckles = false = total = sure = sure_speckles = sure_false = 0
    errors, anywhere = [], []
    for n, p in enumerate(patterns):
        spots = found[n][:, [1, 0]]
        total += len(spots)
        inside = spots[((spots >= 0) & (spots <= p.image.shape[0] - 1)).all(axis=1)]
        bright = p.seen_contrast(inside, images[n].astype(float), dose) >= SURE
        sure += bright.sum()
        if len(p.places):
            contrast = p.contrast(p.places, dose)
            wanted = _apart(p.places[contrast >= SURE], contrast[contrast >= SURE], found.facts["spacing"])
            nearest = _distances(wanted, spots)
            asked += len(wanted)
            right += (nearest < NEAR).sum()
            seen += (nearest < FALSE).sum()
            errors.append(nearest[nearest < NEAR])
        if len(spots):
            far = np.minimum(_distances(inside, p.places), _distances(inside, p.all)) > FALSE
            off, bright = inside[far], bright[far]
            real = np.array([p.stands_out(place, dose) for place in off], bool)
            speckles += real.sum()
            false += (~real).sum()
            sure_speckles += (bright & real).sum()
            sure_false += (bright & ~real).sum()
            anywhere += [p.stands_out(place, dose) for place in p.turned(off, rng)]
    beam = np.abs(found.measured[:, ::-1] - [p.centre for p in patterns])
    rms = np.sqrt(np.mean(np.concatenate(errors) ** 2))
    return (
        f"| {dose:,.0f} | {right} of {asked} | {right / asked:.1%} | {seen / asked:.1%} | {rms:.2f} | "
        f"{false / total:.1%} | {sure_false / sure:.1%} and {sure_speckles / sure:.1%} of {sure} | "
        f"{speckles / total:.1%} | {np.mean(anywhere):.0%} | "
        f"{total / len(patterns):.1f} | {np.nanmax(beam):.2f} | {found.facts['radius']:.2f} |"
    )


def _apart(places: np.ndarray, contrast: np.ndarray, spacing: float) -> np.ndarray:
    """Return the places that no brighter one is nearer to than a spacing."""
    kept: list[np.ndarray] = []
    for place in places[np.argsort(-contrast)]:
        if all(np.linalg.norm(place - other) >= spacing for other in kept):
            kept.append(place)
    return np.array(kept).reshape(-1, 2)


def _distances(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return how far each point is from the nearest of others."""
    if not len(others):
        return np.full(len(points), np.inf)
    return np.linalg.norm(points[:, None] - others, axis=2).min(axis=1, initial=np.inf)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=2, help="so many windows of positions are one")
    parser.add_argument("--clear", type=Path, help="keep the clear patterns in this npy file, or take them")
    parser.add_argument("--correlation", default="cross", help="with the probe: cross, hybrid or phase")
    options = parser.parse_args()
    settings = ExperimentSettings()
    truth = planned(settings)[2]
    if options.clear and options.clear.exists():
        shares = np.load(options.clear)
    else:
        shares, _ = mean_patterns(settings, chosen(truth, options.every))
        if options.clear:
            np.save(options.clear, shares)
    patterns, centres = known(shares, truth, settings)
    bent = np.abs([p.centre for p in patterns] - centres)
    print(f"{len(patterns)} patterns inside particles; they bend the beam by up to {bent.max():.2f} pixels")
    names = (
        "electrons",
        "found",
        "share",
        "within 1.5",
        "rms",
        "false",
        "of that contrast false and speckles",
        "speckles",
        "anywhere",
        "spots",
        "centre",
        "radius",
    )
    print("|", " | ".join(names), "|")
    print("|---" * len(names) + "|")
    for dose in DOSES:
        print(line(patterns, dose, options.correlation), flush=True)


if __name__ == "__main__":
    main()
