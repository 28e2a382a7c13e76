"""Phases of a scan: grains of one lattice among those of others."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from edsym.lattice.orientation import find_rotations
from edsym.lattice.pattern import View, lattice_points
from edsym.mapping import grain_lattices
from edsym.mapping import phases as module
from edsym.mapping.candidates import Candidate, ranked
from edsym.mapping.phases import phases

WAVELENGTH = 0.0197
GOLD = np.linalg.inv(2.04 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])).T
OTHER = np.linalg.inv([[5.1, 0, 0], [-0.7, 6.3, 0], [0.4, 1.1, 8.2]]).T
RUTILE = np.linalg.inv(np.diag([4.594, 4.594, 2.958])).T


def pattern(basis, turn, rng, n, sigma=0.002):
    """Return qx, qy and intensity (n, 3) of the brightest points near the Ewald sphere."""
    g = turn.apply(lattice_points(basis, 1.4) @ basis)
    s = -g[:, 2] - WAVELENGTH * (g**2).sum(axis=1) / 2
    intensity = rng.exponential(size=len(g)) * np.exp(-2 * (g**2).sum(axis=1)) / (1 + (s / 0.004) ** 2) ** 2
    best = np.argsort(-intensity)[:n]
    return np.column_stack([g[best, :2] + rng.normal(0, sigma, (len(best), 2)), intensity[best]])


@pytest.fixture(scope="module")
def rutile():
    """Five grains, the last of which shows few spots."""
    rng = np.random.default_rng(2)
    return [pattern(RUTILE, Rotation.random(random_state=rng), rng, n) for n in (30, 30, 30, 30, 8)]


def test_grains_of_one_lattice_are_a_phase(rutile):
    rng = np.random.default_rng(3)
    others = [pattern(OTHER, Rotation.random(random_state=rng), rng, 40) for _ in range(2)]
    mixed = [rutile[0], others[0], rutile[1], rutile[2], others[1], rutile[4], np.empty((0, 3))]
    np.testing.assert_array_equal(phases(mixed, WAVELENGTH), [0, 1, 0, 0, 1, 0, 2])


def test_grains_beyond_the_first_are_asked_whether_the_lattice_explains_them(rutile, monkeypatch):
    monkeypatch.setattr(module, "MOST", 3)
    rng = np.random.default_rng(4)
    stranger = pattern(OTHER, Rotation.random(random_state=rng), rng, 40)
    np.testing.assert_array_equal(
        phases([*rutile[:3], stranger, *rutile[3:]], WAVELENGTH), [0, 0, 0, 1, 0, 0]
    )


def test_a_grain_is_of_the_lattice_that_explains_it_best():
    # a dense lattice explains a little of everything, and has most evidence
    dense = Candidate(gains={0: 43.0, 1: 43.0, 2: 43.0, 3: 45.0, 4: 60.0}, own=[3, 4])
    gold = Candidate(gains={0: 50.0, 1: 50.0, 2: 50.0, 5: 28.0}, own=[0])
    assert dense.evidence > gold.evidence > 0
    assert ranked([dense, gold])[0].gains == gold.gains
    assert list(dense.without([dense, gold]).gains) == [3, 4]
    # the lattice of another grain of the same crystal takes nothing away
    same = Candidate(gains={1: 55.0, 2: 51.0, 6: 30.0}, own=[1])
    assert ranked([gold, same])[0].gains == gold.gains
    assert not ranked([Candidate(), Candidate(gains={0: 99.0}, own=[0])])


@pytest.mark.parametrize(
    ("seed", "asks"),
    [(6, True), (10, False)],  # of these orientations, one lattice may be pulled until it fits all, or not
)
def test_a_strained_grain_that_fits_the_lattice_of_one_does_not_stay(seed, asks, monkeypatch):
    rng = np.random.default_rng(seed)
    gold = [pattern(GOLD, Rotation.random(random_state=rng), rng, n) for n in (14, 9, 9, 9, 9)]
    strained = pattern(GOLD @ np.diag([1, 1, 1.04]), Rotation.random(random_state=rng), rng, 9)
    lattices = grain_lattices.GrainLattices([*gold, strained], WAVELENGTH)
    best = ranked([lattices.of_one(g, range(6)) for g in range(6)])[0]
    assert sorted(best.gains) == [0, 1, 2, 3, 4, 5]
    joined = lattices.joined(best)
    assert sorted(joined.own) == sorted(joined.gains) == [0, 1, 2, 3, 4]
    assert abs(np.linalg.det(joined.found.solution.fit.basis)) == pytest.approx(4 / 4.08**3, rel=0.01)
    monkeypatch.setattr(grain_lattices, "_stranger", lambda *_: None)
    assert (5 in lattices.joined(best).own) == asks


def test_a_phase_has_the_lattice_that_its_grains_show_together(rutile, monkeypatch):
    lattices = grain_lattices.GrainLattices(rutile[:2], WAVELENGTH)
    common, _ = lattices.of_all([0, 1])
    assert lattices.is_found_again(common)
    solution = common.found.solution
    for factor, same in ((1.02, True), (1.04, False)):
        fit = replace(solution.fit, basis=solution.fit.basis / factor)
        found = replace(common.found, solution=replace(solution, fit=fit))
        assert lattices.is_found_again(replace(common, found=found)) == same
    monkeypatch.setattr(grain_lattices.GrainLattices, "is_found_again", lambda *_: False)
    np.testing.assert_array_equal(phases(rutile[:2], WAVELENGTH), [0, 1])


def test_what_has_no_lattice_in_common_stays_apart():
    rng = np.random.default_rng(0)
    speckles = [np.column_stack([rng.uniform(-1, 1, (6, 2)), rng.uniform(1, 2, 6)]) for _ in range(2)]
    np.testing.assert_array_equal(phases(speckles, WAVELENGTH), range(2))
    assert len(phases([], WAVELENGTH)) == 0


def test_a_row_of_spots_is_turned_by_a_single_spot_far_beside_it():
    g = np.array([[1, 1, 1], [-1, -1, -1], [2, 2, 2], [2, 2, -4]]) / 4.08
    turn = Rotation.align_vectors([[1, 0, 0], [0, 1, 0]], [[1, 1, 1], [1, 1, -2]])[0]
    q = turn.apply(g)[:, :2]
    assert np.hypot(*q[3]) > 1.1
    rotations = find_rotations(View.of(*q.T, [4.0, 3, 2, 1], WAVELENGTH), GOLD, 0.01, 0.0)
    seen = GOLD @ rotations[0]
    hkl = np.column_stack([q, np.zeros(4)]) @ np.linalg.inv(seen)
    np.testing.assert_allclose(hkl, np.rint(hkl), atol=0.05)
