"""Orientations and phases of patterns among candidate structures."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from edsym.acom.pooling import pool
from edsym.acom.rotations import in_fundamental_zone
from edsym.acom.search import FEWEST, Match, Phase, find_matches
from edsym.errors import InputError, MaterialError
from edsym.interface.orientation_result import Orientations
from edsym.interface.spots import Spots
from edsym.simulation.settings import SimulationSettings
from edsym.structures.structure import Structure

Q_MAX = 2.0
"""Length in 1/Å up to which spots are compared; those beyond are left out."""


def match_orientations(
    spots,
    cif_files: str | Path | Structure | Sequence,
    energy_kev: float = 300.0,
    thickness: float = 200.0,
    *,
    matches: int = 1,
    min_score: float = 0.0,
    step: float = 3.0,
    position_error: float = 0.005,
    grain: Sequence[int] | None = None,
    jobs: int = 1,
    progress: bool = False,
) -> Orientations:
    """Find which of several known phases each pattern is of, and how it is oriented.

    Parameters
    ----------
    spots : Spots or what `Spots.of` takes
        Every pattern is a crystal of its own. One of a list that is empty or impossible has no match.
    cif_files : path, Structure or sequence of them
        The candidate phases.
    energy_kev : float
        Energy of the electrons in keV.
    thickness : float
        Of the crystal in Å, about.
    matches : int
        Largest number of crystals a pattern: each further one explains spots that are left.
    min_score : float
        Score that a match must have, 0 to 1: what is none of the candidates has no match then.
    step : float
        Angle between the zone axes of the templates in degrees.
    position_error : float
        Standard deviation of a coordinate of a spot in 1/Å, with what the calibration is off.
    grain : (P,) sequence of int, optional
        Which grain each pattern is of; -1 of none. The patterns of a grain are of one phase at about one
        orientation, which all of them together decide (`edsym.acom.pooling`): each may have few spots then.
    jobs : int
        Threads. The result is the same.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Orientations
        Its ``to_frame()`` has Euler angles, scores and reliabilities; ``orientation`` the matrices.

    Raises
    ------
    InputError
        If a CIF file cannot be used (the message names it), or a value is impossible.

    Notes
    -----
    Templates are correlated as Ophus et al. (2022, Microsc. Microanal. 28, 390) do, the best refined by least
    squares; a likelihood decides between them and between phases. A phase that is not among the candidates is
    not found: look at the score, or give ``min_score``.

    Examples
    --------
    >>> patterns = edsym.simulate(edsym.Structure.from_cif("NaCl.cif"), n=2)
    >>> found = edsym.match_orientations(edsym.find_spots(patterns), ["NaCl.cif"])
    >>> found.to_frame()[["pattern", "phase"]].values.tolist()
    [[0, 'NaCl'], [1, 'NaCl']]
    """
    for name, value, low, high, unit in (
        ("matches", matches, 1, 20, ""),
        ("min_score", min_score, 0, 1, ""),
        ("step", step, 0.5, 10, "°"),
        ("position_error", position_error, 0.0005, 0.05, " 1/Å"),
        ("jobs", jobs, 1, 256, ""),
    ):
        if not low <= value <= high:
            raise InputError(f"{name} is {value:g}{unit}, expected {low:g} to {high:g}{unit}")
    names, phases = _phases(cif_files, energy_kev, thickness, step)
    labels, patterns, problems = _patterns(spots)
    one = partial(_matches, phases=phases, sigma=position_error, most=matches)
    with ThreadPoolExecutor(jobs) as threads:
        found = list(
            tqdm(threads.map(one, patterns), total=len(patterns), unit="pattern", disable=not progress)
        )
    if grain is not None:
        _pooled(found, patterns, np.asarray(grain), phases, position_error)
    for p, one in enumerate(found):
        found[p] = [match for match in one if match.score >= min_score]
        if one and not found[p]:
            best = max(match.score for match in one)
            problems[p] = f"the best score is {best:.2f}, expected {min_score:g} at least"
    return _gathered(labels, names, patterns, problems, found, matches, phases)


def _phases(candidates, energy_kev: float, thickness: float, step: float) -> tuple[tuple, list[Phase]]:
    """Return names and templates of the candidate phases."""
    one = isinstance(candidates, str | Path | Structure)
    candidates = [candidates] if one else list(candidates)
    if not candidates:
        raise InputError("there are no candidate phases: expected one CIF file at least")
    try:
        settings = SimulationSettings(g_max=Q_MAX, energy_kev=energy_kev, thickness_angstrom=thickness)
    except InputError as error:  # by the names of the arguments
        text = str(error).replace("simulation.", "").replace("thickness_angstrom", "thickness")
        raise InputError(text) from None
    names = [f"structure {k}" if isinstance(c, Structure) else Path(c).stem for k, c in enumerate(candidates)]
    phases = []
    for k, (name, candidate) in enumerate(zip(names, candidates, strict=True)):
        structure = candidate if isinstance(candidate, Structure) else Structure.from_cif(candidate)
        try:
            phases.append(Phase.of(structure, settings, step))
        except MaterialError as error:
            raise InputError(f"{name if one else candidates[k]}: {error}") from error
    if len(set(names)) < len(names):
        names = [str(candidate) for candidate in candidates]
    return tuple(names), phases


def _patterns(spots) -> tuple[np.ndarray, list[np.ndarray], list[str]]:
    """Return names, spots and problems of patterns; of a list each may have a problem of its own."""
    if (
        isinstance(spots, list | tuple)
        and len(spots)
        and all(np.ndim(part) != 1 or not len(part) for part in spots)
    ):
        parts, problems = [], []
        for part in spots:
            try:
                parts.append(next(iter(Spots.of([part]))))
                problems.append("")
            except InputError as error:
                parts.append(np.empty((0, 3)))
                problems.append(str(error).replace("pattern 0 ", ""))
        return np.arange(len(parts)), parts, problems
    spots = Spots.of(spots)
    parts = list(spots)
    return spots.view, parts, [""] * len(parts)


def _pooled(found: list, patterns: list, grain: np.ndarray, phases: list[Phase], sigma: float) -> None:
    """Put what all patterns of a grain say in the place of what each says alone."""
    if grain.shape != (len(patterns),):
        raise InputError(f"grain has the shape {grain.shape}, expected ({len(patterns)},): one a pattern")
    near = [pattern[np.hypot(*pattern.T[:2]) <= Q_MAX] for pattern in patterns]
    for g in np.unique(grain[grain >= 0]):
        mine = np.flatnonzero(grain == g)
        together = pool([near[p] for p in mine], [found[p] for p in mine], phases, sigma)
        for p, matches in zip(mine, together, strict=True):
            found[p] = matches


def _matches(pattern: np.ndarray, phases: list[Phase], sigma: float, most: int) -> list[Match]:
    near = np.hypot(*pattern.T[:2]) <= Q_MAX
    return find_matches(pattern[near], phases, sigma, most)


def _gathered(labels, names, patterns, problems, found, matches: int, phases: list[Phase]) -> Orientations:
    """Return lists of matches as arrays."""
    shape = len(found), matches
    result = Orientations(
        np.asarray(labels),
        names,
        tuple(phase.laue_class for phase in phases),
        np.full(shape, -1),
        np.full((*shape, 3, 3), np.nan),
        *(np.zeros(shape) for _ in range(3)),
        np.zeros(shape, int),
        np.array([len(pattern) for pattern in patterns]),
        np.zeros(shape, int),
        np.full((*shape, 3, 3), np.nan),
        np.array(problems, dtype=object),
    )
    for p, m, match in _numbered(found):
        result.phase[p, m], result.span[p, m] = match.phase, match.span
        result.matched[p, m] = match.matched.sum()
        rotations = phases[match.phase].rotations
        for name in ("orientation", "twin"):
            getattr(result, name)[p, m] = in_fundamental_zone(getattr(match, name)[None], rotations)[0]
        for name in ("score", "reliability", "phase_reliability"):
            getattr(result, name)[p, m] = getattr(match, name)
    for p in np.flatnonzero(~result.valid):
        few = len(patterns[p]) < FEWEST
        reason = (
            f"it has {len(patterns[p])} spots, expected {FEWEST} at least" if few else "no phase explains it"
        )
        result.problem[p] = result.problem[p] or reason
    return result


def _numbered(found: list[list[Match]]) -> Iterator[tuple[int, int, Match]]:
    for p, matches in enumerate(found):
        for m, match in enumerate(matches):
            yield p, m, match
