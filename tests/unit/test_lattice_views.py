"""Views of one crystal: oriented, refined together, put aside where they disagree."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from edsym.lattice.compare import deviation
from edsym.lattice.consensus import _MULTIPLES, other_multiples, solve
from edsym.lattice.equations import N_GLOBAL, N_VIEW
from edsym.lattice.find import find_lattice
from edsym.lattice.indexing import Fit, index
from edsym.lattice.joint import _of_view, refine
from edsym.lattice.orientation import coincidences, find_rotations
from edsym.lattice.pattern import View, lattice_points, near_sphere
from edsym.lattice.views import points_of, settled

WAVELENGTH = 0.0197
SIGMA = 0.002
DIRECT = np.array([[5.1, 0, 0], [-0.7, 6.3, 0], [0.4, 1.1, 8.2]])
BASIS = np.linalg.inv(DIRECT).T
ELLIPSE = np.array([[1.004, -0.003], [-0.003, 0.996]])


def pattern(basis, rotation, rng, sigma=SIGMA, centre=(0.0, 0.0), distortion=ELLIPSE, n=45):
    """Return qx, qy and intensity (n, 3) of the brightest points near the Ewald sphere."""
    g = lattice_points(basis, 1.3) @ basis @ rotation
    s = -g[:, 2] - WAVELENGTH * (g**2).sum(axis=1) / 2
    intensity = rng.exponential(size=len(g)) * np.exp(-2 * (g**2).sum(axis=1)) / (1 + (s / 0.004) ** 2) ** 2
    best = np.argsort(-intensity)[:n]
    q = g[best, :2] @ distortion + centre + rng.normal(0, sigma, (len(best), 2))
    return np.column_stack([q, intensity[best]])


def patterns(count, seed, basis=BASIS, **options):
    rng = np.random.default_rng(seed)
    turns = Rotation.random(count, random_state=rng).as_matrix()
    return [pattern(basis, turn, rng, centre=rng.normal(0, 0.003, 2), **options) for turn in turns], turns


def views(found):
    return [View.of(*one.T, WAVELENGTH) for one in found]


def test_spots_without_error_are_indexed_as_they_were_made():
    rng = np.random.default_rng(1)
    turn = Rotation.random(random_state=rng).as_matrix()
    view = View.of(*pattern(BASIS, turn, rng, 0.0, distortion=np.eye(2)).T, WAVELENGTH)
    fit = replace(Fit.start(BASIS, 1, 1e-4), rotation=turn[None])
    points = lattice_points(BASIS, 1.4)
    found = index(view, fit, 0, points)
    assert found.inlier.min() > 0.99
    np.testing.assert_allclose(found.residual, 0, atol=1e-9)
    g = found.hkl @ BASIS @ turn
    np.testing.assert_allclose(found.excitation, -g[:, 2] - WAVELENGTH * (g**2).sum(axis=1) / 2)
    near, s, ring = near_sphere(view, BASIS @ turn, points)
    assert {tuple(hkl) for hkl in found.hkl} <= {tuple(hkl) for hkl in near}
    assert np.abs(s).max() < 0.15 and ring.max() == len(view.edges) - 2


@pytest.mark.parametrize("seed", range(4))
def test_the_rotation_of_a_pattern_is_found_with_a_lattice_that_is_one_percent_off(seed):
    (one,), (turn,) = patterns(1, seed)
    rotations = find_rotations(View.of(*one.T, WAVELENGTH), 1.01 * BASIS, 3 * SIGMA, 0.015)
    # A rotation of the lattice onto itself, here the inversion alone, is no other answer.
    angles = [np.degrees(Rotation.from_matrix(found.T @ turn).magnitude()) for found in rotations[:6]]
    assert min(angles) < 2.5


def test_bases_that_coincide_are_found_whatever_the_choice_and_the_orientation():
    change = np.array([[1, 1, 0], [0, 1, 0], [0, -1, 1]])
    other = change @ BASIS @ Rotation.random(random_state=3).as_matrix()
    found = coincidences(BASIS, 1.02 * other, 0.05)
    assert any((one == change).all() for one in found)
    assert not coincidences(BASIS, 1.3 * other, 0.05)


@pytest.mark.parametrize("seed", range(3))
def test_joint_refinement_recovers_the_lattice_within_its_uncertainty(seed):
    found, turns = patterns(8, 10 + seed)
    rng = np.random.default_rng(seed)
    wrong = np.eye(3) + 0.01 * (lambda m: m + m.T)(rng.normal(size=(3, 3)) / 2)
    start = Fit.start(BASIS @ wrong, 8, 0.003)
    nudge = Rotation.from_rotvec(rng.normal(0, 0.004, (8, 3))).as_matrix()
    fit = refine(views(found), replace(start, rotation=turns @ nudge), list(range(8)), 15, 0.01)
    # The strain that is left, in a frame that both share.
    left = np.linalg.inv(BASIS) @ fit.basis
    strain = (left + left.T) / 2 - np.eye(3)
    strains = strain[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
    assert np.abs(strains).max() < 0.004
    chi2 = strains @ np.linalg.solve(fit.covariance, strains)
    assert 0.3 < chi2 < 22  # of six degrees of freedom
    assert fit.sigma == pytest.approx(SIGMA, rel=0.1)
    np.testing.assert_allclose(fit.ellipse, [0.004, -0.003], atol=0.002)


@pytest.mark.parametrize("power", [1, -1])
def test_a_lattice_with_twice_or_half_the_points_is_put_right(power):
    found, turns = patterns(4, 20)
    factor = next(h for h, coarse in _MULTIPLES if not coarse and np.linalg.det(h) == 2)
    true = refine(views(found), replace(Fit.start(BASIS, 4, SIGMA), rotation=turns), [0, 1, 2, 3])
    wrong = settled(views(found), replace(true, basis=np.linalg.matrix_power(factor.T, power) @ true.basis))
    assert deviation(np.linalg.inv(wrong.fit.basis).T, DIRECT) > 0.2
    right = other_multiples(views(found), wrong)
    assert right.active == [0, 1, 2, 3] and right.total > wrong.total
    assert deviation(np.linalg.inv(right.fit.basis).T, DIRECT) < 0.005


def test_the_leading_lattice_is_what_most_views_propose():
    found, turns = patterns(4, 20)
    strange = [np.linalg.inv(np.diag([3.9, 4.4, 5 + v])) for v in range(4)]
    proposals = [[(strange[v], 0.9), (BASIS @ turn, 0.3)] for v, turn in enumerate(turns)]
    solution = solve(views(found), proposals, SIGMA)
    assert solution.active == [0, 1, 2, 3]
    assert deviation(np.linalg.inv(solution.fit.basis).T, DIRECT) < 0.005


def test_a_view_that_disagrees_is_put_aside_and_the_others_give_the_cell():
    found, _ = patterns(5, 31)
    (stranger,), _ = patterns(1, 32, basis=np.linalg.inv(np.diag([4.3, 7.7, 9.9])))
    result = find_lattice([*found[:2], stranger, *found[2:]], WAVELENGTH)
    assert result.solution.active == [0, 1, 3, 4, 5]
    assert result.solution.gain[2] == 0
    fit = result.solution.fit
    assert deviation(np.linalg.inv(fit.basis).T, DIRECT) < 0.005
    assert result.probability > 0.8
    for v in result.solution.active:
        assert result.indexed[v].inlier.mean() > 0.9
    assert len(points_of(result.views, fit)) > 500


def test_a_pattern_alone_gives_a_cell_with_a_larger_uncertainty():
    found, _ = patterns(6, 41)
    one, many = find_lattice(found[:1], WAVELENGTH), find_lattice(found, WAVELENGTH)
    assert one.solution.active == [0]
    assert (np.diag(one.solution.fit.covariance) > np.diag(many.solution.fit.covariance)).all()
    assert find_lattice([found[0][:3]], WAVELENGTH) is None


def test_normal_equations_are_those_of_slopes_by_finite_differences():
    shown, turns = patterns(1, 3)
    (view,) = views(shown)
    fit = replace(
        Fit.start(BASIS, 1, SIGMA),
        rotation=turns,
        ellipse=np.array([0.003, -0.002]),
        centre=np.array([[1e-3, 0]]),
    )
    points = points_of([view], fit)
    one = index(view, fit, 0, points)
    near, _, ring = near_sphere(view, fit.seen(0), points)

    def moved(unknown, size):
        step = size * np.eye(N_GLOBAL + N_VIEW)[unknown]
        strain = np.zeros((3, 3))
        for value, (i, j) in zip(step, [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)], strict=False):
            strain[i, j] = strain[j, i] = value
        turn = Rotation.from_rotvec(step[8:11]).as_matrix().T
        changed = replace(fit, ellipse=fit.ellipse + step[6:8])
        basis = fit.basis @ (np.eye(3) + strain) @ fit.rotation[0] @ turn
        g = one.hkl @ basis
        place = g[:, :2] @ changed.distortion() + fit.centre[0] + step[11:]
        error, all_errors = (-v[:, 2] - WAVELENGTH / 2 * (v**2).sum(axis=1) for v in (g, near @ basis))
        return place, error, all_errors

    delta = 1e-6
    information, gradient = np.zeros((13, 13)), np.zeros(13)
    slopes = [
        [
            (after - before) / (2 * delta)
            for after, before in zip(moved(u, delta), moved(u, -delta), strict=True)
        ]
        for u in range(13)
    ]
    width, s = fit.widths[view.faint], one.excitation
    stiffness = one.inlier * 4 / (width**2 + s**2)
    expected = np.zeros(13)
    rings = len(view.edges) - 1
    _, _, every = moved(0, 0.0)
    for f, w in enumerate(fit.widths):
        weight = (1 + (every / w) ** 2) ** -2
        share = np.bincount(view.ring, one.inlier * (view.faint == f), rings) / np.bincount(
            ring, weight, rings
        )
        pull = share[ring] * weight * 4 * every / (w**2 + every**2)
        expected += [pull @ slope[2] for slope in slopes]
    for u, (place, error, _) in enumerate(slopes):
        gradient[u] = one.inlier @ (place * one.residual).sum(axis=1) / fit.sigma**2 - (stiffness * s) @ error
        for w, (other, along, _) in enumerate(slopes):
            across = one.inlier @ (place * other).sum(axis=1) / fit.sigma**2
            information[u, w] = across + stiffness @ (error * along)
    found = _of_view(view, fit, 0, one, points)
    np.testing.assert_allclose(found[0], information, rtol=1e-5, atol=1e-5 * np.abs(information).max())
    np.testing.assert_allclose(found[1], gradient + expected, rtol=1e-4, atol=1e-5 * np.abs(gradient).max())
