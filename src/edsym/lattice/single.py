"""The lattice from one still pattern at unknown orientation."""

import numpy as np

from edsym.errors import InputError
from edsym.lattice.bases import best_bases
from edsym.lattice.candidate import Candidate
from edsym.lattice.differences import differences, position_error
from edsym.lattice.likelihood import WIDTH, spreads
from edsym.lattice.periods import find_periods
from edsym.lattice.points import reduced
from edsym.lattice.refinement import evaluate, refine
from edsym.lattice.symmetrise import symmetrised

FEWEST_SPOTS = 5
"""Spots below which nothing is said."""
_MOST_SPOTS = 120  # the brightest: weak ones are far from the sphere, and many
_PERIODS = 30
_BASES = 60
_LATTICES = 8
_SYMMETRISED = 4
_ERRORS = 3e-4, 0.01  # bounds of the standard deviation of a coordinate in 1/Å
_NARROWING = np.array([6.0, 3.0, 1.0, 1.0])


def single_view(qx, qy, intensity, wavelength, *, tolerance=None, n=5) -> list[Candidate]:
    """Return the lattices that may have made one pattern, the likeliest first.

    Parameters
    ----------
    qx, qy : (s,) array_like
        Positions of the spots from the direct beam, in 1/Å.
    intensity : (s,) array_like
        Intensities, above 0, in any unit.
    wavelength : float
        Of the electrons, in Å.
    tolerance : float, optional
        Standard deviation of a coordinate of a spot in 1/Å; by default the pattern itself tells.
    n : int
        How many lattices to return at most.

    Returns
    -------
    list of Candidate
        None if there are fewer than `FEWEST_SPOTS` spots or no lattice explains them.

    Raises
    ------
    InputError
        If a value is not finite, an intensity not above 0, or lengths differ.
    """
    columns = _checked(qx, qy, intensity, wavelength)
    if columns.shape[1] < FEWEST_SPOTS:
        return []
    bright = np.argsort(-columns[2], kind="stable")[:_MOST_SPOTS]
    bright = bright[np.argsort(columns[0, bright], kind="stable")]
    x, y, brightness = np.ascontiguousarray(columns[:, bright])
    length = np.hypot(x, y)
    spread = spreads(length, brightness, WIDTH)
    found = position_error(*differences(x, y), *_ERRORS) if tolerance is None else float(tolerance)
    error = max(1.2 * found, 0.001)
    sphere = np.column_stack([x, y, -wavelength / 2 * length**2])
    periods, _ = find_periods(sphere, spread, _PERIODS)
    if len(periods) < 3:
        return []
    bases, _ = best_bases(sphere, spread, max(error, 0.002), periods, _BASES)
    pattern = wavelength, x, y, brightness, spread, error
    fits = []
    for basis in _distinct(bases):
        fit = evaluate(*refine(basis, np.zeros(2), _NARROWING, *pattern), True, *pattern)
        if np.isfinite(fit[5]):
            fits.append((fit[5], fit))
    fits.sort(key=lambda one: -one[0])
    fits = [symmetrised(fit, pattern) for _, fit in fits[:_SYMMETRISED]] + fits[_SYMMETRISED:]
    fits.sort(key=lambda one: -one[0])
    return [_candidate(columns, bright, score, fit[0], fit[1], fit[3], fit[4]) for score, fit in fits[:n]]


def _checked(qx, qy, intensity, wavelength) -> np.ndarray:
    """Return the columns (3, s), checked."""
    columns = [np.asarray(values, dtype=np.float64) for values in (qx, qy, intensity)]
    if columns[0].ndim != 1 or len({values.shape for values in columns}) != 1:
        shapes = ", ".join(str(values.shape) for values in columns)
        raise InputError(f"qx, qy and intensity have the shapes {shapes}; expected (s,) for all three")
    if not all(np.isfinite(values).all() for values in columns):
        raise InputError("a spot is not three finite numbers")
    if (columns[2] <= 0).any():
        raise InputError(f"an intensity is {columns[2].min():.4g}; expected more than 0")
    if not 0.001 < wavelength < 0.2:
        raise InputError(f"wavelength: {wavelength:.4g} Å is not allowed; electrons have 0.001 to 0.2 Å")
    return np.stack(columns)


def _distinct(bases) -> list[np.ndarray]:
    """Return the reciprocal bases of the first lattices that differ, as far as soft heights tell."""
    kept = []
    for basis in bases:
        basis = reduced(basis)
        if not any(_alike(basis, other) for other in kept):
            kept.append(basis)
            if len(kept) == _LATTICES:
                break
    return [np.ascontiguousarray(np.linalg.inv(basis).T) for basis in kept]


def _alike(basis, other) -> bool:
    whole = np.round(basis @ np.linalg.inv(other))
    off = basis - whole @ other
    return (
        abs(round(np.linalg.det(whole))) == 1
        and bool((np.hypot(off[:, 0], off[:, 1]) < 0.3).all())
        and bool((np.abs(off[:, 2]) < 2).all())
    )


def _candidate(columns, bright, score, basis, origin, points, spot) -> Candidate:
    n = columns.shape[1]
    hkl, residual = np.zeros((n, 3), dtype=np.int64), np.full(n, np.inf)
    seen = np.flatnonzero(spot >= 0)
    at = bright[spot[seen]]
    hkl[at] = points[seen]
    off = columns[:2, at].T - points[seen] @ basis[:, :2] - origin
    residual[at] = np.hypot(*off.T)
    # Three vectors and the origin, of two components each, were fitted.
    spread = np.sqrt((off**2).sum() / max(1, 2 * len(at) - 8))
    return Candidate(basis, hkl, np.isfinite(residual), residual, float(score), 0.5, float(spread))
