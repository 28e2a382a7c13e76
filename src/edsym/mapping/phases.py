"""Phases of a scan: grains that one lattice explains, each at an orientation of its own.

A grain shows one orientation, and a small crystal a few spots. Grains of one material are views of one
crystal: together they tell its lattice, which no one of them need tell.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from tqdm import tqdm

from edsym.lattice.find import Found, find_lattice
from edsym.lattice.indexing import Indexing, index
from edsym.lattice.pattern import View
from edsym.lattice.views import orient, points_of

MOST = 24
"""Grains that a lattice is looked for in at once; all others are asked whether it explains them, too."""

# Of a pattern that a lattice of its own material explains, on typical spots of 12 mixtures of four materials:
# least share of spots on the lattice, and least gain in log likelihood a spot. By turning, a lattice explains
# half of the spots of any pattern.
_SHARE, _GAIN = 0.87, 4.5
# Gain that a free choice is worth: one of 8 pi² / 0.005³ rotations that can be told apart, and of six strains
# that can be told to a per cent.
_ROTATION, _LATTICE = 20.0, 30.0
# Least probability that the lattice of several grains is right.
_LIKELY = 0.5


def phases(patterns: Sequence[np.ndarray], wavelength: float, *, progress: bool = False) -> np.ndarray:
    """Return which phase each grain is of.

    The lattice that explains most of all grains makes a phase of those that it explains well; then the others
    are looked at alike, until no lattice explains two of them. What is left are phases of one grain: such a
    grain may well be of the same material as another.

    Parameters
    ----------
    patterns : sequence of G arrays (n, 3)
        Common pattern of each grain: qx, qy (1/Å) and intensity. Those that come first are looked at first;
        empty ones are phases of their own.
    wavelength : float
        Of the electrons, in Å.
    progress : bool
        Whether to show a progress bar of the grains whose phase is known.

    Returns
    -------
    (G,) array of int
        Number of the phase, from 0, in the order of their first grains.
    """
    left = [g for g, pattern in enumerate(patterns) if len(pattern)]
    phase = np.arange(len(patterns))
    with tqdm(total=len(left), desc="phases", unit="grain", disable=not progress) as bar:
        while len(left) > 1:
            found, own, tried = _common_lattice(left[:MOST], patterns, wavelength)
            if own:
                others = [g for g in left if g not in own]
                own += [g for g in others if _explains(found, patterns[g], wavelength)]
                phase[own] = min(own)
            # what no sure lattice has in common is not looked at for ever
            left = [g for g in left if g not in (own or tried)]
            bar.update(bar.total - len(left) - bar.n)
        bar.update(bar.total - bar.n)
    return np.unique(phase, return_inverse=True)[1]


def _common_lattice(
    grains: list[int], patterns: Sequence[np.ndarray], wavelength: float
) -> tuple[Found | None, list[int], list[int]]:
    """Return a lattice with the grains of its material, none if it is not sure, and what it was tried on."""
    found, own, tried = None, grains, grains
    while len(own) > 1:
        found = find_lattice([patterns[g] for g in own], wavelength)
        if found is None:
            return None, [], tried
        active = [own[v] for v in found.solution.active]
        tried = active if tried is grains else tried
        good = [own[v] for v in found.solution.active if _is_explained(found.indexed[v])]
        if good == own:
            evidence = found.solution.gain.sum() - _ROTATION * len(own) - _LATTICE
            sure = evidence > 0 and found.probability > _LIKELY
            return (found, own, tried) if sure else (None, [], tried)
        own = good
    return None, [], tried


def _is_explained(one: Indexing) -> bool:
    return one.inlier.mean() >= _SHARE and one.gain.sum() >= max(_GAIN * len(one.gain), _ROTATION)


def _explains(found: Found, pattern: np.ndarray, wavelength: float) -> bool:
    """Return whether a lattice explains a pattern besides those it was found in."""
    fit, n = found.solution.fit, len(found.views)
    views = [*found.views, View.of(*pattern.T, wavelength)]
    longer = replace(
        fit,
        rotation=np.concatenate([fit.rotation, np.eye(3)[None]]),
        centre=np.concatenate([fit.centre, np.zeros((1, 2))]),
    )
    better = orient(views, longer, found.solution.active, n)
    return better is not None and _is_explained(index(views[n], better, n, points_of(views, better)))
