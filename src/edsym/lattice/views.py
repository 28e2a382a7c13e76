"""Views oriented with a lattice one after the other, each making the lattice sharper for the next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy.spatial.transform import Rotation

from edsym.lattice.compare import reduced
from edsym.lattice.indexing import Fit, Indexing, index
from edsym.lattice.joint import refine
from edsym.lattice.orientation import coincidences, find_rotations
from edsym.lattice.pattern import LARGEST_S, View, lattice_points

Proposals = Mapping[int, Sequence[np.ndarray]]

MIN_GAIN = 12.0
"""Gain in log likelihood that a view must have from the lattice: rotations that are tried have about less."""
MIN_SHARE = 0.4
"""Share of the spots of a view that must be of the lattice."""
ALIKE = 0.12
"""Lattices of single views whose lengths and angles differ by less may be the same."""

# Share of a view's spots on the lattice, above which its own proposal needs no search besides.
_CONVINCING = 0.8
_N_CHANGES = 3
# Shares by which lengths may be wrong, with 1, 2, 3 ... views refined.
_RELATIVE = (0.05, 0.03, 0.015)
_N_EARLY, _N_LATE = 12, 6
_HOPELESS = 4
_TURNS = 4


@dataclass(frozen=True)
class Solution:
    """A lattice, and the views that it explains.

    Attributes
    ----------
    fit : Fit
        The lattice and the orientations.
    active : list of int
        The views that it explains.
    gain : (V,) array
        Gain in log likelihood of each view; 0 of those put aside.
    """

    fit: Fit
    active: list[int]
    gain: np.ndarray

    @property
    def total(self) -> float:
        """Gain of all views."""
        return float(self.gain.sum())

    def share(self, views: list[View]) -> float:
        """Return the share of the spots of these views that lie on the lattice."""
        points = points_of(views, self.fit)
        found = [index(views[v], self.fit, v, points).inlier for v in self.active]
        return float(np.concatenate(found).mean())


def grow(
    views: list[View],
    seed: int,
    basis: np.ndarray,
    sigma: float,
    proposals: Proposals = MappingProxyType({}),
    exact: bool = False,
) -> Solution:
    """Return what grows from the lattice that one view proposes.

    Parameters
    ----------
    views : list of View
        All views.
    seed : int
        The view that proposes the lattice.
    basis : (3, 3) array
        The proposal: reciprocal primitive vectors in the seed's beam frame.
    sigma : float
        Standard deviation of the positions in 1/Å, about.
    proposals : mapping of int to list of (3, 3) array
        What the views themselves propose, in their beam frames, reduced. Those with something like `basis`
        go first.
    exact : bool
        Whether the proposal is taken to be right within a per cent until others are refined with it: one that
        symmetry ties is, and its own view alone would make it worse.
    """
    fit = refine(views, Fit.start(reduced(basis), len(views), sigma), [seed], 4, strain=not exact)
    alike = {v: any(coincidences(fit.basis, own, ALIKE) for own in bases) for v, bases in proposals.items()}
    others = [v for v in range(len(views)) if v != seed]
    others.sort(key=lambda v: (not alike.get(v, False), -len(views[v].q)))
    active, failed = [seed], []
    for v in others:
        better = orient(views, fit, active, v, proposals.get(v, ()), exact)
        if better is None:
            failed.append(v)
            if len(active) == 1 and len(failed) == _HOPELESS:
                return Solution(fit, active, np.zeros(len(views)))
            continue
        fit = better
        active.append(v)
    if failed and len(active) > 1:
        fit = refine(views, fit, active, 6)
        for v in failed:
            fit = orient(views, fit, active, v) or fit
    return settled(views, fit)


def orient(
    views: list[View],
    fit: Fit,
    active: list[int],
    v: int,
    own: Sequence[np.ndarray] = (),
    exact: bool = False,
) -> Fit | None:
    """Return the fit with view v oriented and refined together with the active ones; None if it disagrees.

    Parameters
    ----------
    views : list of View
        All views.
    fit : Fit
        The lattice, and the active views' orientations.
    active : list of int
        The views that are oriented.
    v : int
        The view to orient.
    own : sequence of (3, 3) array
        Lattices that the view itself proposes, in its beam frame, reduced.
    exact : bool
        Whether lengths are right within a per cent from the start.
    """
    early = len(active) < 3
    relative = _RELATIVE[-1] if exact else _RELATIVE[min(len(active), len(_RELATIVE)) - 1]
    points = points_of(views, fit)
    best = (0.0, None)
    if early:
        for start, guide in _aligned(fit, v, own):
            together = refine(views, start, [*active, v], 8, relative / 2, guides={v: guide})
            best = max(best, _judged(views, together, [*active, v], points), key=lambda pair: pair[0])
        if best[1] is not None and index(views[v], best[1], v, points).inlier.mean() > _CONVINCING:
            return best[1]
    tried = []
    rotations = find_rotations(views[v], fit.basis, 3 * np.hypot(fit.sigma, 0.002), relative)
    for rotation in rotations[: _N_EARLY if early else _N_LATE]:
        one = refine(views, fit.oriented(v, rotation), [v], 3, relative / 2, strain=False)
        tried.append((index(views[v], one, v, points, relative / 2).gain.sum(), one))
    tried.sort(key=lambda pair: -pair[0])
    for _, one in tried[: 6 if early else 1]:
        together = refine(views, one, [*active, v], 8 if early else 3, relative / 2)
        best = max(best, _judged(views, together, [*active, v], points), key=lambda pair: pair[0])
    return best[1]


def _aligned(fit: Fit, v: int, own: Sequence[np.ndarray]) -> list[tuple[Fit, np.ndarray]]:
    """Return fits with view v oriented as its own proposals are, and these in the fit's indices."""
    found = []
    for basis in own:
        for change in coincidences(fit.basis, basis, ALIKE)[:_N_CHANGES]:
            guide = np.linalg.inv(change) @ basis
            turn, _ = Rotation.align_vectors(guide, fit.basis)
            found.append((fit.oriented(v, turn.as_matrix().T), guide))
    return found


def _judged(views: list[View], fit: Fit, active: list[int], points: np.ndarray) -> tuple[float, Fit | None]:
    """Return the gain of a fit, and the fit if its last view agrees with it."""
    found = [index(views[u], fit, u, points) for u in active]
    return (sum(each.gain.sum() for each in found), fit) if agrees(found[-1]) else (0.0, None)


def settled(views: list[View], fit: Fit) -> Solution:
    """Return the solution of a fit, refined without the views that disagree."""
    found = _all_indexed(views, fit)
    active = [v for v, one in enumerate(found) if agrees(one)]
    for turn in range(_TURNS):
        if not active:
            break
        fit = refine(views, fit, active, 4 if turn else 10)
        found, before = _all_indexed(views, fit), active
        active = [v for v, one in enumerate(found) if agrees(one)]
        if active == before:
            break
    gain = np.array([one.gain.sum() if v in active else 0.0 for v, one in enumerate(found)])
    return Solution(fit, active, gain)


def second_look(views: list[View], solution: Solution) -> Solution:
    """Return the solution after the views that it explains badly were oriented anew by the others."""
    found = _all_indexed(views, solution.fit)
    good = [v for v in solution.active if found[v].inlier.mean() > _CONVINCING]
    if len(good) < 2 or len(good) == len(views):
        return solution
    fit, active = refine(views, solution.fit, good, 6), list(good)
    for v in range(len(views)):
        better = None if v in good else orient(views, fit, active, v)
        if better is not None:
            fit = better
            active.append(v)
    other = settled(views, fit)
    return other if other.total > solution.total else solution


def _all_indexed(views: list[View], fit: Fit) -> list[Indexing]:
    points = points_of(views, fit)
    return [index(view, fit, v, points) for v, view in enumerate(views)]


def agrees(found: Indexing) -> bool:
    """Return whether the lattice explains a view so well that chance does not."""
    return found.gain.sum() > MIN_GAIN and found.inlier.mean() > MIN_SHARE


def points_of(views: list[View], fit: Fit) -> np.ndarray:
    """Return the indices of all lattice points that may be in a ring of the views."""
    return lattice_points(fit.basis, 1.05 * max(view.edges[-1] for view in views) + LARGEST_S)
