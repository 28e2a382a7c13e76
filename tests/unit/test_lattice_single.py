"""The lattice from one still pattern: exact spots give it back, and each step does what it says."""

from types import SimpleNamespace

import numpy as np
import pytest
from numba import njit
from scipy.ndimage import maximum_filter
from scipy.optimize import least_squares, minimize

from edsym.errors import InputError
from edsym.lattice import single, symmetrise
from edsym.lattice.bases import best_bases, score_triples
from edsym.lattice.compare import deviation, reduced
from edsym.lattice.constraint import LARGEST_CHI, constrained, costs
from edsym.lattice.differences import differences, position_error
from edsym.lattice.elementary import SUMS, cos_turns, exp
from edsym.lattice.holohedry import CONDITIONS, TWO_FOLDS, group_table, groups
from edsym.lattice.likelihood import _gradient, by_visibility, fit_heights, levels
from edsym.lattice.linear import dual
from edsym.lattice.periods import find_periods
from edsym.lattice.points import FARTHEST, assign, points_near_sphere
from edsym.lattice.probability import features, probabilities
from edsym.lattice.refinement import Pattern, evaluate, offsets, precision, refined, scale_of
from edsym.lattice.scale import _slopes, fit_scale
from edsym.lattice.single import single_view
from edsym.lattice.symmetrise import _likely_groups, symmetrised
from edsym.lattice.transform import highest_peaks
from edsym.seeds import generator
from edsym.simulation.beams.candidates import find_candidates
from edsym.simulation.beams.selection import select_beams
from edsym.simulation.crystal.cell import computing_cell
from edsym.simulation.electrons import wavelength
from edsym.structures.structure import Structure

WAVELENGTH = wavelength(300)
CELLS = {
    "cubic": np.diag([6.0, 6, 6]),
    "orthorhombic": np.diag([5.0, 7, 9.5]),
    "triclinic": np.array([[6.0, 0, 0], [1.5, 7, 0], [-1, 2, 8.5]]),
}


def turned(direct, seed):
    """Return the reciprocal basis of a cell in a random orientation."""
    turn, _ = np.linalg.qr(generator(seed, "turn").normal(size=(3, 3)))
    return np.linalg.inv(direct).T @ turn


def drawn(basis, seed, noise=0.0):
    """Return spots (n, 3), x, y and intensity, of a lattice: kinematical, with a rocking curve."""
    rng = generator(seed, "spots")
    hkl = np.stack(np.meshgrid(*[np.arange(-25, 26)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    g = hkl @ basis
    plane = np.hypot(g[:, 0], g[:, 1])
    s = -g[:, 2] - WAVELENGTH / 2 * (g**2).sum(axis=1)
    intensity = 0.1 * np.exp(-2.4 * plane) * rng.exponential(size=len(g)) / (1 + (s / 0.0013) ** 2)
    seen = (intensity > 1e-4) & (plane < 2) & (plane > 0.02) & (np.abs(s) < 0.06)
    spots = np.column_stack([g[seen, :2], intensity[seen]])
    spots[:, :2] += noise * rng.normal(size=(len(spots), 2))
    return spots


@pytest.mark.parametrize("name", CELLS)
def test_a_drawn_pattern_gives_its_lattice_back(name):
    basis = turned(CELLS[name], 1)
    spots = drawn(basis, 1)
    first = single_view(*spots.T, WAVELENGTH)[0]
    # Symmetry makes heights exact; without it they are as good as the excitation errors are small.
    assert deviation(first.direct, CELLS[name]) < (0.03 if name == "triclinic" else 1e-3)
    assert first.indexed.all()
    assert first.residual.max() < 1e-4
    assert np.allclose((first.hkl @ first.basis)[:, :2], spots[:, :2], atol=1e-3)
    assert first.probability > 0.5


def test_a_moved_noisy_pattern_with_stray_spots_gives_its_lattice_up_to_the_scale():
    basis = turned(CELLS["orthorhombic"], 2)
    spots = drawn(basis, 2, noise=0.003)
    spots[:, :2] = 1.01 * spots[:, :2] + 0.003
    stray = np.array([[0.313, 0.871, 0.001], [-1.17, 0.443, 0.0005]])
    found = single_view(*np.concatenate([spots, stray]).T, WAVELENGTH)
    assert deviation(found[0].direct, CELLS["orthorhombic"], up_to_scale=True) < 0.03
    assert found[0].position_error == pytest.approx(0.003, rel=0.25)
    assert found[0].indexed.mean() > 0.9
    chances = [one.probability for one in found]
    assert 0 < len(chances) <= 5
    assert chances == sorted(chances, reverse=True)


def test_nothing_is_invented_where_spots_lie_on_one_plane():
    y, x = np.mgrid[-4:5, -4:5].reshape(2, -1)[:, np.arange(81) != 40]
    spots = np.column_stack([0.2 * x, 0.25 * y, 0.01 * np.exp(-0.1 * (x**2 + y**2))])
    assert single_view(*spots.T, WAVELENGTH) == []
    assert single_view(*spots[:4].T, WAVELENGTH) == []


def test_what_a_second_search_finds_stands_beside_what_the_first_one_found(monkeypatch):
    spots = drawn(turned(CELLS["cubic"], 1), 1)
    first = single_view(*spots.T, WAVELENGTH)[0]
    monkeypatch.setattr(single, "_WEAK", np.inf)
    monkeypatch.setattr(single, "out_of_plane", lambda periods, most: periods[:2])
    assert np.array_equal(single_view(*spots.T, WAVELENGTH)[0].basis, first.basis)


def pattern_of(spots, error=0.001):
    """Return spots as the finder's steps take them."""
    x, y, intensity = np.ascontiguousarray(spots[np.argsort(spots[:, 0])].T)
    return Pattern.of(WAVELENGTH, x, y, intensity, error)


def test_a_symmetry_that_would_flatten_a_lattice_is_not_looked_at(monkeypatch):
    told, starts = symmetrise.constrained, []

    def flattened(*known):
        moved, *more = told(*known)
        moved[:, 2] = moved[:, 0]
        return moved, *more

    def recorded(start, *more):
        starts.append(start)
        return evaluate(start, *more)

    monkeypatch.setattr(symmetrise, "evaluate", recorded)
    for name in ("_add_fits", "_constrained_groups"):
        monkeypatch.setattr(symmetrise, name, getattr(symmetrise, name).py_func)
    pattern = pattern_of(drawn(turned(CELLS["cubic"], 1), 1))
    bases = np.linalg.inv(turned(CELLS["cubic"], 1)).T[None]
    assert len(symmetrise.symmetrised(bases, pattern).score) == 1 + len(starts) > 1
    monkeypatch.setattr(symmetrise, "constrained", flattened)
    starts.clear()
    assert len(symmetrise.symmetrised(bases, pattern).score) == 1, "what was fitted is there"
    assert not starts, "points of a flat lattice have no end"


@pytest.mark.parametrize(("name", "most"), [("cubic", 10), ("orthorhombic", 9)])
def test_lattices_are_fitted_as_they_are_and_with_their_likeliest_symmetries(name, most):
    direct = np.stack([np.linalg.inv(turned(CELLS[one], 1)).T for one in ("triclinic", name)])
    pattern = pattern_of(drawn(turned(CELLS[name], 1), 1))
    found = symmetrised(direct[1:], pattern)
    fit = refined(dual(direct[1]), scale_of(pattern), pattern)
    off = offsets(fit.points, fit.spot, fit.basis, fit.origin, pattern)
    error = max(3e-5, np.sqrt((off**2).sum() / (2 * len(off) - 8)))
    plane, heights = precision(fit, error)
    known = fit.basis, plane, heights / 2, error
    assert found.score[0] == fit.score and np.array_equal(found.basis[0], fit.basis)
    assert found.looseness[0] == constrained(*known, CONDITIONS[:0])[4]
    assert found.axes[0] == 0 and found.points[0] == len(fit.points)
    assert np.array_equal(found.hkl[0][fit.spot[fit.spot >= 0]], fit.points[fit.spot >= 0])
    assert found.indexed[0].sum() == (fit.spot >= 0).sum()
    cost, gain = costs(*known, CONDITIONS)
    likely = np.argsort(cost - gain, kind="stable")
    tried = []
    for axes in groups(likely[cost[likely] < LARGEST_CHI][:14].tolist()):
        basis, across, along, gain_of_all, looseness = constrained(*known, CONDITIONS[axes])
        if across + along < LARGEST_CHI:
            start = np.column_stack([fit.basis[:, :2], basis[:, 2]])
            seen = evaluate(start, fit.origin, fit.scale, False, pattern)
            score = seen.score - across / 2 + gain_of_all
            value = (across + along) / 2 - gain_of_all
            tried.append((value, score, len(axes), across + along, gain_of_all, looseness, *basis.ravel()))
    best = np.array(sorted(tried, key=lambda one: one[0])[:10])[:, 1:]
    assert most == 10 < len(tried) or 0 < len(tried) <= most
    columns = found.score, found.axes, found.cost, found.gain, found.looseness, found.basis.reshape(-1, 9)
    assert np.column_stack(columns)[1:] == pytest.approx(best, rel=1e-9)
    several = symmetrised(direct[[0, 1, 1]], pattern)
    assert several.score.tolist() == 2 * found.score.tolist(), "the first lattice has no fit"


def test_the_groups_that_are_tried_are_those_of_the_likeliest_axes():
    rng = generator(0, "axes")
    cost, gain = 60 * rng.random(81), 5 * rng.random(81)
    likely = np.argsort(cost - gain)
    axes = likely[cost[likely] < LARGEST_CHI][:14].tolist()
    table, sizes = group_table()
    found = [table[g, : sizes[g]].tolist() for g in _likely_groups(cost, gain, table, sizes)]
    assert found == [[], *groups(axes)] and len(found) > 14


@pytest.mark.parametrize("n", [5, 8, 19])
def test_triples_of_periods_are_ranked_by_the_likelihood_written_out(n):
    rng = generator(n, "triples")
    basis, error = turned(CELLS["triclinic"], 4), 0.002
    spots = drawn(basis, 4)[:n]
    q = np.column_stack([spots[:, :2], -WAVELENGTH / 2 * (spots[:, :2] ** 2).sum(axis=1)])
    spread = rng.uniform(0.003, 0.02, len(q))
    periods = rng.integers(-2, 3, (12, 3)) @ np.linalg.inv(basis).T + 0.03 * rng.normal(size=(12, 3))
    periods[1] = 2.02 * periods[0]
    told = {}
    for triple in ((i, j, m) for i in range(12) for j in range(i) for m in range(j)):
        rows = periods[list(triple)]
        volume = abs(np.linalg.det(rows))
        if not max(5, 0.15 * np.prod(np.linalg.norm(rows, axis=1))) <= volume <= 2500:
            continue
        phases = q @ rows.T
        off = (phases - np.round(phases)) @ np.linalg.inv(rows).T
        chi = (off[:, :2] ** 2).sum(axis=1) / error**2 + (off[:, 2] / spread) ** 2
        density = np.exp(-chi / 2) / (15.75 * error**2 * spread)
        score = np.log(0.05 + 0.95 * density / volume).sum()
        if score > 0:
            told[triple] = score
    scores, triples = score_triples(q @ periods.T, spread, error, periods)
    found = dict(zip(map(tuple, triples.tolist()), scores.tolist(), strict=True))
    assert found == pytest.approx(told, rel=1e-9) and len(told) > 10
    best = sorted(told, key=lambda triple: -told[triple])
    for most in (7, 1000):
        assert np.array_equal(best_bases(q, spread, error, periods, most), periods[np.array(best[:most])])


def test_points_near_the_sphere_are_those_that_the_simulation_takes():
    structure = Structure(CELLS["triclinic"], np.array([14]), np.zeros((1, 3)), 1)
    cell = computing_cell(structure)
    frame, _ = np.linalg.qr(generator(3, "frame").normal(size=(3, 3)))
    candidates = find_candidates(cell, 1.5)
    beams = select_beams(candidates, frame[2:], WAVELENGTH, FARTHEST)
    g = candidates.vectors.T[beams.candidate] @ frame.T
    basis = cell.reciprocal @ frame.T
    found = points_near_sphere(basis, WAVELENGTH, 1.4, 5000) @ basis
    within = (np.hypot(g[:, 0], g[:, 1]) < 1.4) & (np.abs(g).max(axis=1) > 0)
    assert len(found) == within.sum() > 100
    assert np.allclose(found[np.lexsort(found.T)], g[within][np.lexsort(g[within].T)])


def test_the_transform_peaks_at_lattice_vectors_across_and_along_the_beam():
    basis = turned(CELLS["triclinic"], 4)
    spots = drawn(basis, 4)
    q = np.column_stack([spots[:, :2], -WAVELENGTH / 2 * (spots[:, :2] ** 2).sum(axis=1)])
    periods = find_periods(q, np.full(len(q), 0.005), 6, 20.0)
    whole = periods @ basis.T
    assert len(periods) == 6
    assert np.abs(whole - np.round(whole)).max() < 0.1
    assert (np.linalg.norm(periods, axis=1) < 20).all()


def test_the_error_of_positions_is_told_by_differences_that_recur():
    spots = drawn(turned(CELLS["orthorhombic"], 5), 5, noise=0.002)
    error = position_error(*differences(*np.ascontiguousarray(spots.T)[:2]), 3e-4, 0.01)
    assert error == pytest.approx(0.002, rel=0.2)


def test_twofold_axes_are_all_that_lattices_have():
    assert len(TWO_FOLDS) == 81
    for matrix, (axis, one, other) in zip(TWO_FOLDS, CONDITIONS, strict=True):
        assert (axis @ matrix == axis).all()
        assert (one @ matrix == -one).all() and (other @ matrix == -other).all()
    diagonal = np.flatnonzero([np.array_equal(np.abs(m), np.eye(3)) for m in TWO_FOLDS])
    assert [len(axes) for axes in groups(diagonal)] == [1, 1, 1, 3]
    assert groups(diagonal[:2]) == [[diagonal[0]], [diagonal[1]]]  # the third is not allowed
    permutes = [set(np.abs(m).sum(axis=0)) == set(np.abs(m).sum(axis=1)) == {1} for m in TWO_FOLDS]
    cubic = groups(np.flatnonzero(permutes))
    assert len(cubic[-1]) == 9
    for axes in cubic:
        some = [np.eye(3, dtype=int), *TWO_FOLDS[axes]]
        made = {(a @ b).tobytes() for a in some for b in some} & {m.tobytes() for m in TWO_FOLDS}
        assert made == {m.tobytes() for m in TWO_FOLDS[axes]}


def test_symmetry_gives_the_heights():
    truth = turned(CELLS["cubic"], 6)
    cubic = CONDITIONS[[set(np.abs(m).sum(axis=0)) == {1} for m in TWO_FOLDS]]
    start = truth + np.array([0, 0, 0.004])
    known = np.eye(3) / 1e-5**2, np.eye(3) / 0.01**2, 1e-5
    moved, across, along, gain, looseness = constrained(start, *known, cubic)
    assert deviation(moved, truth) < 1e-3
    assert across < 1 and along < 3 * 0.5**2
    assert gain > 10
    assert looseness < 1e-3 < constrained(start, *known, CONDITIONS[:0])[4]
    wrong = turned(CELLS["triclinic"], 6)
    assert sum(constrained(wrong, *known, cubic)[1:3]) > 1000
    cost, gain = costs(start, *known, cubic)
    alone = [constrained(start, *known, cubic[k : k + 1]) for k in range(len(cubic))]
    assert np.allclose(cost, [one[1] + one[2] for one in alone]) and gain == pytest.approx(
        [one[3] for one in alone]
    )


def test_a_moved_basis_costs_least_and_what_it_was_moved_by():
    rng = generator(0, "heights")
    start = turned(CELLS["orthorhombic"], 6)
    start[:, 2] += [0.004, -0.003, 0.002]
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    plane, heights = np.eye(3) / 1e-4**2, turn * [1e4, 4e4, 1e3] @ turn.T
    moved, across, along, *_ = constrained(start, plane, heights, 1e-9, CONDITIONS[:1])
    axis, one, other = CONDITIONS[0] @ moved
    assert abs(axis @ one) < 1e-6 and abs(axis @ other) < 1e-6
    move = moved - start
    assert across == pytest.approx((move[:, :2] ** 2).sum() * 1e8, rel=1e-3)
    assert along == pytest.approx(move[:, 2] @ heights @ move[:, 2], rel=1e-3)

    # a longer way round: a penalty on angles, minimised by scipy
    def penalty(step):
        axis, one, other = CONDITIONS[0] @ (start + np.reshape(step, (3, 3)))
        angles = np.array([axis @ one, axis @ other]) / 1e-7
        step = np.reshape(step, (3, 3))
        return np.concatenate([angles, step[:, :2].ravel() * 1e4, np.linalg.cholesky(heights).T @ step[:, 2]])

    best = least_squares(penalty, np.zeros(9), xtol=1e-15, ftol=1e-15, gtol=1e-15)
    assert across + along == pytest.approx((best.fun**2).sum(), rel=1e-3)


def test_the_gradient_of_the_likelihood_is_its_slope():
    basis = reduced(turned(CELLS["triclinic"], 7))
    points = points_near_sphere(basis, WAVELENGTH, 1.0, 5000)
    spot = np.where(np.arange(len(points)) % 3, -1, 0)
    here = np.array([*basis[:, 2], -2.0, 2.2])
    columns, unseen = by_visibility(points, spot, basis)
    rest = columns, unseen, levels(spot, np.array([3e-3]), 1e-4), WAVELENGTH, 0.0013
    _, gradient, curvature = _gradient(here, *rest)
    steps = 1e-6 * np.eye(5)
    slope = [(_gradient(here + step, *rest)[0] - _gradient(here - step, *rest)[0]) / 2e-6 for step in steps]
    assert np.allclose(gradient, slope, rtol=1e-4, atol=1e-3)
    assert np.linalg.eigvalsh(curvature).min() > 0
    seen = np.sum(spot >= 0)
    q = np.concatenate([columns[3, unseen:], columns[3, :unseen]])
    rest = q, np.where(np.arange(len(q)) < seen, 0.5 * 0.05, 0.5 * 3e-3), seen  # none bends upwards
    _, by_c, by_b, cc, cb, bb = _slopes(-4.0, 2.2, *rest)
    steps = 1e-5 * np.eye(2)
    up, down = ([_slopes(-4.0 + s * c, 2.2 + s * b, *rest) for c, b in steps] for s in (1, -1))
    by = [[(u - d) / 2e-5 for u, d in zip(a, z, strict=True)] for a, z in zip(up, down, strict=True)]
    assert [by_c, by_b] == pytest.approx([by[0][0], by[1][0]], rel=1e-4)
    assert [cc, cb, bb] == pytest.approx([-by[0][1], -by[0][2], -by[1][2]], rel=1e-4)


def test_the_likelihood_is_that_of_all_points_each_by_itself():
    basis = reduced(turned(CELLS["triclinic"], 7))
    points = points_near_sphere(basis, WAVELENGTH, 2.0, 5000)
    assert len(points) > 300  # products of probabilities are taken in two parts
    spot, intensity = np.where(np.arange(len(points)) % 3, -1, 0), 3e-3
    found = _gradient(
        np.array([*basis[:, 2], -2.0, 2.2]),
        *by_visibility(points, spot, basis),
        levels(spot, np.array([intensity]), 1e-4),
        WAVELENGTH,
        0.0013,
    )[0]
    g = points @ basis
    s = g[:, 2] + WAVELENGTH / 2 * (g**2).sum(axis=1)
    mean = np.exp(-2.0 - 2.2 * np.hypot(*g[:, :2].T)) / (1 + (s / 0.0013) ** 2)
    hidden = np.log(1 - 0.82 / (1 + 1e-4 / (2 * mean)) ** 2)
    shown = np.log(0.82 * intensity / mean / (1 + intensity / (2 * mean)) ** 3)
    told = np.where(spot < 0, hidden, shown).sum() - 0.5 * ((2.2 - 2.4) / 0.6) ** 2
    assert found == pytest.approx(told, rel=1e-9)


@njit(fastmath=SUMS)
def _added(x):
    powers = cosines = 0.0
    for i in range(len(x)):
        phase = 3 * x[i]
        powers += exp(-phase)
        cosines += cos_turns(phase - np.floor(phase + 0.5))
    return powers, cosines


def test_elementary_functions_are_right_where_sums_may_be_taken_in_any_order():
    x = np.linspace(0, 1, 1001)
    assert _added(x) == pytest.approx((np.exp(-3 * x).sum(), np.cos(6 * np.pi * x).sum()), rel=1e-11)
    assert [exp(x) for x in (-700.0, 0.0, 1.0, 700.0, 1e9)] == pytest.approx(
        [np.exp(-700), 1, np.e, np.exp(700), np.exp(700)], rel=1e-15
    )


@pytest.mark.parametrize("across", [None, 0.0, -0.2])
def test_the_highest_peaks_are_those_of_a_transform_written_out(across):
    spots = drawn(turned(CELLS["cubic"], 4), 4)[:9]
    q = np.column_stack([spots[:, :2], -WAVELENGTH / 2 * (spots[:, :2] ** 2).sum(axis=1)])
    if across is not None:  # turned until a peak is where x changes its sign
        x, y, _ = highest_peaks(q, np.full(9, 0.005), np.zeros(1), 12.0, 1)[0]
        turn = np.exp(1j * (np.arccos(across / np.hypot(x, y)) - np.arctan2(y, x))) * (q[:, 0] + 1j * q[:, 1])
        q[:, 0], q[:, 1] = turn.real, turn.imag
    depths, steps, spread = 4.0 * np.arange(-3, 4), np.arange(-61, 62), np.linspace(0.003, 0.02, 9)
    t = 0.2 * np.stack(np.meshgrid(5 * depths, steps[61:], steps, indexing="ij"), axis=-1)[..., ::-1]
    weight = np.exp(-2 * (np.pi * spread * t[..., 2:]) ** 2)
    sums = (weight * np.cos(2 * np.pi * t @ q.T)).sum(axis=-1)
    top = sums >= maximum_filter(sums, 3, mode="constant", cval=-np.inf)
    length = np.linalg.norm(t, axis=-1)
    scores = np.where(top & (length > 2) & (length < 12.1), sums / np.sqrt((weight**2).sum(axis=-1) / 2), 0)
    best = t.reshape(-1, 3)[np.argsort(-scores, axis=None)[: (scores > 2.5).sum()]]
    found = highest_peaks(q, spread, depths, 12.1, 1000)
    assert len(found) == len(best) > 20
    assert np.allclose(sorted(map(tuple, np.round(found, 2))), sorted(map(tuple, np.round(best, 2))))
    assert len(highest_peaks(q, spread, depths, 12.1, 10)) == 10


def test_the_scale_alone_is_fitted_as_with_heights_that_are_held():
    basis = reduced(turned(CELLS["cubic"], 7))
    spots = drawn(basis, 7)
    order = np.argsort(spots[:, 0])
    x, y, intensity = np.ascontiguousarray(spots[order].T)
    points = points_near_sphere(basis, WAVELENGTH, 2.0, 8000)
    spot = assign(points, basis, np.zeros(2), WAVELENGTH, x, y, 0.002, np.full(len(x), 0.01))
    assert (spot >= 0).sum() > 10
    at = WAVELENGTH, intensity, intensity.min(), 0.0013
    scale, value = fit_scale(points, spot, basis, *at, np.array([-5.0, 2.4]), 12)
    columns, unseen = by_visibility(points, spot, basis)
    g = columns[:3].T @ basis
    factor = 0.5 + 0.5 * ((g[:, 2] + WAVELENGTH / 2 * (g**2).sum(axis=1)) / 0.0013) ** 2
    factor *= levels(spot, intensity, intensity.min())
    told = minimize(lambda one: -_slopes(*one, columns[3], factor, unseen)[0], scale, tol=1e-9)
    assert value == pytest.approx(-told.fun, abs=1e-3)
    assert np.allclose(scale, told.x, atol=0.02)
    _, _, best, _ = fit_heights(points, spot, basis, *at, scale, 12)
    assert best > value - 1e-6


def test_a_clear_lead_and_exact_heights_make_a_lattice_likelier():
    def fits(scores, looseness):
        m = len(scores)
        same = {
            "points": np.full(m, 200),
            "axes": np.full(m, 3),
            "cost": np.full(m, 3.0),
            "gain": np.full(m, 9.0),
        }
        indexed = np.tile(np.arange(30) < 24, (m, 1))
        return SimpleNamespace(
            score=np.array(scores), indexed=indexed, looseness=np.full(m, looseness), **same
        )

    assert probabilities(fits([], 1e-3), 30).shape == (0,)
    clear, close, loose = (
        probabilities(fits([250.0, other], looseness), 30)
        for other, looseness in ((200.0, 1e-3), (249.0, 1e-3), (200.0, 0.3))
    )
    leads = features(fits([200.0, 250.0, 220.0, 250.0], 1e-3), 30)["lead"]
    assert leads.tolist() == [-50, 0, -30, 0]
    assert features(fits([250.0, 200.0], 1e-3), 30)["lead"].tolist() == [50, -50]
    alone = features(fits([250.0], 1e-3), 30)
    assert alone["lead"] == 250 and alone["stray"] == pytest.approx(0.2) and alone["seen"] == np.log(24 / 200)
    assert clear[0] > max(close[0], loose[0])
    assert clear[0] > clear[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"qx": np.full(9, np.nan)}, "not three finite numbers"),
        ({"intensity": np.zeros(9)}, "expected more than 0"),
        ({"qy": np.ones(8)}, "shapes"),
        ({"wavelength": 2.0}, "wavelength: 2 Å is not allowed"),
    ],
)
def test_what_is_no_pattern_is_named(change, message):
    values = {name: np.ones(9) for name in ("qx", "qy", "intensity")} | {"wavelength": WAVELENGTH} | change
    with pytest.raises(InputError, match=message):
        single_view(**values)
