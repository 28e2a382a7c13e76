"""What a model and the lattice finder say of crystals of a scan, each with its patterns: arrays for a map."""

import warnings

import numpy as np

from edsym.errors import InputError, InputWarning
from edsym.interface.cell import find_cell
from edsym.interface.model import MAX_SPOTS, TrainedModel
from edsym.interface.spots import Spots
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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)  # reasons tell it, position by position
        chosen = [views for views, ask in zip(crystals, asked, strict=True) if ask]
        answer = trained.predict(as_spots(chosen), energy_kev=energy_kev, threads=threads)
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


def cells(crystals: list[list[np.ndarray]], energy_kev: float) -> tuple[np.ndarray, ...]:
    """Return cells of crystals, errors, primitive and oriented cells, lattices, and how probable they are.

    A cell is oriented as it lies in the first pattern.
    """
    n = len(crystals)
    cell, error = np.full((2, n, 6), np.nan)
    primitive, basis = np.full((2, n, 3, 3), np.nan)
    bravais, probability = np.full(n, "", dtype="U2"), np.zeros(n)
    for g, views in enumerate(crystals):
        if min(map(len, views)) < FEWEST:
            continue
        try:
            found = find_cell(as_spots([views]), energy_kev)
        except InputError:  # no lattice explains it
            continue
        if found.bravais:
            best = found.bravais[0]
            cell[g], error[g], bravais[g] = best.parameters, best.uncertainties, best.bravais
            primitive[g], basis[g] = found.primitive, found.views[0].basis
            probability[g] = found.probability
    return cell, error, primitive, basis, bravais, probability


def of_phases(
    phase: np.ndarray,
    common: list[np.ndarray],
    grain_answers: tuple[np.ndarray, ...],
    trained: TrainedModel,
    energy_kev: float,
    threads: int,
) -> list[np.ndarray]:
    """Return answers and cells of phases: those of their first grains, but for phases of several grains."""
    sizes = np.bincount(phase)
    found = [values[np.unique(phase, return_index=True)[1]] for values in grain_answers]
    several = np.flatnonzero(sizes > 1)
    if len(several):
        crystals = [[common[g] for g in np.flatnonzero(phase == p)] for p in several]
        asked = (*answers(trained, crystals, energy_kev, threads), *cells(crystals, energy_kev))
        for values, own in zip(found, asked, strict=True):
            values[several] = own
    return found
