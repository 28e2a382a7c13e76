"""The lattice from one still pattern: exact spots give it back, and each step does what it says."""

from types import SimpleNamespace

import numpy as np
import pytest

from edsym.errors import InputError
from edsym.lattice.compare import deviation, reduced
from edsym.lattice.constraint import constrained
from edsym.lattice.differences import differences, position_error
from edsym.lattice.holohedry import CONDITIONS, TWO_FOLDS, group
from edsym.lattice.likelihood import _gradient
from edsym.lattice.periods import find_periods
from edsym.lattice.points import FARTHEST, points_near_sphere
from edsym.lattice.probability import probabilities
from edsym.lattice.single import single_view
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
    diagonal = [np.array_equal(np.abs(m), np.eye(3)) for m in TWO_FOLDS]
    assert len(group(frozenset(np.flatnonzero(diagonal).tolist()[:2]))) == 3
    permutes = [set(np.abs(m).sum(axis=0)) == set(np.abs(m).sum(axis=1)) == {1} for m in TWO_FOLDS]
    assert len(group(frozenset(np.flatnonzero(permutes).tolist()))) == 9  # the cubic lattice's


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


def test_the_gradient_of_the_likelihood_is_its_slope():
    basis = reduced(turned(CELLS["triclinic"], 7))
    points = points_near_sphere(basis, WAVELENGTH, 1.0, 5000)
    spot = np.where(np.arange(len(points)) % 3, -1, 0)
    square = ((points @ basis)[:, :2] ** 2).sum(axis=1)
    here = np.array([*basis[:, 2], -2.0, 2.2])
    rest = points, spot, square, WAVELENGTH, np.array([3e-3]), 1e-4, 0.0013
    _, gradient, curvature = _gradient(here, *rest)
    steps = 1e-6 * np.eye(5)
    slope = [(_gradient(here + step, *rest)[0] - _gradient(here - step, *rest)[0]) / 2e-6 for step in steps]
    assert np.allclose(gradient, slope, rtol=1e-4, atol=1e-3)
    assert np.linalg.eigvalsh(curvature).min() > 0


def test_a_clear_lead_and_exact_heights_make_a_lattice_likelier():
    def fit(score, looseness):
        spot = np.where(np.arange(200) < 30, 0, -1)
        same = {"spot": spot, "points": spot, "axes": 3, "cost": 3.0, "gain": 9.0}
        return SimpleNamespace(score=score, looseness=looseness, **same)

    assert probabilities([], 30).shape == (0,)
    clear = probabilities([fit(250.0, 1e-3), fit(200.0, 1e-3)], 30)
    close = probabilities([fit(250.0, 1e-3), fit(249.0, 1e-3)], 30)
    loose = probabilities([fit(250.0, 0.3), fit(200.0, 0.3)], 30)
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
