"""One lattice and an orientation for each view, refined together.

Unknown are the metric of the lattice, as a symmetric strain of a start; of every view the rotation and where
the direct beam is; and of the detector the ellipse that it makes of a circle. The detector's scale is *not*
among them: it changes the positions as a change of all cell edges does.

What is maximised is the likelihood of `edsym.lattice.pattern`, by Gauss-Newton steps. A spot counts by the
probability that it is of the lattice (expectation and maximisation), so that strangers do not count; the
standard deviation of the positions and the widths of the excitation error are found on the way.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from numba import njit

from edsym.lattice.equations import N_GLOBAL, N_VIEW, expected_slope, spot_equations
from edsym.lattice.indexing import Fit, Indexing, index
from edsym.lattice.pattern import LARGEST_S, WIDTHS, View, lattice_points, near_sphere, ring_weights
from edsym.lattice.strain import STRAINS

SMALLEST_SIGMA = 2e-5
"""Positions are taken to be no better than this, in 1/Å."""

# Prior standard deviations: of the ellipse's two parameters, and of the direct beam's place in 1/Å.
_ELLIPSE, _CENTRE = 0.005, 0.004
# Largest steps: of a strain, and of a rotation in radians.
_STRAIN_STEP, _TURN_STEP = 0.04, 0.03
# First steps, in which lengths may be wrong.
_N_LOOSE = 2


def refine(
    views: list[View],
    fit: Fit,
    active: list[int],
    iterations: int = 8,
    relative: float = 0.0,
    strain: bool = True,
    guides: Mapping[int, np.ndarray] = MappingProxyType({}),
) -> Fit:
    """Return a fit refined to its active views.

    Parameters
    ----------
    views : list of View
        All views of the fit.
    fit : Fit
        The start: right to about half a spacing of lattice points.
    active : list of int
        The views that count.
    iterations : int
        Gauss-Newton steps.
    relative : float
        Share by which lengths may be wrong in the first steps.
    strain : bool
        Whether the lattice and the ellipse change, and not the orientations and centres alone.
    guides : mapping of int to (3, 3) array
        Lattices in the beam's frame of some views, which give indices in the first steps.
    """
    radius = max(views[v].edges[-1] for v in active) * 1.05
    points = lattice_points(fit.basis, radius + LARGEST_S)
    free = slice(None) if strain else slice(N_GLOBAL, None)
    last, before, damping = -np.inf, fit, 0.0
    for i in range(iterations):
        loose, guided = (relative, guides) if i < _N_LOOSE else (0.0, {})
        found = [index(views[v], fit, v, points, loose, guided.get(v)) for v in active]
        total = sum(one.gain.sum() for one in found) - _unlikely(fit, active)
        if total > last - 0.5 or i <= _N_LOOSE:
            last, before, damping = total, fit, damping / 5
            information, gradient = _normal_equations(views, fit, active, found, points)
        else:  # too far
            fit, damping = before, max(10 * damping, 0.3)
        step = np.zeros(len(gradient))
        damped = information + np.diag(damping * np.diag(information))
        step[free] = np.linalg.solve(damped[free, free], gradient[free])
        fit = _moved(fit, active, step)
        if strain:
            fit = _with_spread(views, fit, active, found, points, i)
    if strain:
        fit = replace(fit, covariance=np.linalg.inv(information)[:6, :6])
    return fit


def _unlikely(fit: Fit, active: list[int]) -> float:
    """Return minus the logarithm of the prior density of the ellipse and the centres."""
    return 0.5 * ((fit.ellipse / _ELLIPSE) ** 2).sum() + 0.5 * ((fit.centre[active] / _CENTRE) ** 2).sum()


def _moved(fit: Fit, active: list[int], step: np.ndarray) -> Fit:
    largest = max(np.abs(step[:6]).max() / _STRAIN_STEP, 1.0)
    strain = np.tensordot(step[:6] / largest, STRAINS, 1)
    rotation, centre = fit.rotation.copy(), fit.centre.copy()
    _turn(rotation, centre, np.array(active), step)
    basis = fit.basis @ (np.eye(3) + strain)
    return replace(fit, basis=basis, rotation=rotation, centre=centre, ellipse=fit.ellipse + step[6:8])


@njit(cache=True, nogil=True)
def _turn(rotation, centre, active, step):
    """Turn the active views about the axes of the beam's frame, by Rodrigues' formula, and shift them."""
    turned, turn = np.empty((3, 3)), np.empty((3, 3))
    for k in range(len(active)):
        v, first = active[k], N_GLOBAL + N_VIEW * k
        x, y, z = step[first], step[first + 1], step[first + 2]
        angle = np.sqrt(x * x + y * y + z * z)
        shorter = max(angle / _TURN_STEP, 1.0)
        x, y, z, angle = x / shorter, y / shorter, z / shorter, angle / shorter
        sine = np.sin(angle) / angle if angle > 0 else 1.0
        rest = 0.5 * (np.sin(angle / 2) / (angle / 2)) ** 2 if angle > 0 else 0.5
        turn[0] = 1 - rest * (y * y + z * z), rest * x * y - sine * z, rest * x * z + sine * y
        turn[1] = rest * x * y + sine * z, 1 - rest * (x * x + z * z), rest * y * z - sine * x
        turn[2] = rest * x * z - sine * y, rest * y * z + sine * x, 1 - rest * (x * x + y * y)
        for i in range(3):
            for j in range(3):
                turned[i, j] = 0.0
                for m in range(3):
                    turned[i, j] += rotation[v, i, m] * turn[j, m]
        rotation[v] = turned
        centre[v, 0] += step[first + 3]
        centre[v, 1] += step[first + 4]


def _normal_equations(views, fit, active, found, points) -> tuple[np.ndarray, np.ndarray]:
    """Return the information matrix and the gradient of the log likelihood."""
    size = N_GLOBAL + N_VIEW * len(active)
    information, gradient = np.zeros((size, size)), np.zeros(size)
    information[6, 6] = information[7, 7] = _ELLIPSE**-2
    gradient[6:8] = -fit.ellipse * _ELLIPSE**-2
    for k, (v, one) in enumerate(zip(active, found, strict=True)):
        own = N_GLOBAL + N_VIEW * k + np.arange(N_VIEW)
        columns = np.concatenate([np.arange(N_GLOBAL), own])
        part, slope = _of_view(views[v], fit, v, one, points)
        information[np.ix_(columns, columns)] += part
        gradient[columns] += slope
        information[own[3:], own[3:]] += _CENTRE**-2
        gradient[own[3:]] -= fit.centre[v] * _CENTRE**-2
        information[own[:3], own[:3]] += 1e-3  # a view without spots of the lattice stays where it is
    information[np.arange(6), np.arange(6)] += 1e-3
    return information, gradient


def _of_view(view: View, fit: Fit, v: int, one: Indexing, points) -> tuple[np.ndarray, np.ndarray]:
    """Return information and gradient by the unknowns of `edsym.lattice.equations`."""
    shared = fit.basis, fit.rotation[v]
    information, gradient = spot_equations(
        one.hkl, one.inlier, one.excitation, one.residual, view.faint,
        *shared, fit.distortion(), fit.sigma, fit.widths, view.wavelength,
    )  # fmt: skip
    near = near_sphere(view, fit.seen(v), points)
    rings = len(view.edges) - 1
    slope = expected_slope(
        *near, view.ring, one.inlier, view.faint, rings, *shared, fit.widths, view.wavelength
    )
    return information, gradient + slope


def _with_spread(views, fit: Fit, active: list[int], found: list[Indexing], points, iteration: int) -> Fit:
    """Return the fit with the spread of positions and excitation errors that its indexing has."""
    weight = np.concatenate([one.inlier for one in found])
    squares = np.concatenate([(one.residual**2).sum(axis=1) for one in found])
    freedom = max(2 * weight.sum() - 8 - 5 * len(found), 0.5 * weight.sum(), 1.0)
    sigma = np.sqrt((weight * squares).sum() / freedom)
    sigma = float(np.clip(sigma, max(fit.sigma / 3, SMALLEST_SIGMA), fit.largest_sigma))
    if iteration % 3:
        return replace(fit, sigma=sigma)
    value = np.zeros((2, len(WIDTHS)))
    for v, one in zip(active, found, strict=True):
        view = views[v]
        _, s, ring = near_sphere(view, fit.seen(v), points)
        total = np.log(ring_weights(s, ring, len(view.edges) - 1, WIDTHS))
        each = -2 * np.log1p((one.excitation[:, None] / WIDTHS) ** 2) - total[:, view.ring].T
        for faint in (0, 1):
            value[faint] += (one.inlier * (view.faint == faint)) @ each
    return replace(fit, sigma=sigma, widths=WIDTHS[value.argmax(axis=1)])


def with_covariance(views: list[View], fit: Fit, active: list[int]) -> Fit:
    """Return a fit as it is, with the covariance of its lattice."""
    points = lattice_points(fit.basis, 1.05 * max(views[v].edges[-1] for v in active) + LARGEST_S)
    found = [index(views[v], fit, v, points) for v in active]
    information, _ = _normal_equations(views, fit, active, found, points)
    return replace(fit, covariance=np.linalg.inv(information)[:6, :6])
