"""From the spots of one or several patterns to a cell: all steps in their order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edsym.lattice.candidate import Candidate
from edsym.lattice.compare import reduced
from edsym.lattice.confidence import probability_of_views
from edsym.lattice.consensus import solve
from edsym.lattice.indexing import Fit, Indexing, index
from edsym.lattice.joint import refine, with_covariance
from edsym.lattice.pattern import View
from edsym.lattice.single import single_view
from edsym.lattice.views import Solution, points_of

_LEAST_ERROR = 3e-4
_N_CANDIDATES = 8


@dataclass(frozen=True)
class Found:
    """A lattice found in V patterns.

    Attributes
    ----------
    views : list of View
        The patterns.
    solution : Solution
        The lattice, on a reduced primitive cell, and its orientations.
    indexed : list of Indexing
        What it makes of the spots of each pattern.
    probability : float
        Probability that the lattice is right.
    """

    views: list[View]
    solution: Solution
    indexed: list[Indexing]
    probability: float


def proposed(pattern: np.ndarray, wavelength: float, position_error: float | None = None) -> list[Candidate]:
    """Return the lattices that one pattern proposes to `find_lattice`, which takes the same parameters."""
    return single_view(*pattern.T, wavelength, tolerance=position_error, n=_N_CANDIDATES)


def find_lattice(
    patterns: list[np.ndarray],
    wavelength: float,
    position_error: float | None = None,
    candidates: Sequence[list[Candidate]] | None = None,
) -> Found | None:
    """Return the lattice of patterns of one crystal.

    Parameters
    ----------
    patterns : list of (n, 3) array
        Rows of qx, qy (1/Å) and intensity.
    wavelength : float
        In Å.
    position_error : float, optional
        Standard deviation of a coordinate of a spot in 1/Å; the patterns themselves tell it.
    candidates : sequence of list of Candidate, optional
        What each pattern has `proposed`, where that is known from before.

    Returns
    -------
    Found or None
        None if no lattice explains any of the patterns.
    """
    views = [View.of(*pattern.T, wavelength) for pattern in patterns]
    if candidates is None:
        candidates = [proposed(pattern, wavelength, position_error) for pattern in patterns]
    if not any(candidates):
        return None
    if position_error is None:
        errors = [some[0].position_error for some in candidates if some]
        position_error = max(float(np.median(errors)), _LEAST_ERROR)
    solution = None
    if len(views) > 1:
        proposals = [
            [(one.basis, one.probability / (rank + 1)) for rank, one in enumerate(some)]
            for some in candidates
        ]
        solution = solve(views, proposals, position_error)
    if solution is None or len(solution.active) < 2:
        solution, probability = _alone(views, candidates, position_error)
    else:
        probability = None
    solution = replace(solution, fit=_on_reduced_cell(solution.fit))
    points = points_of(views, solution.fit)
    indexed = [index(view, solution.fit, v, points) for v, view in enumerate(views)]
    if probability is None:
        probability = probability_of_views(solution, indexed)
    return Found(views, solution, indexed, probability)


def _alone(
    views: list[View], candidates: Sequence[list[Candidate]], position_error: float
) -> tuple[Solution, float]:
    """Return the most probable lattice of a single view, where no two agree."""
    v = max(range(len(views)), key=lambda i: candidates[i][0].probability if candidates[i] else -1.0)
    best = candidates[v][0]
    # Its shape is better than what a refinement without intensities would make of one view.
    # The centre may be further off than positions scatter: no step leads there from too small an error.
    starts = [Fit.start(best.basis, len(views), factor * position_error) for factor in (1, 2, 3)]
    fits = [refine(views, start, [v], 4, strain=False) for start in starts]
    gains = [index(views[v], fit, v, points_of(views, fit)).gain.sum() for fit in fits]
    fit = with_covariance(views, fits[int(np.argmax(gains))], [v])
    gain = np.zeros(len(views))
    gain[v] = max(gains)
    # Of several views that agree on nothing, the best is worth less than it says.
    return Solution(fit, [v], gain), best.probability / len(views)


def _on_reduced_cell(fit: Fit) -> Fit:
    """Return the fit with the basis whose cell is reduced; nothing turns."""
    direct = reduced(np.linalg.inv(fit.basis).T)
    return replace(fit, basis=np.ascontiguousarray(np.linalg.inv(direct).T))
