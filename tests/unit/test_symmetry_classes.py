"""Classes of space groups against International Tables and the lattices of spglib."""

import numpy as np
import pytest
import spglib

from edsym.lattice.bravais import BRAVAIS
from edsym.symmetry import laue_class
from edsym.symmetry.classes import (
    CLASSES,
    TABLE,
    bravais_lattices,
    extinction_groups,
    laue_classes,
    powder_groups,
    space_group_symbols,
)
from edsym.symmetry.derivation import absent_reflections, derive_classes, hall_numbers


def test_the_table_is_what_the_operations_give():
    rows = "".join(f"{number},{symbol},{p},{e}\n" for number, symbol, p, e in derive_classes())
    assert TABLE.read_text() == "spacegroup,symbol,powder,extinction\n" + rows


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


def test_there_are_97_powder_groups_that_tables_print_as_99():
    classes, symbols = powder_groups(), space_group_symbols()
    assert len(classes.names) == 97
    first = [symbol[1:].split("/")[0] for symbol in symbols]
    printed = {}
    for i, name in enumerate(classes.names):
        members = np.flatnonzero(classes.index == i)
        # A screw axis that all members have stands in the printed symbol, with its order.
        screw = all("_" in first[m] for m in members)
        printed[name] = {first[m].lstrip("-")[0] for m in members} if screw else {""}
    assert sum(map(len, printed.values())) == 99
    assert [name.split()[0] for name, orders in printed.items() if len(orders) > 1] == ["P3_1", "P2_13"]


def test_powder_groups_join_extinction_groups():
    powder, finer = powder_groups().index, extinction_groups().index
    assert len(set(zip(powder, finer, strict=True))) == 122


# Conditions of reflection as International Tables A print them, in the standard settings.
ALL = np.stack(np.meshgrid(*[np.arange(-6, 7)] * 3, indexing="ij"))
CONDITIONS = {
    14: lambda h, k, L: ((k == 0) & (L % 2 > 0)) | ((h == 0) & (L == 0) & (k % 2 > 0)),
    19: lambda h, k, L: (((h == 0) * 1 + (k == 0) + (L == 0)) >= 2) & ((h + k + L) % 2 > 0),
    62: lambda h, k, L: (
        ((h == 0) & ((k + L) % 2 > 0)) | ((L == 0) & (h % 2 > 0)) | ((h == 0) & (k == 0) & (L % 2 > 0))
    ),
    169: lambda h, k, L: (h == 0) & (k == 0) & (L % 6 > 0),
    161: lambda h, k, L: ((-h + k + L) % 3 > 0) | (((h == -k) | (h == 0) | (k == 0)) & (L % 2 > 0)),
    227: lambda h, k, L: (
        ((h + k) % 2 > 0) | ((h + L) % 2 > 0) | (((h == 0) | (k == 0) | (L == 0)) & ((h + k + L) % 4 > 0))
    ),
}


@pytest.mark.parametrize("number", CONDITIONS)
def test_absent_reflections_are_those_of_the_tables_and_of_random_atoms(number):
    absent = absent_reflections(number)
    np.testing.assert_array_equal(absent, CONDITIONS[number](*ALL))
    operations = spglib.get_symmetry_from_database(hall_numbers()[number])
    atoms = np.random.default_rng(number).random((3, 3))
    images = atoms @ operations["rotations"].transpose(0, 2, 1) + operations["translations"][:, None]
    phases = np.exp(2j * np.pi * np.einsum("hklx,oax->hklao", np.moveaxis(ALL, 0, -1), images))
    factors = phases.sum(axis=4) @ [1, 0.7, 0.4]
    np.testing.assert_array_equal(np.abs(factors) < 1e-6 * len(images), absent)


@pytest.mark.parametrize("kind", CLASSES)
def test_probabilities_of_classes_are_sums_over_their_groups(kind):
    classes, p = CLASSES[kind](), np.random.default_rng(0).dirichlet(np.ones(230), 3)
    sums = classes.sums(p)
    np.testing.assert_allclose(sums.sum(axis=1), 1)
    i = classes.index[61]
    np.testing.assert_allclose(sums[:, i], p[:, classes.index == i].sum(axis=1))
