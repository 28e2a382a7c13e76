"""Templates: what a phase shows along zone axes all over its fundamental sector, as points on polar shells.

The brightness of a template's spot falls with its excitation error as a triangle does (Ophus et al. 2022,
Microsc. Microanal. 28, 390, equation 7), so wide that the next template takes over where it ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edsym.acom.reflections import Reflections
from edsym.simulation.orientations import minimal_rotations
from edsym.simulation.sectors import sector_normals, sphere_sampling

SHELL = 0.01
"""Distance of the shells in 1/Å: lengths are rounded to it."""
BINS = 180
"""Angles about the beam."""
RADIAL_POWER, POTENTIAL_POWER, INTENSITY_POWER = 0.5, 0.5, 0.25
"""Powers of |q|, of |U_g| and of a measured intensity in the weight of a spot."""
WIDTH = 0.08
"""Excitation error in 1/Å at which a reflection is no longer seen in a template."""

_BOUNDARY = 1e-9


@dataclass(frozen=True)
class Templates:
    """The templates of a phase, one after the other.

    Attributes
    ----------
    orientations : (T, 3, 3) float64
        Rows are the laboratory's axes in the crystal frame.
    offset : (T + 1,) int64
        Template t has the points ``offset[t]`` to ``offset[t + 1]``.
    shell, angle : (P,) int32
        Of each point: |q| in steps of `SHELL`, and the azimuth in steps of 360° / `BINS`.
    weight : (P,) float32
        Weights; the squares of a template's sum up to 1.
    """

    orientations: np.ndarray
    offset: np.ndarray
    shell: np.ndarray
    angle: np.ndarray
    weight: np.ndarray


def sector_directions(laue_class: str, step: float) -> np.ndarray:
    """Return directions (n, 3) of the fundamental sector of a Laue class, at most `step` degrees apart."""
    directions = sphere_sampling(np.radians(step))
    depth = (directions @ sector_normals(laue_class).T).min(axis=1)
    return directions[depth >= -_BOUNDARY]


def make_templates(reflections: Reflections, laue_class: str, step: float) -> Templates:
    """Return the templates of a phase.

    Parameters
    ----------
    reflections : Reflections
        Of the phase.
    laue_class : str
        With its setting, as `edsym.symmetry.oriented_laue_class` names it.
    step : float
        Largest angle between neighbouring zone axes in degrees.
    """
    orientations = minimal_rotations(sector_directions(laue_class, step))
    squared = (reflections.vectors**2).sum(axis=1)
    bright = np.sqrt(squared) ** RADIAL_POWER * reflections.potential**POTENTIAL_POWER
    patterns = []
    for orientation in orientations:
        x, y, z = orientation @ reflections.vectors.T
        share = 1 - np.abs(z + 0.5 * reflections.wavelength * squared) / WIDTH
        seen = np.flatnonzero(share > 0)
        patterns.append(np.stack([x[seen], y[seen], bright[seen] * share[seen]], axis=1))
    return templates_of(orientations, patterns)


def templates_of(orientations: np.ndarray, patterns: Sequence[np.ndarray]) -> Templates:
    """Return templates that are patterns.

    Parameters
    ----------
    orientations : (T, 3, 3) array
        Of the patterns.
    patterns : sequence of T arrays (n, 3)
        Positions x and y in 1/Å and weights.
    """
    x, y, weight = np.concatenate(patterns).T
    counts = np.array([len(pattern) for pattern in patterns])
    template = np.repeat(np.arange(len(patterns)), counts)
    size = np.sqrt(np.bincount(template, weight**2, len(patterns)))
    return Templates(
        np.ascontiguousarray(orientations),
        np.concatenate([[0], np.cumsum(counts)]),
        np.rint(np.hypot(x, y) / SHELL).astype(np.int32),
        (np.rint(np.arctan2(y, x) * BINS / (2 * np.pi)) % BINS).astype(np.int32),
        (weight / size[template]).astype(np.float32),
    )
