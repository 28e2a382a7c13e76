"""What a model and the lattice finder say of crystals of a scan, each with its patterns: arrays for a map."""

from collections.abc import Callable

import numpy as np

from edsym.errors import InputError
from edsym.interface.cell import find_cell
from edsym.interface.model import MAX_SPOTS, TrainedModel
from edsym.interface.spots import Spots
from edsym.mapping.parts import Crystals
from edsym.spots.store import offsets

FEWEST = 5
"""Fewer spots say nothing of a crystal: the paper leaves such patterns out."""


def answers(
    trained: TrainedModel, crystals: list[list[np.ndarray]], energy_kev: float, threads: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the probabilities of systems and space groups of crystals, each with its patterns.

    They are NaN where a pattern has too few spots, or too many.
    """
    found = tuple(np.full((len(crystals), n), np.nan, np.float32) for n in (7, 230))
    asked = [all(FEWEST <= len(view) <= MAX_SPOTS for view in views) for views in crystals]
    if not any(asked):
        return found
    chosen = [views for views, ask in zip(crystals, asked, strict=True) if ask]
    # Reasons tell, position by position, which answers cannot be relied on.
    answer = trained.predict(as_spots(chosen), energy_kev=energy_kev, threads=threads, warn=False)
    found[0][asked], found[1][asked] = answer.p_system_views, answer.p_spacegroup_views
    return found


def as_spots(crystals: list[list[np.ndarray]]) -> Spots:
    """Return the patterns of crystals, with intensities that sum up to 1 in each pattern."""
    patterns = [view for views in crystals for view in views]
    columns = np.concatenate([p / [1, 1, p[:, 2].sum()] for p in patterns]).T.astype(np.float32)
    number = np.repeat(np.arange(len(crystals)), [len(views) for views in crystals])
    counts = np.array([len(pattern) for pattern in patterns])
    names, view = np.arange(len(crystals)).astype(str), np.arange(len(patterns))
    return Spots(names, number, view, offsets(counts), *columns, absolute=False)


def said_of(
    crystals: list[list[np.ndarray]],
    trained: TrainedModel,
    energy_kev: float,
    threads: int = 1,
    *,
    done: Callable[[], object] = lambda: None,
) -> Crystals:
    """Return what a model and the lattice finder say of crystals, each with its patterns.

    A cell is oriented as it lies in the first pattern; there is none where a pattern has too few spots.
    `done` is called after each crystal.
    """
    n = len(crystals)
    found = Crystals(
        *answers(trained, crystals, energy_kev, threads),
        *np.full((2, n, 6), np.nan), *np.full((2, n, 3, 3), np.nan), np.full(n, "", dtype="U2"), np.zeros(n),
    )  # fmt: skip
    for g, views in enumerate(crystals):
        done()
        try:
            cell = find_cell(as_spots([views]), energy_kev) if min(map(len, views)) >= FEWEST else None
        except InputError:  # no lattice explains it
            continue
        if cell is not None and cell.bravais:
            best = cell.bravais[0]
            found.cell[g], found.cell_error[g] = best.parameters, best.uncertainties
            found.primitive[g], found.basis[g] = cell.primitive, cell.views[0].basis
            found.bravais[g], found.lattice[g] = best.bravais, cell.probability
    return found


def said_of_phases(
    phase: np.ndarray,
    common: list[np.ndarray],
    of_grains: Crystals,
    said: Callable[[list[list[np.ndarray]]], Crystals],
) -> Crystals:
    """Return what is said of phases: what is said of their first grains, but for phases of several grains.

    `said` returns what is said of these, each with the patterns of its grains.
    """
    found = of_grains.take(np.unique(phase, return_index=True)[1])
    several = np.flatnonzero(np.bincount(phase) > 1)
    if not len(several):
        return found
    return found.with_rows(several, said([[common[g] for g in np.flatnonzero(phase == p)] for p in several]))
