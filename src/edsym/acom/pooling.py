"""One orientation of patterns of one grain: what most of them say alone."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from edsym.acom.refinement import refine
from edsym.acom.rotations import disorientation
from edsym.acom.search import Match, Phase, described

_SAME = 3.0
"""Degrees within which matches of two patterns are one."""


def pool(
    patterns: Sequence[np.ndarray], alone: Sequence[list[Match]], phases: Sequence[Phase], sigma: float
) -> list[list[Match]]:
    """Return what explains the patterns of a grain, which has one phase and about one orientation.

    Each pattern votes by its score for its first match, and for the twin of that, which it cannot tell from
    it. The orientation is the mean of those that voted for the winner.

    Parameters
    ----------
    patterns : sequence of N (n, 3) arrays
        qx, qy in 1/Å and intensities; there may be few spots, or none.
    alone : sequence of N lists of Match
        What explains each pattern alone.
    phases : sequence of Phase
        The candidates.
    sigma : float
        Standard deviation of a coordinate of a spot in 1/Å.

    Returns
    -------
    list of N lists of Match
        The common match, refined to each pattern within `_SAME`. Its reliabilities are 1 less the share that
        the next orientation, and the next phase, has of its votes. Empty where it explains no spot of a
        pattern, or no pattern has a match.
    """
    found: list[list[Match]] = [[] for _ in patterns]
    votes = [
        (p, own[0].phase, rotation, own[0].score)
        for p, own in enumerate(alone)
        if own
        for rotation in (own[0].orientation, own[0].twin)[: 1 + (own[0].span == 2)]
    ]
    if not votes:
        return found
    supporters = [_supporters(votes, vote, phases) for vote in votes]
    support = np.array([sum(votes[v][3] for v in own) for own in supporters])
    best = int(support.argmax())
    _, which, rotation, _ = votes[best]
    mean = _mean([votes[v][2] for v in supporters[best]], rotation, phases[which].rotations)
    others = [s for (_, k, _, _), s in zip(votes, support, strict=True) if k != which]
    apart = [
        s
        for (_, k, other, _), s in zip(votes, support, strict=True)
        if k == which and disorientation(other, mean, phases[k].rotations) > 2 * _SAME
    ]
    sure = {
        "reliability": 1 - max(apart, default=0.0) / support[best],
        "phase_reliability": 1 - max(others, default=0.0) / support[best],
    }
    for p, pattern in enumerate(patterns):
        one = _seen(pattern, which, phases[which], mean, sigma) if len(pattern) else None
        found[p] = [] if one is None else [replace(one, **sure)]
    return found


def _supporters(votes: list, vote: tuple, phases: Sequence[Phase]) -> list[int]:
    """Return the votes, one of a pattern at most, for the phase and about the orientation of a vote."""
    _, phase, rotation, _ = vote
    nearest: dict[int, tuple[float, int]] = {}
    for v, (p, k, other, _) in enumerate(votes):
        away = disorientation(other, rotation, phases[k].rotations) if k == phase else np.inf
        if away <= _SAME:
            nearest[p] = min(nearest.get(p, (np.inf, v)), (away, v))
    return [v for _, v in nearest.values()]


def _mean(several: list[np.ndarray], rotation: np.ndarray, symmetry: np.ndarray) -> np.ndarray:
    """Return the mean of those equivalents of orientations that are nearest to one of them."""
    equivalents = np.einsum("nij,mjk->nmik", np.array(several), symmetry)
    trace = np.einsum("nmij,ij->nm", equivalents, rotation)
    nearest = equivalents[np.arange(len(several)), trace.argmax(axis=1)]
    return Rotation.from_matrix(nearest).mean().as_matrix()


def _seen(pattern: np.ndarray, which: int, phase: Phase, rotation: np.ndarray, sigma: float) -> Match | None:
    """Return an orientation as a match of a pattern, refined to it as far as it stays the same."""
    one = phase.reflections
    q, intensity = pattern[:, :2].copy(), pattern[:, 2].copy()
    crystal = one.vectors, one.potential, one.wavelength, one.thickness
    turned, frame = refine(rotation, *crystal, q, np.sqrt(intensity), sigma)
    if disorientation(turned, rotation, phase.rotations) > _SAME:  # few spots leave turns open
        turned, frame = rotation, np.zeros(3)
    return described(which, phase, (turned[None], frame[None], np.zeros(1)), [], q, intensity, sigma)
