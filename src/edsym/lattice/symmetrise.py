"""The symmetry of a lattice that is known badly along the beam: found from agreement, then used."""

import numpy as np

from edsym.lattice.constraint import constrained
from edsym.lattice.holohedry import CONDITIONS, groups
from edsym.lattice.refinement import evaluate, misfit, precision

_LARGEST_CHI = 30.0
_MOST_AXES = 14
# Heights are worse than the curvature of their likelihood says: it is no parabola.
_HEIGHTS = 1 / 2
_LEAST_ERROR = 3e-5  # 1/Å: cells of one crystal differ by more


def symmetrised(fit, pattern):
    """Return the score of a lattice and its fit, with the symmetry that is most probable.

    Parameters
    ----------
    fit : tuple
        As `evaluate` returns it.
    pattern : tuple
        Wavelength, x, y, intensity, spread and error, as `evaluate` takes them.
    """
    basis, origin, scale, points, spot, score, curvature = fit
    _, x, y, *_ = pattern
    indexed, square = misfit(points, spot, basis, origin, x, y)
    error = max(_LEAST_ERROR, np.sqrt(square / max(1, 2 * indexed - 8)))
    plane, heights = precision(points, spot, curvature, error)
    heights = heights * _HEIGHTS
    axes = []
    for number in range(len(CONDITIONS)):
        _, across, along, gain = constrained(basis, plane, heights, error, CONDITIONS[number : number + 1])
        if across + along < _LARGEST_CHI:
            axes.append((across + along - gain, number))
    best = score, fit
    for members in groups(sorted(number for _, number in sorted(axes)[:_MOST_AXES])):
        moved, across, along, gain = constrained(basis, plane, heights, error, CONDITIONS[sorted(members)])
        if not across + along < _LARGEST_CHI:
            continue
        start = np.column_stack([basis[:, :2], moved[:, 2]])
        found = evaluate(start, origin, scale, False, *pattern)
        total = found[5] - across / 2 + gain
        if total > best[0]:
            best = total, (moved, *found[1:])
    return best
