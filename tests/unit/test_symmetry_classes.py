"""Classes of space groups against International Tables and the lattices of spglib."""

import numpy as np
import pytest

from edsym.lattice.bravais import BRAVAIS
from edsym.symmetry import laue_class
from edsym.symmetry_classes import CLASSES, bravais_lattices, extinction_groups, laue_classes


def test_bravais_lattices_by_counts_of_their_space_groups():
    classes = bravais_lattices()
    assert set(classes.names) == set(BRAVAIS)
    counts = dict(zip(classes.names, np.bincount(classes.index).tolist(), strict=True))
    # International Tables A: arithmetic crystal classes, by lattices.
    assert counts == {
        "aP": 2, "mP": 8, "mC": 5, "oP": 30, "oC": 15, "oI": 9, "oF": 5, "tP": 49, "tI": 19, "hR": 7,
        "hP": 45, "cP": 15, "cI": 10, "cF": 11,
    }  # fmt: skip


def test_laue_classes_are_those_of_the_groups():
    classes = laue_classes()
    assert len(classes.names) == 11
    assert [classes.names[i] for i in classes.index] == [laue_class(number) for number in range(1, 231)]


def test_there_are_122_extinction_groups():
    assert len(extinction_groups().names) == 122


@pytest.mark.parametrize(
    "name",
    [
        "P1 P-1",
        "P2_1 P2_1/m",
        "P2_1/c",
        "Pna2_1 Pnma",
        "C222 Cmm2 Amm2 Cmmm",
        "I222 I2_12_12_1 Imm2 Immm",
        "P4_1 P4_3",
        "P312 P31m P-31m",
        "P321 P3m1 P-3m1",
        "R32 R3m R-3m",
        "P6_3mc P-62c P6_3/mmc",
        "F432 F-43m Fm-3m",
        "Fd-3m",
    ],
)
def test_extinction_groups_of_international_tables(name):
    assert name in extinction_groups().names


@pytest.mark.parametrize("kind", CLASSES)
def test_probabilities_of_classes_are_sums_over_their_groups(kind):
    classes, p = CLASSES[kind](), np.random.default_rng(0).dirichlet(np.ones(230), 3)
    sums = classes.sums(p)
    np.testing.assert_allclose(sums.sum(axis=1), 1)
    i = classes.index[61]
    np.testing.assert_allclose(sums[:, i], p[:, classes.index == i].sum(axis=1))
