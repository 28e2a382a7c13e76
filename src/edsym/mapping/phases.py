"""Phases of a scan: grains that one lattice explains, each at an orientation of its own.

A grain shows one orientation, and a small crystal a few spots. Grains of one material are views of one
crystal: together they tell its lattice, which no one of them need tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from tqdm import tqdm

from edsym.lattice.bravais import parameter_uncertainties
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
# Least probability that a lattice is right, and largest relative uncertainty of a length of one that several
# grains have in common: that of many views is known to 0.3 %, a dense one with a long axis to 4 % at best.
_LIKELY, _UNCERTAINTY = 0.5, 0.02
# What a lattice gains on grains that another was found in, over what that one gains: at least so much where
# both are one. One of four times as many points gains a fifth less.
_ALIKE = 0.9


def phases(patterns: Sequence[np.ndarray], wavelength: float, *, progress: bool = False) -> np.ndarray:
    """Return which phase each grain is of.

    Of the lattice that all grains have together and those that single ones have, the one with most evidence
    makes a phase of the grains that it explains best; then the others are looked at alike, until no lattice
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
    singles = _Singles(patterns, wavelength)
    with tqdm(total=len(left), desc="phases", unit="grain", disable=not progress) as bar:
        while len(left) > 1:
            near, far = left[:MOST], left[MOST:]
            common, tried = _common_lattice(near, patterns, wavelength)
            best = _best_of([common, *(singles.candidate(g, near) for g in near)])
            own = list(best.gains)
            if own:
                own += [g for g in far if _gain(best.found, patterns[g], wavelength)]
                phase[own] = min(own)
            # what no sure lattice has in common is not looked at for ever
            left = [g for g in left if g not in (own or tried)]
            bar.update(bar.total - len(left) - bar.n)
        bar.update(bar.total - bar.n)
    return np.unique(phase, return_inverse=True)[1]


@dataclass(frozen=True)
class _Candidate:
    """A lattice, the gain in log likelihood of each grain that it explains, and those it was found in."""

    found: Found | None = None
    gains: dict[int, float] = field(default_factory=dict)
    own: Sequence[int] = ()

    @property
    def evidence(self) -> float:
        """Gain above what free choices are worth; one grain is no phase of several."""
        if len(self.gains) < 2:
            return 0.0
        return sum(self.gains.values()) - _ROTATION * len(self.gains) - _LATTICE

    def without(self, rivals: list["_Candidate"]) -> "_Candidate":
        """Return it without the grains that another lattice explains better."""
        other = [one for one in rivals if not self._is_that_of(one)]
        kept = {
            g: gain for g, gain in self.gains.items() if all(gain >= one.gains.get(g, 0.0) for one in other)
        }
        return replace(self, gains=kept)

    def _is_that_of(self, other: "_Candidate") -> bool:
        """Return whether it explains the other's own grains nearly as well: then both are of one crystal."""
        gain = sum(self.gains.get(g, 0.0) for g in other.own)
        return gain >= _ALIKE * sum(other.gains[g] for g in other.own)


def _best_of(candidates: list[_Candidate]) -> _Candidate:
    """Return the candidate that has most evidence without the grains that others explain better.

    A dense lattice with a long axis explains a little of everything, and is what all grains may have in
    common. The lattice of a crystal, where one of its grains shows it, explains the others better.
    """
    good = [one for one in candidates if one.evidence > 0]
    left = [one.without(good) for one in good]
    return max((one for one in left if one.evidence > 0), key=lambda one: one.evidence, default=_Candidate())


class _Singles:
    """Lattices of single grains, and what each explains of other grains; nothing is looked for twice."""

    def __init__(self, patterns: Sequence[np.ndarray], wavelength: float):
        self.patterns, self.wavelength = patterns, wavelength
        self.found: dict[int, Found | None] = {}
        self.gain: dict[tuple[int, int], float] = {}

    def candidate(self, g: int, grains: list[int]) -> _Candidate:
        """Return the lattice of grain `g`, if it is likely, with what it explains of `grains`."""
        if g not in self.found:
            found = find_lattice([self.patterns[g]], self.wavelength)
            likely = found is not None and found.probability > _LIKELY and _is_explained(found.indexed[0])
            self.found[g] = found if likely else None
        found = self.found[g]
        if found is None:
            return _Candidate()
        for h in grains:
            if (g, h) not in self.gain:
                own = float(found.indexed[0].gain.sum())
                self.gain[g, h] = own if h == g else _gain(found, self.patterns[h], self.wavelength)
        return _Candidate(found, {h: self.gain[g, h] for h in grains if self.gain[g, h]}, [g])


def _common_lattice(
    grains: list[int], patterns: Sequence[np.ndarray], wavelength: float
) -> tuple[_Candidate, list[int]]:
    """Return the lattice of several grains, none if it is not sure, and the grains that it was tried on."""
    own, tried = grains, grains
    while len(own) > 1:
        found = find_lattice([patterns[g] for g in own], wavelength)
        if found is None:
            break
        active = [own[v] for v in found.solution.active]
        tried = active if tried is grains else tried
        good = [own[v] for v in found.solution.active if _is_explained(found.indexed[v])]
        if good == own:
            sure = _Candidate(found, dict(zip(own, found.solution.gain, strict=True)), own)
            if sure.evidence <= 0 or found.probability <= _LIKELY or _uncertainty(found) > _UNCERTAINTY:
                break
            others = [(g, _gain(found, patterns[g], wavelength)) for g in grains if g not in own]
            return replace(sure, gains=sure.gains | {g: gain for g, gain in others if gain}), tried
        own = good
    return _Candidate(), tried


def _uncertainty(found: Found) -> float:
    """Return the largest uncertainty of a length of the cell, over the length."""
    direct = np.linalg.inv(found.solution.fit.basis).T
    uncertainties = parameter_uncertainties(direct, found.solution.fit.covariance)[:3]
    return float((uncertainties / np.linalg.norm(direct, axis=1)).max())


def _is_explained(one: Indexing) -> bool:
    return one.inlier.mean() >= _SHARE and one.gain.sum() >= max(_GAIN * len(one.gain), _ROTATION)


def _gain(found: Found, pattern: np.ndarray, wavelength: float) -> float:
    """Return the gain of a pattern on a lattice that others were found in, 0 where it is not explained."""
    fit, n = found.solution.fit, len(found.views)
    views = [*found.views, View.of(*pattern.T, wavelength)]
    longer = replace(
        fit,
        rotation=np.concatenate([fit.rotation, np.eye(3)[None]]),
        centre=np.concatenate([fit.centre, np.zeros((1, 2))]),
    )
    better = orient(views, longer, found.solution.active, n)
    if better is None:
        return 0.0
    one = index(views[n], better, n, points_of(views, better))
    return float(one.gain.sum()) if _is_explained(one) else 0.0
