"""The lattices of crystals that overlap in one pattern, as grains or twins do."""

import numpy as np

from edsym.lattice.find import Found, find_lattice

FEWEST_SPOTS = 8
"""Spots of which a further lattice must be found, and that must lie on it."""
LEAST_PROBABILITY = 0.5
"""Probability that a further lattice must have."""

Crystal = tuple[Found, np.ndarray]
"""A lattice, and which spots it was looked for in."""


def find_overlapping(
    pattern: np.ndarray, wavelength: float, most: int, position_error: float | None = None
) -> list[Crystal]:
    """Return the lattices of the crystals in a pattern, the one with the most spots first.

    A lattice is looked for in all spots, the next one in those that are left, and so on. Then each is looked
    for again without the spots that only others explain.

    Parameters
    ----------
    pattern : (n, 3) array
        Rows of qx, qy (1/Å) and intensity.
    wavelength : float
        In Å.
    most : int
        How many crystals to look for at most.
    position_error : float, optional
        Standard deviation of a coordinate of a spot in 1/Å; the pattern itself tells it.

    Returns
    -------
    list of (Found, (m,) array of int)
        Each lattice with the rows of `pattern` that it was looked for in; none where nothing is found at all.
        Further lattices than the first have at least `FEWEST_SPOTS` spots and `LEAST_PROBABILITY`.
    """
    crystals: list[Crystal] = []
    rest = np.arange(len(pattern))
    while len(crystals) < most and (not crystals or len(rest) >= FEWEST_SPOTS):
        found = find_lattice([pattern[rest]], wavelength, position_error)
        if found is None or (crystals and not _is_one(found)):
            break
        crystals.append((found, rest))
        rest = rest[~indexed(found)]
    if len(crystals) < 2:
        return crystals
    explained = np.zeros((len(crystals), len(pattern)), bool)
    for own, (found, rows) in zip(explained, crystals, strict=True):
        own[rows] = indexed(found)
    free = ~explained.any(axis=0)
    again = [
        _again(crystal, np.flatnonzero(own | free), pattern, wavelength, position_error)
        for own, crystal in zip(explained, crystals, strict=True)
    ]
    return sorted(again, key=lambda one: -indexed(one[0]).sum())


def indexed(found: Found) -> np.ndarray:
    """Return which spots (m,) of a single pattern lie on its lattice, in the order that they had."""
    (view,), (one,) = found.views, found.indexed
    return (one.inlier > 0.5)[np.argsort(view.order, kind="stable")]


def _is_one(found: Found) -> bool:
    return found.probability >= LEAST_PROBABILITY and indexed(found).sum() >= FEWEST_SPOTS


def _again(
    crystal: Crystal, rows: np.ndarray, pattern: np.ndarray, wavelength: float, position_error: float | None
) -> Crystal:
    """Return the crystal, looked for in these rows of the pattern alone if it is more probable there."""
    found = find_lattice([pattern[rows]], wavelength, position_error)
    better = found is not None and found.probability > crystal[0].probability
    return (found, rows) if better else crystal
