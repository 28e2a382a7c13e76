"""Systematic absences: their tables, and what seen reflections say of them."""

from itertools import product

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from test_lattice_views import WAVELENGTH

from edsym.lattice.absence_table import absence_table
from edsym.lattice.absences import absence_evidence
from edsym.lattice.bravais import BRAVAIS
from edsym.lattice.find import find_lattice
from edsym.lattice.pattern import lattice_points
from edsym.symmetry.classes import bravais_lattices, extinction_groups

HKL = np.array([(h, k, m) for h, k, m in product(range(-4, 5), repeat=3) if (h, k, m) != (0, 0, 0)])


def absent_of(bravais, group):
    table = absence_table(bravais)
    return table.absent(HKL)[table.group == group - 1]


def indices(*rows):
    return np.array([np.flatnonzero((row == HKL).all(axis=1))[0] for row in rows])


def test_every_space_group_has_its_settings_in_its_bravais_lattice():
    lattices = bravais_lattices()
    for bravais in BRAVAIS:
        groups = {int(g) for g in absence_table(bravais).group}
        assert groups == set(np.flatnonzero(lattices.index == lattices.names.index(bravais)))


def test_conditions_of_reflection_are_those_of_the_international_tables():
    h, k, m = HKL.T
    # P 1 21/c 1 in three cells: h0l for l, h or h + l = 2n, 0k0 for k = 2n.
    screw = (h == 0) & (m == 0) & (k % 2 == 1)
    for glide in (m, h, h + m):
        expected = screw | ((k == 0) & (glide % 2 == 1))
        assert (absent_of("mP", 14) == expected).all(axis=1).any()
    assert len(absent_of("mP", 14)) == 3
    # P a -3: 0kl for k = 2n, in both orders of the axes, which a quarter turn exchanges.
    one, other = absent_of("cP", 205)
    seen, gone = indices((0, 2, 1), (0, 1, 2))
    assert {(one[seen], one[gone]), (other[seen], other[gone])} == {(False, True), (True, False)}
    # P n m a has six orders of axes; hexagonal P 63: 00l for l = 2n; no group of P 1 has any.
    assert len(absent_of("oP", 62)) == 6
    (six,) = np.unique(absent_of("hP", 173), axis=0)
    np.testing.assert_array_equal(six, (h == 0) & (k == 0) & (m % 2 == 1))
    assert not absent_of("aP", 2).any()


def test_groups_of_one_extinction_class_have_the_same_absences():
    index = extinction_groups().index
    for bravais in ("oP", "tP", "hP"):
        table = absence_table(bravais)
        absent = table.absent(HKL)
        for extinction in set(index[table.group]):
            some = [absent[table.group == g] for g in set(table.group) if index[g] == extinction]
            counts = {tuple(sorted({tuple(row) for row in one.astype(int).tolist()})) for one in some}
            assert len(counts) == 1


def shown(direct, absent, seed, n_views=6):
    """Return views of a lattice, of which some reflections are absent."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.inv(direct).T
    hkl = lattice_points(basis, 1.3).astype(int)
    strength = rng.exponential(size=len(hkl)) * np.exp(-2 * ((hkl @ basis) ** 2).sum(axis=1)) * ~absent(hkl)
    views = []
    for turn in Rotation.random(n_views, random_state=rng).as_matrix():
        g = hkl @ basis @ turn
        s = -g[:, 2] - WAVELENGTH * (g**2).sum(axis=1) / 2
        intensity = strength / (1 + (s / 0.004) ** 2) ** 2
        best = np.argsort(-intensity)[:60]
        q = g[best, :2] + rng.normal(0, 1e-3, (60, 2))
        views.append(np.column_stack([q, intensity[best]]))
    return views


@pytest.mark.parametrize("turned", [False, True])
def test_a_glide_plane_is_seen_and_its_lack_too_whatever_the_order_of_axes(turned):
    order = [2, 0, 1] if turned else [0, 1, 2]
    direct = np.diag(np.array([5.3, 6.9, 11.2])[order])

    def pnma(hkl):
        h, k, m = hkl[:, np.argsort(order)].T
        return ((h == 0) & ((k + m) % 2 == 1)) | ((m == 0) & (h % 2 == 1))

    found = find_lattice(shown(direct, pnma, 0), WAVELENGTH)
    evidence = absence_evidence(found)
    oP = bravais_lattices().index == bravais_lattices().names.index("oP")
    best = np.flatnonzero(evidence == evidence[oP].max()) + 1
    assert set(best) == {33, 62}  # P n a 21 and P n m a have the same absences
    assert evidence[61] > 5 and evidence[46] == 0
    assert evidence[224] == 0  # no cubic lattice is near
    without = absence_evidence(find_lattice(shown(direct, lambda hkl: hkl[:, 0] > 99, 0), WAVELENGTH))
    assert without[61] < -5 and without[46] == 0
