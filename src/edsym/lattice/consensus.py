"""Several views of one crystal: the lattice that explains the spots of most of them.

Every view proposes lattices of its own. Alike ones are of a kind. From the best of a kind the answer grows,
see `edsym.lattice.views`. The kind whose lattice explains most, by the likelihood of `edsym.lattice.pattern`,
wins, if no lattice of two to four times as many or few points explains more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from edsym.lattice.compare import N_SHORTEST, deviation, reduced, shortest_lengths
from edsym.lattice.indexing import index
from edsym.lattice.pattern import View
from edsym.lattice.views import ALIKE, Solution, grow, points_of, second_look, settled

# Kinds of lattices that are grown, and proposals of a view that are taken up.
_N_SEEDS = 8
_N_OWN = 3
_SAME = 0.02
# Share of the views that agree and of their spots on the lattice, above which no other kind is tried.
_MOST_VIEWS = 0.65
_ENOUGH = 0.85
# Positions as bad as they may be at most tell of a wrong lattice.
_SHARP = 0.97
_NEARLY_ALL = 0.93
# Gain that a lattice with more or fewer points must bring.
_WORTH = 5.0
# Of the largest lattice within the largest |q|: a primitive cell of some 3,000 Å³.
_MOST_POINTS = 120_000


def solve(
    views: list[View], candidates: Sequence[Sequence[tuple[np.ndarray, float]]], sigma: float
) -> Solution | None:
    """Return the lattice that explains most of all views.

    Parameters
    ----------
    views : list of View
        The patterns.
    candidates : sequence of sequence of ((3, 3) array, float)
        For each view the lattices that it proposes, in its beam frame, and their probabilities.
    sigma : float
        Standard deviation of the positions in 1/Å, about.

    Returns
    -------
    Solution or None
        None if no view proposes anything.
    """
    radius = max(view.edges[-1] for view in views)
    proposals = {
        v: [(reduced(basis), p) for basis, p in some if _few_points(basis, radius)]
        for v, some in enumerate(candidates)
    }
    own = {v: _different([basis for basis, _ in some])[:_N_OWN] for v, some in proposals.items()}
    best = None
    seeds = _seeds(proposals)[:_N_SEEDS]
    for exact, (v, basis) in product((True, False), seeds):
        found = grow(views, v, basis, sigma, own, exact)
        if best is None or found.total > best.total:
            best = found
        if _is_enough(views, best):
            break
    return best and other_multiples(views, second_look(views, best))


def _different(bases: list[np.ndarray]) -> list[np.ndarray]:
    """Return the bases without those whose lattice is about that of an earlier one."""
    kept = []
    for basis in bases:
        if all(deviation(basis, other) > _SAME for other in kept):
            kept.append(basis)
    return kept


def _is_enough(views: list[View], solution: Solution) -> bool:
    """Return whether no other kind of lattice need be tried."""
    most = len(solution.active) >= _MOST_VIEWS * len(views)
    sharp = solution.fit.sigma < _SHARP * solution.fit.largest_sigma
    return most and sharp and solution.share(views) > _ENOUGH


def _few_points(basis: np.ndarray, radius: float) -> bool:
    return 4.2 * radius**3 < _MOST_POINTS * abs(np.linalg.det(basis))


def _seeds(proposals: Mapping[int, Sequence[tuple[np.ndarray, float]]]) -> list[tuple[int, np.ndarray]]:
    """Return proposals in the order of what others of their kind say for them.

    The best of each kind comes first, kind by kind, then the second best of each.
    """
    flat = [(v, basis, p) for v, some in proposals.items() for basis, p in some]
    flat.sort(key=lambda one: -one[2])
    lengths = np.array([shortest_lengths(basis) for _, basis, _ in flat]).reshape(-1, N_SHORTEST)
    left, kinds = np.ones(len(flat), bool), []
    while left.any():
        first = int(left.argmax())
        mine = left & (np.abs(lengths / lengths[first] - 1).max(axis=1) < ALIKE)
        left &= ~mine
        best = {}  # of each view the most probable, since what it says twice is said once
        for i in np.flatnonzero(mine):
            best.setdefault(flat[i][0], i)
        kinds.append((sum(flat[i][2] for i in best.values()), list(best.values())))
    kinds.sort(key=lambda kind: -kind[0])
    turns = [
        (turn, k, members[turn])
        for k, (_, members) in enumerate(kinds)
        for turn in range(min(len(members), 3))
    ]
    # The leading kind has its second and third turn before kinds that only one view proposes.
    turns.sort(key=lambda one: one[0] * 2 + one[1])
    return [flat[i][:2] for _, _, i in turns]


def other_multiples(views: list[View], solution: Solution) -> Solution:
    """Return the solution, or a better one with a lattice of two to four times fewer or more points."""
    while solution.active:
        fit, active = solution.fit, solution.active
        own = points_of(views, fit)
        found = [index(views[v], fit, v, own) for v in active]
        hkl = np.concatenate([one.hkl for one in found])
        weight = np.concatenate([one.inlier for one in found])
        best = solution
        for factor, coarse in _MULTIPLES:
            if coarse:  # the spots that are there tell at once whether the points between are not
                inside = np.abs(hkl @ np.linalg.inv(factor) % 1 - 0.5) > 0.4
                if inside.all(axis=1) @ weight < _NEARLY_ALL * weight.sum():
                    continue
            elif weight.mean() > _NEARLY_ALL:
                continue
            basis = factor @ fit.basis if coarse else np.linalg.inv(factor).T @ fit.basis
            if not _few_points(basis, views[0].edges[-1]):
                continue
            other = replace(fit, basis=reduced(basis))
            gain, points = np.zeros(len(views)), points_of(views, other)
            for v in active:
                gain[v] = index(views[v], other, v, points).gain.sum()
            if gain.sum() > best.total + _WORTH:
                best = Solution(other, active, gain)
        if best is solution:
            break
        solution = second_look(views, settled(views, best.fit))
    return solution


def _hermite_forms(n: int) -> list[np.ndarray]:
    """Return an integer matrix of determinant n for each sublattice of index n."""
    return [
        np.array([[a, b, c], [0, d, e], [0, 0, n // (a * d)]], np.float64)
        for a in range(1, n + 1)
        for d in range(1, n // a + 1)
        if n % (a * d) == 0
        for b, c, e in product(range(d), range(n // (a * d)), range(n // (a * d)))
    ]


_MULTIPLES = [(h, coarse) for coarse in (True, False) for n in (2, 3, 4) for h in _hermite_forms(n)]
