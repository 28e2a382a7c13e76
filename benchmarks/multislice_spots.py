"""How many Bragg spots are found in multislice images of particles on a film, by dose, and what else is.

    python benchmarks/multislice_spots.py --every 2

Patterns of the scan of the target `experiment`, of every second window of neighbours inside particles, are
simulated without counting noise, and counts are drawn from them at each dose. They are searched together.

Where a spot may be is known: the reciprocal lattice of the grain on the Ewald sphere. How bright it is, the
clear pattern tells: the sum of a disk at that place above the ring around it. Its contrast is that over what
it varies by: counts of disk and ring, and the film, by how much such sums differ at places of no spot as far
from the beam. What is found elsewhere is a speckle if the clear pattern is brighter there, too, by as much
as a spot must be at that dose, and otherwise false.
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
NEAR, FALSE = 0.5, 1.5  # pixels: found so near is right, further is none
RELROD = 1.5  # of the inverse thickness: a lattice point further from the sphere than that gives no spot
THINNEST = 15.0  # Å
ZONES = 12  # rings in which the film is compared


def lattice_places(basis: np.ndarray, thickness: float, wave: float, reach: float) -> np.ndarray:
    """Return x and y (n, 2) of the lattice points near the Ewald sphere, in 1/Å, without the direct beam."""
    reciprocal = np.linalg.inv(basis).T
    n = np.ceil(reach * np.linalg.norm(basis, axis=1)).astype(int) + 1
    hkl = np.stack(np.meshgrid(*(np.arange(-k, k + 1) for k in n), indexing="ij"), -1).reshape(-1, 3)
    g = hkl[hkl.any(axis=1)] @ reciprocal
    # the beam travels along +z: a wave with k + g has the length of k where g_z = -g²/2k for small angles
    k = 1 / wave
    excitation = k - np.sqrt(np.clip(k**2 - (g[:, :2] ** 2).sum(axis=1), 0, None)) + g[:, 2]
    near = (np.abs(excitation) < RELROD / thickness) & (np.linalg.norm(g[:, :2], axis=1) < reach)
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

    def __init__(
        self, image: np.ndarray, centre: np.ndarray, places: np.ndarray, disks: Disks, radius: float
    ):
        self.image, self.disks, self.radius = image, disks, radius
        size = image.shape[0]
        inside = ((places > 2 * radius) & (places < size - 1 - 2 * radius)).all(axis=1)
        beam = np.linalg.norm(places - centre, axis=1)
        self.all = places
        self.places = places[inside & (beam > 3 * radius)]
        y, x = np.indices(image.shape)
        far = np.hypot(y - centre[0], x - centre[1])
        empty = far > 4 * radius
        for place in places:
            empty &= np.hypot(y - place[0], x - place[1]) > 2 * radius + 1
        edges = np.quantile(far[empty], np.linspace(0, 1, ZONES + 1)[1:-1])
        zone = np.digitize(far, edges)
        self.above, self.under = disks(image)
        spread = np.array([_scatter(self.above[empty & (zone == k)]) for k in range(ZONES)])
        self.film = spread[zone]

    def contrast(self, places: np.ndarray, dose: float, film: bool) -> np.ndarray:
        """Return how far disks at places (n, 2) stand out at a dose."""
        i, j = np.rint(places).astype(int).T
        above, under = dose * self.above[i, j], dose * np.maximum(self.under[i, j], 0)
        variance = np.maximum(above, 0) + (1 + self.disks.share) * under
        return above / np.sqrt(variance + film * (dose * self.film[i, j]) ** 2 + 1e-9)


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
        xy = np.concatenate([lattice_places(truth.grain_basis[g], thick, wave, reach) for g in grains])
        centres.append(centre)
        patterns.append(Pattern(image, centre, centre + xy[:, ::-1] / settings.pixel, disks, radius))
    return patterns, np.array(centres)


def line(patterns: list[Pattern], centres: np.ndarray, dose: float) -> str:
    """Return a line of the table."""
    rng = np.random.default_rng(0)
    images = np.array([rng.poisson(dose * p.image) for p in patterns], np.uint32)
    found = edsym.find_spots(images, progress=True)
    asked = right = speckles = false = total = 0
    errors = []
    for n, p in enumerate(patterns):
        spots = found[n][:, [1, 0]]
        total += len(spots)
        if len(p.places):
            # grains of a twin share some: two places under one disk are one
            wanted = p.places[p.contrast(p.places, dose, True) >= SURE]
            nearest = _distances(wanted, spots)
            asked += len(wanted)
            right += (nearest < NEAR).sum()
            errors.append(nearest[nearest < NEAR])
        if len(spots):
            off = spots[_distances(spots, p.all) > FALSE]
            off = off[((off >= 0) & (off <= p.image.shape[0] - 1)).all(axis=1)]
            real = p.contrast(off, dose, False) >= found.facts["threshold"] if len(off) else np.zeros(0, bool)
            speckles += real.sum()
            false += (~real).sum()
    beam = np.abs(found.measured[:, ::-1] - centres)
    rms = np.sqrt(np.mean(np.concatenate(errors) ** 2))
    return (
        f"| {dose:,.0f} | {right} of {asked} | {right / asked:.1%} | {rms:.2f} | {false / total:.1%} | "
        f"{speckles / total:.1%} | {total / len(patterns):.1f} | {np.nanmax(beam):.2f} | "
        f"{found.facts['radius']:.2f} |"
    )


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
    print(f"{len(patterns)} patterns inside particles")
    names = "electrons", "found", "share", "rms [pixel]", "false", "speckles", "spots", "centre", "radius"
    print("|", " | ".join(names), "|")
    print("|---" * len(names) + "|")
    for dose in DOSES:
        print(line(patterns, centres, dose), flush=True)


if __name__ == "__main__":
    main()
