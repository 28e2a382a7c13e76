"""Phases of a scan: grains that one lattice explains, each at an orientation of its own.

A grain shows one orientation, and a small crystal a few spots. Grains of one material are views of one
crystal: together they tell its lattice, which no one of them need tell.
"""

from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from edsym.mapping.candidates import ranked
from edsym.mapping.grain_lattices import GrainLattices

MOST = 24
"""Grains that a lattice is looked for in at once; all others are asked whether it explains them, too."""


def phases(patterns: Sequence[np.ndarray], wavelength: float, *, progress: bool = False) -> np.ndarray:
    """Return which phase each grain is of.

    Of the lattice that all grains have together and those that single ones have, the one with most evidence
    makes a phase of the grains that it explains best, and still explains when all of them have refined it, if
    these have it when they are looked at anew together. Then the others are looked at alike, until no lattice
    explains two of them. What is left are phases of one grain: such a grain may well be of the same material
    as another.

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
    lattices = GrainLattices(patterns, wavelength)
    with tqdm(total=len(left), desc="phases", unit="grain", disable=not progress) as bar:
        while len(left) > 1:
            near, far = left[:MOST], left[MOST:]
            common, tried = lattices.of_all(near)
            candidates = ranked([common, *(lattices.of_one(g, near) for g in near)])
            joined = (one for one in map(lattices.joined, candidates) if len(one.own) > 1)
            best = next(filter(lattices.is_found_again, joined), None)
            own = [] if best is None else [*best.own, *(g for g in far if lattices.gain(best.found, g))]
            if own:
                phase[own] = min(own)
            # what no sure lattice has in common is not looked at for ever
            left = [g for g in left if g not in (own or tried)]
            bar.update(bar.total - len(left) - bar.n)
        bar.update(bar.total - bar.n)
    return np.unique(phase, return_inverse=True)[1]
