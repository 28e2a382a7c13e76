"""How many spots are found in images of known spots, by dose, how many found ones are none, and how fast.

    python benchmarks/spots.py --patterns 6
    python benchmarks/spots.py --noise 400

Images: lattices drawn at random, disks with a blurred edge, a background that falls off, counts by Poisson;
or no lattice at all. Prints a table in Markdown.
"""

import argparse
import time

import numpy as np
from scipy.special import erfc

import edsym

SIZE, EDGE, SCATTERED, BACKGROUND = 192, 0.7, 0.35, 0.3
NOISY, COUNTS = 96, (0.01, 0.1, 1, 10, 100, 1000)
SURE = 8.0  # signal over the root of signal and background: the contrast from which on spots are asked for


def drawn(rng: np.random.Generator, radius: float, dose: float):
    """Return counts (SIZE, SIZE), the direct beam, places (n, 2) and the contrast (n,) of the spots."""
    y, x = np.indices((SIZE, SIZE))
    centre = SIZE / 2 - 0.5 + rng.normal(0, 1, 2)
    length, angle = rng.uniform(3, 6) * radius + 3, rng.uniform(0, np.pi)
    turn = angle + rng.uniform(1.1, 1.7)
    basis = length * np.array([[np.cos(angle), np.sin(angle)], [np.cos(turn), np.sin(turn)]]) * [[1], [1.2]]
    hk = np.stack(np.meshgrid(*[np.arange(-20, 21)] * 2), -1).reshape(-1, 2)
    places = hk[hk.any(axis=1)] @ basis + centre
    places = places[((places > radius) & (places < SIZE - 1 - radius)).all(axis=1)]
    far = np.linalg.norm(places - centre, axis=1)
    share = rng.exponential(1, len(places)) ** 1.5 * np.exp(-((far / (0.25 * SIZE)) ** 2))
    share *= SCATTERED / share.sum()

    def disk(place):
        shape = erfc((np.hypot(y - place[0], x - place[1]) - radius) / (np.sqrt(2) * EDGE)) / 2
        return shape / shape.sum(), shape

    rho = np.hypot(y - centre[0], x - centre[1])
    ground = np.exp(-rho / 15) / np.exp(-rho / 15).sum() + np.exp(-((rho / 60) ** 2)) / 11300
    mean = BACKGROUND * dose * ground / ground.sum()
    under = mean.copy()
    mean = mean + (1 - BACKGROUND - SCATTERED) * dose * disk(centre)[0]
    contrast = []
    for place, part in zip(places, share, strict=True):
        shape, mask = disk(place)
        mean += dose * part * shape
        contrast.append(dose * part / np.sqrt(dose * part + (under * mask).sum()))
    return rng.poisson(mean), centre, places, np.array(contrast)


def row(radius: float, dose: float, n: int, correlation: str) -> str:
    """Return a line of the table, of n patterns that are searched together."""
    rng = np.random.default_rng(0)
    images, centres, places, contrast = zip(*(drawn(rng, radius, dose) for _ in range(n)), strict=True)
    found = edsym.find_spots(np.array(images), correlation=correlation, threads=1)
    hit = near = asked = off = false = total = 0
    for p in range(n):
        spots = found[p][:, [1, 0]]
        distance = np.linalg.norm(places[p][:, None] - spots, axis=2) if len(spots) else np.full((1, 1), 99.0)
        sure = contrast[p] >= SURE
        asked += sure.sum()
        hit += (distance.min(axis=1)[sure] < 0.5).sum()
        near += (distance.min(axis=1)[sure] < 1.5).sum()
        if len(spots):
            off += (distance.min(axis=0) > 1.5).sum()
            false += (distance.min(axis=0) > max(1.5, radius)).sum()
        total += len(spots)
    error = np.abs(found.measured[:, ::-1] - centres).max()
    half, whole = (100 * number / max(asked, 1) for number in (hit, near))
    return (
        f"| {radius:g} | {dose:,.0f} | {hit} of {asked} | {half:.1f} % | {whole:.1f} % | {off} of {total} | "
        f"{false} | {error:.2f} | {found.facts['radius']:.2f} |"
    )


def noise(radius: float, falls: bool, n: int, correlation: str) -> str:
    """Return a line: spots that a pattern of noise gives, by counts of a pixel."""
    rng = np.random.default_rng(0)
    y, x = np.indices((NOISY, NOISY))
    rho = np.hypot(y - NOISY // 2, x - NOISY // 2)
    shape = 2 * np.exp(-rho / 30) + 25 * (rho < radius) if falls else np.ones_like(rho)
    center = None if falls else (NOISY // 2, NOISY // 2)  # there is no beam to be found
    rates = []
    for counts in COUNTS:
        images = rng.poisson(counts * shape, (n, NOISY, NOISY))
        found = edsym.find_spots(images, probe=radius, center=center, correlation=correlation, threads=1)
        rates.append(f"{found.offset[-1] / n:.3f}")
    return f"| {radius:g} | {'falls off' if falls else 'flat'} | {' | '.join(rates)} |"


def rate(correlation: str, n: int = 256) -> str:
    """Return what a pattern of a scan costs, and what is learned of the scan first."""
    rng = np.random.default_rng(2)
    images = np.array([drawn(rng, 4, 1e5)[0] for _ in range(8)])
    spent = []
    for number in (n, 3 * n):  # what comes first costs the same in both
        start = time.process_time()
        found = edsym.find_spots(images[np.arange(number) % 8], correlation=correlation, threads=1)
        spent.append(time.process_time() - start)
    each = (spent[1] - spent[0]) / (2 * n)
    spots = np.diff(found.offset).mean()
    return (
        f"a pattern with {spots:.0f} spots: {1e3 * each:.1f} ms of one processor; the first look at a scan: "
        f"{spent[0] - n * each:.1f} s"
    )


def main() -> None:
    """Print the table and the time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patterns", type=int, default=6, help="of each size of disk and dose")
    parser.add_argument("--noise", type=int, help="so many patterns of noise alone instead")
    parser.add_argument("--correlation", default="cross", help="with the probe: cross, hybrid or phase")
    options = parser.parse_args()
    if options.noise:
        print("| radius | background |", " | ".join(f"{counts:g}" for counts in COUNTS), "|")
        print("|---" * (2 + len(COUNTS)) + "|")
        for falls in (False, True):
            for radius in (1.5, 3, 4, 6, 9):
                print(noise(radius, falls, options.noise, options.correlation), flush=True)
        return
    edsym.find_spots(drawn(np.random.default_rng(1), 4, 1e5)[0])  # compiles
    names = "radius", "electrons", "found within 0.5 pixel", "share", "within 1.5 pixels"
    print("|", " | ".join((*names, "further off", "false", "worst centre", "radius told")), "|")
    print("|---" * 9 + "|")
    for radius in (1.5, 3, 6):
        for dose in (1e4, 1e5, 1e6, 1e7):
            print(row(radius, dose, options.patterns, options.correlation), flush=True)
    print(rate(options.correlation))


if __name__ == "__main__":
    main()
