"""Structures on both sides of the split under two names, and what the terminal says of a data set."""

import numpy as np
import pandas as pd
import pytest

from edsym.spots.duplicates import duplicates
from edsym.spots.summary import told

CUBE = np.eye(3)
# The same lattice by another choice of its edges: a face-centred cube of 4 Å as a primitive cell.
FACES = 2 * np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]])
TURNED = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1]]) @ FACES


def material(name, side, lattice, numbers=(29,), coords=(0, 0, 0), group=225):
    row = {"material_id": name, "split": side, "lattice": np.ravel(lattice), "numbers": np.array(numbers)}
    return row | {"frac_coords": np.array(coords), "spacegroup_number": group, "formula": "Cu1"}


def found(*rows):
    frame = pd.DataFrame(rows)
    table = duplicates(frame.drop(columns="split"), frame[["material_id", "split"]])
    return [(row.test, row.train) for row in table.itertuples()]


@pytest.mark.parametrize(
    ("other", "alike"),
    [
        (material("b", "test", FACES), True),
        (material("b", "train", FACES), False),
        (material("b", "test", 1.015 * FACES), True),
        (material("b", "test", 1.03 * FACES), False),
        (material("b", "test", TURNED), True),
        (material("b", "test", FACES, group=216), False),
        (material("b", "test", FACES, numbers=[47]), False),
        (material("b", "test", 4 * CUBE, [29] * 4, [0, 0, 0, 0, 0.5, 0.5, 0.5, 0, 0.5, 0.5, 0.5, 0]), True),
        (material("b", "test", np.linalg.det(FACES) ** (1 / 3) * CUBE), False),
    ],
)
def test_duplicates_have_one_composition_group_and_lattice(other, alike):
    assert found(material("a", "train", FACES), other) == [("b", "a")] * alike


def summary(tmp_path, relabelled=0, duplicates=0, lost=(0, 0, 0, 0)):
    stages = ["structures", "filter", "simulation", "spots", "train", "test", "relabelled", "duplicates"]
    materials = [60 - lost[0], *[None] * 3, 30, 5, relabelled, duplicates]
    frame = pd.DataFrame({"stage": stages, "materials": materials, "materials_lost": [*lost, *[None] * 4]})
    frame.convert_dtypes().to_csv(tmp_path / "summary.csv", index=False)
    return told(tmp_path / "summary.csv")


def test_the_terminal_says_what_was_lost_relabelled_and_twice(tmp_path):
    text = summary(tmp_path, relabelled=3, duplicates=2, lost=(4, 20, 0, 1))
    assert text.splitlines() == [
        "60 materials: 30 to train, 5 to test, 25 lost",
        "  4 by structures",
        "  20 by filter",
        "  1 by spots; the reason of each is in lost.csv",
        "3 have another space group than their source states",
        "2 test materials seem to be training materials under another name: see duplicates.csv",
    ]
    assert summary(tmp_path) == "60 materials: 30 to train, 5 to test, 0 lost"
