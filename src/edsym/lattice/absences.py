"""For which space groups the systematic absences of indexed views speak.

A screw axis or a glide plane makes reflections absent. Double diffraction lights them up, so that some are
seen, mostly faint ones. Whatever the lattice, a view's spots are draws among the lattice points of their ring
of |q|, by weights that fall with the excitation error (see `edsym.lattice.pattern`); absent ones are drawn
`SEEN` times as often as others. The likelihood of the views under the absences of a space group, over that
without any, says how much they speak for it.
"""

from dataclasses import dataclass

import numpy as np

from edsym.lattice.absence_table import absence_table
from edsym.lattice.bravais import BravaisCell, bravais_lattices
from edsym.lattice.compare import reduced
from edsym.lattice.find import Found
from edsym.lattice.pattern import near_sphere, ring_weights
from edsym.lattice.views import points_of
from edsym.symmetry import N_SPACE_GROUPS

SEEN = np.array([0.04, 0.12, 0.5])
"""How often absent reflections are among the brighter, the middle and the fainter third of the spots, by how
often others are: measured on 388 sets of two to ten views of training materials, ideal and typical."""

# Bravais lattices that are less probable are not looked at.
_LEAST_PROBABILITY = 1e-3
# Fewer spots than this are expected of most lattice points near the sphere, which are left out if not seen.
_LEAST_EXPECTED = 0.01


@dataclass(frozen=True)
class Reflections:
    """Lattice points that N spots may be of, in the views that agree on the lattice.

    Attributes
    ----------
    hkl : (N, 3) array of int
        Indices in the basis of the fit.
    ring : (N,) array of int
        Ring of |q|, counted on over the views.
    expected : (N,) array
        How many spots each has, if it is as often seen as others.
    third : (N,) array of int
        0, 1, 2 if it is seen, and among the brighter, middle or fainter third for its |q| and excitation
        error; -1 if not.
    """

    hkl: np.ndarray
    ring: np.ndarray
    expected: np.ndarray
    third: np.ndarray


def absence_evidence(found: Found) -> np.ndarray:
    """Return the log likelihood of the seen reflections by the absences of each space group.

    Parameters
    ----------
    found : Found
        Views and their lattice.

    Returns
    -------
    (230,) array of float64
        In units of e, over the likelihood without absences; of a group with several settings in a Bravais
        lattice, that of the best. 0 for groups whose Bravais lattice is out of reach.
    """
    fit = found.solution.fit
    direct = np.linalg.inv(fit.basis).T
    evidence = np.full(N_SPACE_GROUPS, -np.inf)
    points = points_of(found.views, fit)
    parts = [_reflections(found, v, points) for v in found.solution.active]
    for cell in bravais_lattices(direct, fit.covariance):
        if parts and cell.probability >= _LEAST_PROBABILITY:
            groups, values = _of_cell(cell, _joined(parts), fit.basis)
            np.maximum.at(evidence, groups, values)
    return np.where(np.isfinite(evidence), evidence, 0.0)


def _reflections(found: Found, v: int, points: np.ndarray) -> Reflections:
    """Return the lattice points near the Ewald sphere of a view."""
    view, one, fit = found.views[v], found.indexed[v], found.solution.fit
    rings = len(view.edges) - 1
    hkl, s, ring = near_sphere(view, fit.seen(v), points)
    weights = (1 + (s / fit.widths[:, None]) ** 2) ** -2
    total = ring_weights(s, ring, rings, fit.widths)
    known = one.inlier > 0.5
    spots = np.stack([np.bincount(view.ring[known & (view.faint == f)], minlength=rings) for f in (0, 1)])
    expected = ((spots / total)[:, ring] * weights).sum(axis=0)
    third = np.full(len(hkl), -1)
    seen = {tuple(index): t for index, t in zip(one.hkl[known], _thirds(found, v, known), strict=True)}
    for i, index in enumerate(map(tuple, hkl)):
        third[i] = seen.get(index, -1)
    some = (expected > _LEAST_EXPECTED) | (third >= 0)
    return Reflections(hkl[some].astype(int), ring[some], expected[some], third[some])


def _thirds(found: Found, v: int, known: np.ndarray) -> np.ndarray:
    """Return 0, 1, 2 for spots that are brighter, about as bright and fainter than others at their place."""
    view, one, fit = found.views[v], found.indexed[v], found.solution.fit
    place = np.flatnonzero(known) / len(known)  # spots are sorted by their intensities
    q = np.hypot(*view.q[known].T)
    off = np.log1p((one.excitation[known] / fit.widths[1]) ** 2)
    trend = np.stack([np.ones(len(q)), q, q**2, off], axis=1)
    left = place - trend @ np.linalg.lstsq(trend, place, rcond=1e-6)[0]
    return 3 * np.argsort(np.argsort(left, kind="stable"), kind="stable") // max(len(left), 1)


def _joined(parts: list[Reflections]) -> Reflections:
    first = np.cumsum([0, *(part.ring.max(initial=-1) + 1 for part in parts)])
    return Reflections(
        np.concatenate([part.hkl for part in parts]),
        np.concatenate([part.ring + start for part, start in zip(parts, first, strict=False)]),
        np.concatenate([part.expected for part in parts]),
        np.concatenate([part.third for part in parts]),
    )


def _of_cell(cell: BravaisCell, reflections: Reflections, basis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return space groups, from 0 and one for each setting, and their log likelihoods."""
    table = absence_table(cell.bravais)
    conventional = cell.transformation @ reduced(np.linalg.inv(basis).T)
    hkl = np.rint(reflections.hkl @ basis @ conventional.T).astype(int)
    absent = table.absent(hkl).astype(np.float64)
    seen, ring = reflections.third >= 0, reflections.ring
    in_ring = np.eye(ring.max(initial=0) + 1)[ring]
    all_expected = reflections.expected @ in_ring
    share = (absent * reflections.expected) @ in_ring / np.maximum(all_expected, 1e-9)
    thirds = absent[:, seen] @ np.eye(3)[reflections.third[seen]]
    less = (seen @ in_ring) * np.log1p(-share.clip(max=1.0) * (1 - SEEN.mean()))
    return table.group, thirds @ np.log(SEEN) - less.sum(axis=1)
