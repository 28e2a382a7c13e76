"""The unit cell from the lines of a powder pattern.

Q = 1/d² of a line is linear in the metric of the reciprocal lattice. A few lines at low angles with low
indices give a cell, and the first twenty lines tell whether it is one: all have to lie on its lattice, and
the figure of merit M20 (de Wolff, J. Appl. Cryst. 1, 108, 1968) says how little of that is chance.
"""

from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from numba import njit
from scipy.signal import find_peaks

from edsym.lattice.bravais import cell_parameters
from edsym.powder.render import KALPHA2_RATIO
from edsym.powder.settings import PowderSettings
from edsym.powder.views import smoothed

LINES = 20
"""Lines that a cell has to explain."""
LEAST_MERIT = 10.0
"""Figure of merit from which on a cell is believed."""
_TOLERANCE = 0.08  # ° of 2θ
_SHARPEST = 0.01  # ° of 2θ: nearer lines are so by chance
_AMONG = 6  # first lines that a cell is made from
_FIRST = 7  # lines that are looked at first
_LEAST, _ABOVE_NOISE = 0.01, 12.0  # intensity of a line, of the largest; over what smoothed bins scatter
_WINDOW = 2.5  # ° of 2θ: noise is judged in such windows
_EDGE = 0.5  # ° of 2θ: what was measured begins with a step
_SHIFTS = (0.0, -0.04, 0.04, -0.08, 0.08)  # ° of 2θ: of the zero, and by displacement of the sample
_MORE_LINES = 4  # than a cell has free components, at least
_MOST_SHIFT = 0.2  # ° of 2θ
_ROUNDS = 4
_OBLIQUE = 1.4  # indices reach further where the reciprocal vectors are not at right angles
_LARGEST = 4000.0  # Å³

# Largest indices of the lines that a cell is made from; monoclinic ones may be 200, 020 and 002 as well.
_LOW = {
    "cubic": (4, 3, 3),
    "tetragonal": (3, 2, 5),
    "hexagonal": (3, 2, 6),
    "orthorhombic": (2, 2, 2),
    "monoclinic": (1, 1, 1),
}
# Where the free components stand in (h², k², l², h l, h k).
_PLACES = {
    "cubic": ((1, 1, 1, 0, 0),),
    "tetragonal": ((1, 1, 0, 0, 0), (0, 0, 1, 0, 0)),
    "hexagonal": ((1, 1, 0, 0, 1), (0, 0, 1, 0, 0)),
    "orthorhombic": ((1, 0, 0, 0, 0), (0, 1, 0, 0, 0), (0, 0, 1, 0, 0)),
    "monoclinic": ((1, 0, 0, 0, 0), (0, 1, 0, 0, 0), (0, 0, 1, 0, 0), (0, 0, 0, 1, 0)),
}
SYSTEMS = tuple(_PLACES)
"""Crystal systems whose cells are looked for; trigonal ones have hexagonal axes."""


@dataclass(frozen=True)
class PowderCell:
    """A unit cell that explains the lines of a powder pattern; its centring is not told.

    Attributes
    ----------
    system : str
        One of `SYSTEMS`.
    lengths, angles : (3,) tuples of float
        In Å and degrees.
    merit : float
        De Wolff's figure of merit.
    lines : int
        Lines that it explains, which are all.
    """

    system: str
    lengths: tuple[float, float, float]
    angles: tuple[float, float, float]
    merit: float
    lines: int


def find_lines(pattern: np.ndarray, settings: PowderSettings) -> np.ndarray:
    """Return the places 2θ (n,) in degrees of the first lines, at most `LINES`, of a pattern (bins,)."""
    window = round(_WINDOW / settings.step)
    smooth = smoothed(pattern[None])[0] / max(float(pattern.max()), 1e-9)
    noise = _noise(smooth, window)
    # how far a peak stands out of what is around: backgrounds rise at low angles
    at, found = find_peaks(smooth, prominence=_LEAST, wlen=2 * window + 1)
    strength = found["prominences"]
    inside = at > np.argmax(smooth > 0) + _EDGE / settings.step
    at, strength = at[high := inside & (strength > _ABOVE_NOISE * noise[at])], strength[high]
    left, top, right = smooth[at - 1], smooth[at], smooth[at + 1]
    places = at + (left - right) / np.minimum(2 * (left - 2 * top + right), -1e-12)
    two_theta = settings.two_theta_min + settings.step * (places + 0.5)
    # the second line of Kα is half as strong, and stands at its own place
    second = 2 * np.degrees(np.arcsin(np.minimum(KALPHA2_RATIO * np.sin(np.radians(two_theta / 2)), 1)))
    beside = np.abs(two_theta[:, None] - second) < settings.step
    shadow = (beside & (strength[:, None] < 0.8 * strength)).any(axis=1)
    return two_theta[~shadow][:LINES]


def _noise(pattern: np.ndarray, window: int) -> np.ndarray:
    """Return how far bins (n,) scatter by differences of neighbours, window by window."""
    steps = np.abs(np.diff(pattern, append=pattern[-1]))
    count = max(len(pattern) // window, 1)
    levels = [float(np.median(part)) for part in np.array_split(steps, count)]
    centres = (np.arange(count) + 0.5) * len(pattern) / count
    # the median of a difference of two Gaussian numbers
    return np.interp(np.arange(len(pattern)), centres, levels) / (0.6745 * np.sqrt(2))


def index_lines(two_theta: np.ndarray, wavelength: float, systems=SYSTEMS) -> PowderCell | None:
    """Return the cell of some crystal systems that explains lines best, or None where none does.

    Parameters
    ----------
    two_theta : (n,) array
        Places of lines in degrees, ascending, from the first one on; 20 are asked for.
    wavelength : float
        In Å.
    systems : sequence of str
        Out of `SYSTEMS`.
    """
    found = [cell for system in systems if (cell := _best(system, np.asarray(two_theta, float), wavelength))]
    return max(found, key=lambda cell: cell.merit, default=None)


class _Lines:
    """Lines as if all were shifted by some degrees."""

    def __init__(self, two_theta: np.ndarray, shift: float, wavelength: float):
        theta = np.radians((two_theta - shift) / 2)
        self.q = (2 * np.sin(theta) / wavelength) ** 2
        # dQ of a degree of 2θ
        self.slope = 4 * np.sin(2 * theta) / wavelength**2 * np.radians(0.5)
        self.tolerance, self.sharpest = _TOLERANCE * self.slope, _SHARPEST * self.slope


def _best(system: str, two_theta: np.ndarray, wavelength: float) -> PowderCell | None:
    places = np.array(_PLACES[system], float)
    rows = _rows(system, places)
    if len(two_theta) < len(places) + _MORE_LINES:
        return None
    chosen = np.array(list(combinations(range(min(_AMONG, len(two_theta))), len(places))))
    best, merit = None, LEAST_MERIT
    for shift in _SHIFTS:
        lines = _Lines(two_theta, shift, wavelength)
        metric = _search(rows, chosen, places, lines.q, lines.tolerance, lines.sharpest)
        if metric.any():
            metric, own = _refined(places, metric, shift, two_theta, wavelength)
            if own > merit:
                best, merit = metric, own
    return None if best is None else PowderCell(system, *_cell(best), float(merit), len(two_theta))


def _rows(system: str, places: np.ndarray) -> np.ndarray:
    """Return what the free components are multiplied by in lines of low indices, (n, components)."""
    most = _LOW[system]
    hkl = np.array(list(product(range(most[0] + 1), range(most[1] + 1), range(-most[2], most[2] + 1))))
    if system == "monoclinic":
        hkl = np.concatenate([hkl, 2 * np.eye(3, dtype=int)])
    rows = np.unique(_products(hkl) @ places.T, axis=0)
    return rows[rows.any(axis=1)].astype(float)


def _products(hkl: np.ndarray) -> np.ndarray:
    """Return h², k², l², h l and h k (n, 5) of indices (n, 3)."""
    return np.column_stack([hkl**2, hkl[:, 0] * hkl[:, 2], hkl[:, 0] * hkl[:, 1]])


def _refined(places, metric, shift: float, two_theta, wavelength: float) -> tuple[np.ndarray, float]:
    """Return the metric refined together with the shift by all lines, and its figure of merit."""
    for _ in range(_ROUNDS):
        lines = _Lines(two_theta, shift, wavelength)
        most = np.sqrt(_OBLIQUE * lines.q[-1] / metric[:3]).astype(int) + 1
        hkl = np.stack(np.mgrid[: most[0] + 1, : most[1] + 1, -most[2] : most[2] + 1], -1).reshape(-1, 3)
        products = _products(hkl[hkl.any(axis=1)])
        products = products[np.abs(lines.q[:, None] - products @ metric).argmin(axis=1)]
        design = np.column_stack([products @ places.T, lines.slope]) / lines.slope[:, None]
        *free, more = np.linalg.lstsq(design, lines.q / lines.slope, rcond=None)[0]
        if not _is_cell(np.array(free) @ places) or abs(shift + more) > _MOST_SHIFT:
            break
        metric, shift = np.array(free) @ places, shift + more
    lines = _Lines(two_theta, shift, wavelength)
    return metric, _merit(metric, lines.q, lines.tolerance, lines.sharpest, len(places))


def _cell(metric: np.ndarray) -> tuple[tuple, tuple]:
    """Return lengths in Å and angles in degrees by a reciprocal metric (5,)."""
    a, b, c, d, e = metric
    direct = np.linalg.inv([[a, e / 2, d / 2], [e / 2, b, 0], [d / 2, 0, c]])
    parameters = cell_parameters(np.linalg.cholesky(direct)).tolist()
    return tuple(parameters[:3]), tuple(parameters[3:])


@njit(cache=True)
def _search(rows, chosen, places, q, tolerance, sharpest):
    """Return the metric (5,) that explains all lines with the largest figure of merit; zeros if none does."""
    count = places.shape[0]
    best, best_merit = np.zeros(5), 0.0
    matrix, right = np.empty((count, count)), np.empty(count)
    first = min(_FIRST, len(q))
    for number in range(len(chosen)):
        for code in range(len(rows) ** count):
            rest = code
            for i in range(count):
                matrix[i] = rows[rest % len(rows)]
                right[i] = q[chosen[number, i]]
                rest //= len(rows)
            if not _solve(matrix, right):
                continue
            metric = right @ places
            # most are told by the first lines
            if not _is_cell(metric) or _merit(metric, q[:first], tolerance, sharpest, count) == 0:
                continue
            merit = _merit(metric, q, tolerance, sharpest, count)
            if merit > best_merit:
                best, best_merit = metric, merit
    return best


@njit(cache=True)
def _solve(matrix, right):
    """Solve matrix · x = right in place; False where there is no solution."""
    n = len(right)
    for i in range(n):
        pivot = i
        for j in range(i + 1, n):
            if abs(matrix[j, i]) > abs(matrix[pivot, i]):
                pivot = j
        if abs(matrix[pivot, i]) < 1e-9:
            return False
        if pivot != i:
            for k in range(n):
                matrix[i, k], matrix[pivot, k] = matrix[pivot, k], matrix[i, k]
            right[i], right[pivot] = right[pivot], right[i]
        for j in range(n):
            if j != i:
                factor = matrix[j, i] / matrix[i, i]
                for k in range(i, n):
                    matrix[j, k] -= factor * matrix[i, k]
                right[j] -= factor * right[i]
    for i in range(n):
        right[i] /= matrix[i, i]
    return True


@njit(cache=True)
def _is_cell(metric):
    """Return whether a reciprocal metric is one of a cell of a size that crystals have."""
    a, b, c, d, e = metric
    if min(a, b, c) < 1 / 60**2 or max(a, b, c) > 1:
        return False
    square = a * b * c - b * d * d / 4 - c * e * e / 4
    # the h l component of the shortest vectors is no larger than either square
    return square > 1 / _LARGEST**2 and abs(d) <= 1.02 * min(a, c)


@njit(cache=True)
def _merit(metric, q, tolerance, sharpest, count):
    """Return the figure of merit of a cell, 0 if one of the lines is not on its lattice.

    `count` is the number of free components: of lines that are the same by symmetry, one is counted.
    """
    a, b, c, d, e = metric
    end = q[-1] + tolerance[len(q) - 1]
    nearest = np.full(len(q), np.inf)
    lines = 0
    reach = 1 / (1 - d * d / (4 * a * c) - e * e / (4 * a * b))
    for h in range(int(np.sqrt(end / a * reach)) + 1):
        for k in range((h if count < 3 else int(np.sqrt(end / b * reach))) + 1):
            deep = int(np.sqrt(end / c * reach))
            for m in range(-deep if d != 0 and h > 0 else 0, (min(k, deep) if count == 1 else deep) + 1):
                value = a * h * h + b * k * k + c * m * m + d * h * m + e * h * k
                if value > end or value == 0:
                    continue
                lines += 1
                at = np.searchsorted(q, value)
                for i in range(max(at - 1, 0), min(at + 1, len(q))):
                    nearest[i] = min(nearest[i], abs(q[i] - value))
    off = 0.0
    for i in range(len(q)):
        if nearest[i] > tolerance[i]:
            return 0.0
        off += max(nearest[i], sharpest[i])
    return q[-1] * len(q) / (2 * off * lines)
