"""How elliptical patterns are, measured from rings or from the spots of a known cell."""

import numpy as np
from scipy.optimize import minimize

from edsym.errors import InputError
from edsym.experiment.ellipse import MAX_RATIO, Ellipse, rounding_of
from edsym.experiment.files.scan import Scan, scan_of_array
from edsym.experiment.spots.find import find_scan_spots
from edsym.experiment.spots.scan_spots import ScanSpots
from edsym.structures.structure import Structure

_SAMPLE = 64  # patterns of which rings are the mean
_INNER = 0.12  # of the shorter side: rings are looked for from this radius on
_RINGS = (4.0, 2.0, 1.0)  # widths of rings in pixels, one after the other
_WIDTHS = (0.02, 0.01, 0.005)  # 1/Å: so far from a lattice's ring a spot counts half as much
_START = np.linspace(-0.06, 0.06, 7)  # stretches, and for a lattice also the scale
_SURE = 0.01  # a ratio that is less sure is none
_FEWEST = 10
_ABSENT = 1e-3  # of the sum of atomic numbers


def measure_ellipse(patterns, cell=None, *, center=None, pixel=None) -> Ellipse:
    """Measure the ellipse that circles have become, from rings or from spots of a known cell.

    Rings: of all stretches the one is taken that leaves least differences within rings about the direct
    beam, of the roots of the counts. A known cell: that which puts spots onto its rings, and a scale with it.

    Parameters
    ----------
    patterns : ScanSpots, Scan or array
        Spots of a crystal whose cell is known; or images of rings, as of a polycrystal or an amorphous film,
        of which the mean is taken.
    cell : Structure, optional
        The crystal, for spots.
    center : (float, float), optional
        x and y of the direct beam in pixels, for rings; without, the spots' centre is found.
    pixel : float or (float, float), optional
        1/Å of a pixel, in place of what the scan says.

    Returns
    -------
    Ellipse
        Give it to `edsym.find_spots`.

    Raises
    ------
    InputError
        If there are too few spots, or what there is does not tell the ratio to 0.01.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[:96, :96] - 47.5
    >>> rings = 20 + 200 * np.exp(-((np.hypot(x / 1.02, y * 1.02) - 30) ** 2) / 8)
    >>> found = edsym.measure_ellipse(np.random.default_rng(0).poisson(rings), center=(47.5, 47.5))
    >>> round(found.ratio, 2), round(found.angle) % 180
    (1.04, 0)
    """
    if isinstance(patterns, ScanSpots):
        if not isinstance(cell, Structure):
            raise InputError(f"cell is {type(cell).__name__}, expected the Structure whose spots these are")
        return _told(_of_spots(patterns, cell))
    scan = patterns if isinstance(patterns, Scan) else scan_of_array(np.asarray(patterns))
    return _told(_of_rings(scan.calibrated(pixel), center))


def _told(found: Ellipse) -> Ellipse:
    if not found.error < _SURE or found.ratio > MAX_RATIO:
        raise InputError(
            f"the ellipse cannot be measured: a ratio of {found.ratio:.3f} ± {found.error:.3f} came out"
        )
    return found


def _of_rings(scan: Scan, center) -> Ellipse:
    numbers = np.unique(np.linspace(0, len(scan) - 1, min(_SAMPLE, len(scan))).round().astype(int))
    image = np.mean([scan[int(p)] for p in numbers], axis=0, dtype=float)
    if center is None:
        center = find_scan_spots(image, pixel=scan.pixel).centre[0]
    aspect = np.ones(2) if scan.pixel is None else scan.pixel / np.sqrt(scan.pixel.prod())
    y, x = np.indices(image.shape)
    xy = np.stack([(x - center[0]) * aspect[1], (y - center[1]) * aspect[0]], axis=-1)
    side = np.minimum(center, np.array(image.shape[::-1]) - 1 - center) * aspect[::-1]
    far = np.hypot(*np.moveaxis(xy, -1, 0))
    used = (far > _INNER * min(image.shape)) & (far < 0.98 * side.min()) & np.isfinite(image)
    if used.sum() < 100:
        raise InputError(f"{scan.name}: the direct beam at {center} leaves no whole rings")
    values, xy = np.sqrt(np.maximum(image[used] - image[used].min(), 0)), xy[used]

    def rest(stretch: np.ndarray, width: float) -> float:
        rho = np.linalg.norm(xy @ rounding_of(stretch), axis=1) / width
        k = rho.astype(int)
        part = rho - k  # between two rings a pixel counts for both: the sum has no steps
        index, weight = np.concatenate([k, k + 1]), np.concatenate([1 - part, part])
        both = np.concatenate([values, values])
        count = np.bincount(index, weight)
        mean = np.bincount(index, weight * both) / np.maximum(count, 1e-9)
        return float(((values - (1 - part) * mean[k] - part * mean[k + 1]) ** 2).sum())

    grid = [np.array([a, b]) for a in _START for b in _START]
    stretch = min(grid, key=lambda s: rest(s, _RINGS[0]))
    for width in _RINGS:
        stretch = _least(lambda s, w=width: rest(s, w), stretch)
    noise = rest(stretch, _RINGS[-1]) / len(values)
    error = _error(lambda s: rest(s, _RINGS[-1]) / (2 * noise), stretch)
    return Ellipse.of(stretch, error)


def _of_spots(spots: ScanSpots, cell: Structure) -> Ellipse:
    round_spots = spots.valid[spots.pattern]
    q = np.stack([spots.qx, spots.qy], axis=1)[round_spots]
    if len(q) < _FEWEST:
        raise InputError(f"{len(q)} spots in valid patterns, expected {_FEWEST} at least")
    rings = _rings(cell, 1.1 * float(np.linalg.norm(q, axis=1).max()))

    def distance(values: np.ndarray) -> np.ndarray:
        length = np.exp(values[2]) * np.linalg.norm(q @ rounding_of(values[:2]), axis=1)
        after = np.clip(np.searchsorted(rings, length), 1, len(rings) - 1)
        return np.minimum(np.abs(length - rings[after - 1]), np.abs(length - rings[after]))

    def rest(values: np.ndarray, width: float) -> float:
        return float((1 - np.exp(-np.log(2) * (distance(values) / width) ** 2)).sum())

    grid = [np.array([a, b, c]) for a in _START for b in _START for c in _START]
    values = min(grid, key=lambda v: rest(v, _WIDTHS[0]))
    for width in _WIDTHS:
        values = _least(lambda v, w=width: rest(v, w), values)
    near = distance(values)
    near = near[near < 2 * _WIDTHS[-1]]
    spread = max(float(np.sqrt(np.mean(near**2))), 1e-9) if len(near) else np.inf
    width = _WIDTHS[-1]
    curve = width**2 / (2 * np.log(2) * spread**2)  # at the bottom the sum is one of squares
    error = _error(lambda s: curve * rest(np.append(s, values[2]), width), values[:2])
    return Ellipse.of(values[:2], error, np.exp(values[2]))


def _least(function, start: np.ndarray) -> np.ndarray:
    simplex = np.vstack([start, start + 0.01 * np.eye(len(start))])
    options = {"initial_simplex": simplex, "xatol": 1e-5, "fatol": 1e-9}
    return minimize(function, start, method="Nelder-Mead", options=options).x


def _error(half_chi_square, stretch: np.ndarray, step: float = 2e-3) -> float:
    """Return the standard deviation of the ratio from how fast half of a sum of squares rises."""
    here = half_chi_square(stretch)
    rise = min(
        half_chi_square(stretch + step * np.array(u)) - here for u in ((1, 0), (-1, 0), (0, 1), (0, -1))
    )
    return 2 * step / np.sqrt(2 * rise) if rise > 0 else np.inf


def _rings(cell: Structure, largest: float) -> np.ndarray:
    """Return the lengths (n,) of the reciprocal vectors with a structure factor, in 1/Å, from 0 on."""
    n = np.ceil(largest * np.linalg.norm(cell.lattice, axis=1)).astype(int)
    hkl = np.stack(np.meshgrid(*(np.arange(-k, k + 1) for k in n), indexing="ij"), -1).reshape(-1, 3)
    length = np.linalg.norm(hkl @ np.linalg.inv(cell.lattice).T, axis=1)
    hkl, length = hkl[length <= largest], length[length <= largest]
    factor = np.abs(np.exp(2j * np.pi * hkl @ cell.frac_coords.T) @ cell.numbers)
    return np.unique(length[factor > _ABSENT * cell.numbers.sum()].round(6))
