"""The orientations of candidate phases in one pattern: templates first, then what lies between them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numba import njit

from edsym.acom.correlation import correlate, distinct_best, polar_image
from edsym.acom.likelihood import climb, correlation_score, log_likelihood
from edsym.acom.refinement import MATCHED, match, refine
from edsym.acom.reflections import Reflections
from edsym.acom.rotations import disorientation
from edsym.acom.templates import INTENSITY_POWER, RADIAL_POWER, SHELL, Templates, make_templates
from edsym.simulation.sectors import laue_rotations
from edsym.simulation.settings import SimulationSettings
from edsym.structures.structure import Structure
from edsym.symmetry import oriented_laue_class

FEWEST = 5
"""Spots that a pattern, or what is left of it, must have."""
DIFFERENT = 5.0
"""Degrees from which on two orientations are two."""
FADED = 0.08
"""Distance in 1/Å at which a spot of the polar image has faded."""

# Of the intensity of a spot, in its weight in the likelihood.
TRUST_POWER = 0.25
# Of the best templates so many are refined, those of different orientations, and of them so many climb.
_REFINED, _CLIMBED = 16, 4
_APART = np.radians(3.0)
# Share of the longest vector within which matched reflections lie on a row or a plane.
_FLAT = 1e-6


@dataclass(frozen=True)
class Phase:
    """A candidate phase: its reflections, its templates, and its Laue class with the setting."""

    reflections: Reflections
    templates: Templates
    laue_class: str

    @classmethod
    def of(cls, structure: Structure, settings: SimulationSettings, step: float) -> "Phase":
        """Return a structure as a candidate, with templates `step` degrees apart.

        Raises
        ------
        MaterialError
            See `edsym.acom.reflections.Reflections.of`.
        """
        reflections = Reflections.of(structure, settings)
        laue_class = oriented_laue_class(structure.spacegroup_number)
        templates = make_templates(reflections, laue_class, step)
        return cls(reflections, templates, laue_class)

    @property
    def rotations(self) -> np.ndarray:
        """Rotations (m, 3, 3) of the Laue class."""
        return laue_rotations(self.laue_class)


@dataclass(frozen=True)
class Match:
    """An orientation of a phase that explains a pattern.

    Attributes
    ----------
    phase : int
        Which of the candidates.
    orientation : (3, 3) float64
        Rows are the laboratory's axes in the crystal frame.
    score : float
        Correlation of measured and predicted spots, 0 to 1.
    reliability : float
        1 less the ratio of the likelihood of the best different orientation of the same phase to this one's.
    phase_reliability : float
        The same for the best orientation of another phase; 1 with one candidate.
    matched : (n,) array of bool
        Which spots it explains.
    span : int
        Dimensions of what the explained spots span in reciprocal space; on a row (1), turns about it change
        little.
    twin : (3, 3) float64
        The orientation half a turn about the normal away where they span a plane (2): the spots are at the
        same places, as far from their Bragg conditions. NaN where they do not.
    scale, centre : float, (2,) float64
        Relative error of the pattern's lengths, and where its centre is, in 1/Å.
    """

    phase: int
    orientation: np.ndarray
    score: float
    reliability: float
    phase_reliability: float
    matched: np.ndarray
    span: int
    twin: np.ndarray
    scale: float
    centre: np.ndarray


def find_matches(spots: np.ndarray, phases: Sequence[Phase], sigma: float, most: int) -> list[Match]:
    """Return what explains a pattern, the best first; further ones explain what those before leave.

    Parameters
    ----------
    spots : (n, 3) array
        qx, qy in 1/Å and intensities.
    phases : sequence of Phase
        The candidates.
    sigma : float
        Standard deviation of a coordinate of a spot in 1/Å.
    most : int
        Largest number of matches.
    """
    left, found = np.arange(len(spots)), []
    while len(found) < most and len(left) >= FEWEST:
        best = _best_match(np.ascontiguousarray(spots[left], dtype=np.float64), phases, sigma)
        if best is None:
            break
        matched = np.zeros(len(spots), bool)
        matched[left] = best.matched
        found.append(replace(best, matched=matched))
        left = left[~best.matched]
    return found


def _best_match(spots: np.ndarray, phases: Sequence[Phase], sigma: float) -> Match | None:
    q, intensity = spots[:, :2].copy(), spots[:, 2].copy()
    radius = np.hypot(*q.T)
    weight = radius**RADIAL_POWER * intensity**INTENSITY_POWER
    shells = int((radius.max() + FADED) / SHELL) + 1
    image = polar_image(radius, np.arctan2(q[:, 1], q[:, 0]), weight, shells, FADED)
    trust = (intensity / intensity.max()) ** TRUST_POWER
    answers = []
    for phase in phases:
        one, templates = phase.reflections, phase.templates
        crystal = one.vectors, one.potential, one.wavelength, one.thickness
        points = templates.offset, templates.shell, templates.angle, templates.weight
        answers.append(
            _answers(
                image, points, templates.orientations, phase.rotations, crystal, q, intensity, trust, sigma
            )
        )
    top = [values.max(initial=-np.inf) for _, _, values in answers]
    which = int(np.argmax(top))
    if not np.isfinite(top[which]):
        return None
    others = [value for k, value in enumerate(top) if k != which]
    return described(which, phases[which], answers[which], others, q, intensity, sigma)


def described(which, phase: Phase, answers, others, q, intensity, sigma) -> Match | None:
    """Return the likeliest of the answers of a phase as a match; None if it explains no spot."""
    rotations, frames, values = answers
    best = int(values.argmax())
    one = phase.reflections
    reflection, there, elsewhere = match(
        rotations[best], frames[best], one.vectors, one.potential, one.wavelength, one.thickness, q,
        MATCHED * sigma,
    )  # fmt: skip
    matched = reflection >= 0
    if not matched.any():
        return None
    span, twin = _span(rotations[best], one.vectors[reflection[matched]])
    away = disorientation(rotations, rotations[best], phase.rotations)
    if span == 2:
        away = np.minimum(away, disorientation(rotations, twin, phase.rotations))
    return Match(
        which,
        rotations[best],
        correlation_score(there, elsewhere, intensity, INTENSITY_POWER),
        _reliability(values[best], values[away > DIFFERENT]),
        _reliability(values[best], others),
        matched,
        span,
        twin,
        float(frames[best][0]),
        frames[best][1:],
    )


def _reliability(best: float, others: np.ndarray | list) -> float:
    return float(1 - np.exp(np.max(others, initial=-np.inf) - best))


def _span(rotation: np.ndarray, vectors: np.ndarray) -> tuple[int, np.ndarray]:
    """Return the dimensions that vectors span, and the twin: see `Match`."""
    _, sizes, axes = np.linalg.svd(vectors)
    span = int((sizes > _FLAT * sizes[0]).sum())
    twin = rotation @ (2 * np.outer(axes[2], axes[2]) - np.eye(3))
    return span, twin if span == 2 else np.full((3, 3), np.nan)


@njit(cache=True, nogil=True)
def _answers(image, points, orientations, rotations, crystal, q, intensity, trust, sigma):
    """Return the different orientations of a phase that explain a pattern, frames, and log-likelihoods."""
    best, turn = correlate(image[0], image[1], image[2], points[0], points[1], points[2], points[3])
    found = distinct_best(best, turn, orientations, rotations, _REFINED, _APART)
    vectors, potential, wavelength, thickness = crystal
    weight = np.sqrt(intensity)
    frames, values = np.zeros((len(found), 3)), np.empty(len(found))
    for k in range(len(found)):
        found[k], frames[k] = refine(found[k], vectors, potential, wavelength, thickness, q, weight, sigma)
        values[k] = log_likelihood(
            found[k], frames[k], vectors, potential, wavelength, thickness, q, trust, sigma
        )
    for k in np.argsort(-values)[:_CLIMBED]:
        found[k], frames[k], values[k] = climb(
            found[k], frames[k], vectors, potential, wavelength, thickness, q, weight, trust, sigma
        )
    return found, frames, values
