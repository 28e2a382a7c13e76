"""Lattices of grains of a scan: of single ones, of several together, and which grains one explains."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edsym.lattice.bravais import parameter_uncertainties
from edsym.lattice.compare import same_lattice
from edsym.lattice.find import Found, find_lattice, proposed
from edsym.lattice.indexing import Fit, Indexing, index
from edsym.lattice.joint import refine
from edsym.lattice.pattern import View
from edsym.lattice.views import Solution, orient, points_of
from edsym.mapping.candidates import LATTICE, ROTATION, Candidate

# Of a pattern that a lattice of its own material explains, on typical spots of 12 mixtures of four materials:
# least share of spots on the lattice, and least gain in log likelihood a spot. By turning, a lattice explains
# half of the spots of any pattern.
_SHARE, _GAIN = 0.87, 4.5
# Least probability that a lattice is right, and largest relative uncertainty of a length of one that several
# grains have in common: that of many views is known to 0.3 %, a dense one with a long axis to 4 % at best.
_LIKELY, _UNCERTAINTY = 0.5, 0.02
# Relative difference of lattices that are the same: `Found.probability` is that of being right within it.
_SAME = 0.03
_STEPS = 6  # of a refinement


class GrainLattices:
    """Lattices of grains by their patterns (n, 3) of qx, qy (1/Å) and intensity; none is looked for twice."""

    def __init__(self, patterns: Sequence[np.ndarray], wavelength: float):
        self.patterns, self.wavelength = patterns, wavelength
        self.proposals: dict[int, list] = {}
        self.singles: dict[int, Found | None] = {}
        self.gains: dict[tuple[int, int], float] = {}

    def of_one(self, g: int, grains: list[int]) -> Candidate:
        """Return the lattice of grain `g`, if it is likely, with what it explains of `grains`."""
        if g not in self.singles:
            found = self._find([g])
            likely = found is not None and found.probability > _LIKELY and _is_explained(found.indexed[0])
            self.singles[g] = found if likely else None
        found = self.singles[g]
        if found is None:
            return Candidate()
        for h in grains:
            if (g, h) not in self.gains:
                own = float(found.indexed[0].gain.sum())
                self.gains[g, h] = own if h == g else self.gain(found, h)
        return Candidate(found, {h: self.gains[g, h] for h in grains if self.gains[g, h]}, [g])

    def of_all(self, grains: list[int]) -> tuple[Candidate, list[int]]:
        """Return the lattice of several grains, if it is sure, and the grains that it was tried on."""
        own, tried = grains, grains
        while len(own) > 1:
            found = self._find(own)
            if found is None:
                break
            active = [own[v] for v in found.solution.active]
            tried = active if tried is grains else tried
            good = [own[v] for v in found.solution.active if _is_explained(found.indexed[v])]
            if good == own:
                sure = Candidate(found, dict(zip(own, found.solution.gain, strict=True)), own)
                if sure.evidence <= 0 or found.probability <= _LIKELY or _uncertainty(found) > _UNCERTAINTY:
                    break
                others = [(g, self.gain(found, g)) for g in grains if g not in own]
                return replace(sure, gains=sure.gains | {g: gain for g, gain in others if gain}), tried
            own = good
        return Candidate(), tried

    def joined(self, candidate: Candidate) -> Candidate:
        """Return a candidate with the lattice that all of its grains refine, and those that it explains then.

        The lattice of a single grain is known to some per cent along its beam, and fits what is not of its
        crystal by these. Grains join by their gains, and each makes the lattice sharper for the next; those
        that it does not explain are asked once more by all that have joined. Who is explained no more leaves,
        and so does who is more likely a crystal of its own, see `_stranger`.
        """
        own = list(candidate.own)
        grains = own + sorted(candidate.gains.keys() - set(own), key=lambda g: -candidate.gains[g])
        views, fit = self._with(candidate.found, grains[len(own) :])
        active = list(candidate.found.solution.active)
        for _ in range(2):
            for v in range(len(grains)):
                better = None if v in active else orient(views, fit, active, v)
                if better is not None and _is_explained(_indexed(views, better, v)):
                    fit, active = better, [*active, v]
        while active:
            fit = refine(views, fit, active, _STEPS)
            left = [v for v in active if _is_explained(_indexed(views, fit, v))]
            if left == active:
                left = [v for v in active if v != _stranger(views, fit, active)]
            if left == active:
                break
            active = left
        found = _of_views(candidate.found, views, fit, active)
        own = [grains[v] for v in active]
        return Candidate(found, dict(zip(own, found.solution.gain.tolist(), strict=True)), own)

    def is_found_again(self, candidate: Candidate) -> bool:
        """Return whether the grains of a candidate, looked at anew together, have its lattice."""
        again = self._find(sorted(candidate.own))
        if again is None:
            return False
        cells = [np.linalg.inv(one.solution.fit.basis).T for one in (again, candidate.found)]
        return same_lattice(*cells, _SAME)

    def gain(self, found: Found, g: int) -> float:
        """Return the gain of a grain on a lattice that others were found in; 0 where that explains it not."""
        views, fit = self._with(found, [g])
        better = orient(views, fit, found.solution.active, len(found.views))
        if better is None:
            return 0.0
        one = _indexed(views, better, len(found.views))
        return float(one.gain.sum()) if _is_explained(one) else 0.0

    def _find(self, grains: list[int]) -> Found | None:
        patterns = [self.patterns[g] for g in grains]
        for g, pattern in zip(grains, patterns, strict=True):
            if g not in self.proposals:
                self.proposals[g] = proposed(pattern, self.wavelength)
        return find_lattice(patterns, self.wavelength, candidates=[self.proposals[g] for g in grains])

    def _with(self, found: Found, grains: Sequence[int]) -> tuple[list[View], Fit]:
        """Return the views of a lattice and of other grains, and its fit with room for these."""
        fit, n = found.solution.fit, len(grains)
        more = [View.of(*self.patterns[g].T, self.wavelength) for g in grains]
        rotation = np.concatenate([fit.rotation, np.repeat(np.eye(3)[None], n, axis=0)])
        longer = replace(fit, rotation=rotation, centre=np.concatenate([fit.centre, np.zeros((n, 2))]))
        return [*found.views, *more], longer


def _indexed(views: list[View], fit: Fit, v: int) -> Indexing:
    return index(views[v], fit, v, points_of(views, fit))


def _stranger(views: list[View], fit: Fit, active: list[int]) -> int | None:
    """Return the view that is most likely a crystal of its own, if any is.

    Without it, the lattice explains the others better, and a lattice of its own explains it better. A lattice
    more is six strains more, whose price both together must exceed.
    """
    if len(active) < 3:
        return None
    gain = {v: _indexed(views, fit, v).gain.sum() for v in active}
    worth = {}
    for v in active:
        others = [other for other in active if other != v]
        without, alone = refine(views, fit, others, _STEPS), refine(views, fit, [v], _STEPS)
        freed = _indexed(views, alone, v).gain.sum() - gain[v]
        better = sum(_indexed(views, without, other).gain.sum() - gain[other] for other in others)
        worth[v] = better + max(freed, 0.0)  # steps of a single view may end nowhere
    worst = max(worth, key=worth.get)
    return worst if worth[worst] > LATTICE else None


def _of_views(found: Found, views: list[View], fit: Fit, active: list[int]) -> Found:
    """Return a lattice in the active views alone."""
    indexed = [_indexed(views, fit, v) for v in active]
    gain = np.array([one.gain.sum() for one in indexed])
    fit = replace(fit, rotation=fit.rotation[active], centre=fit.centre[active])
    chosen = [views[v] for v in active]
    return Found(chosen, Solution(fit, list(range(len(active))), gain), indexed, found.probability)


def _uncertainty(found: Found) -> float:
    """Return the largest uncertainty of a length of the cell, over the length."""
    direct = np.linalg.inv(found.solution.fit.basis).T
    uncertainties = parameter_uncertainties(direct, found.solution.fit.covariance)[:3]
    return float((uncertainties / np.linalg.norm(direct, axis=1)).max())


def _is_explained(one: Indexing) -> bool:
    return one.inlier.mean() >= _SHARE and one.gain.sum() >= max(_GAIN * len(one.gain), ROTATION)
