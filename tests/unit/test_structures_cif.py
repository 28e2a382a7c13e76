"""CIF files as people have them: each structure is read as its file says, or listed with the reason."""

import os
import random
import re

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from edsym.errors import MaterialError
from edsym.structures.cif import CifFolder, read_file
from edsym.structures.source import Rejection
from edsym.structures.standard import primitive

SALT = """data_salt
_symmetry_space_group_name_H-M 'F m -3 m'
_cell_length_a 5.64
_cell_length_b 5.64
_cell_length_c 5.64
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_chemical_formula_sum 'Na Cl'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Na1 Na+ 0 0 0 1
Cl1 Cl- 0.5 0 0 1
"""
GROUP = "_symmetry_space_group_name_H-M 'F m -3 m'"
SECOND = SALT.replace("data_salt", "data_second")
OPERATORS = "loop_\n_symmetry_equiv_pos_as_xyz\n"


def outcome(folder, text: str | bytes) -> list:
    """Return of each structure of a file its space group and number of atoms, or its reason."""
    file = folder / "x.cif"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return [result(found) for found in read_file("x", file)]


def result(found):
    if isinstance(found, Rejection):
        return found.reason
    try:
        cell = primitive(found.lattice, found.numbers, found.frac_coords)
    except MaterialError as error:
        return str(error)
    return cell.spacegroup_number, len(cell.numbers)


@pytest.mark.parametrize(
    "text",
    [
        SALT,
        b"\xef\xbb\xbf" + SALT.encode(),
        SALT.encode("utf-16"),
        SALT.replace("data_salt", "data_M\xfcller").encode("latin-1"),
        SALT.replace("\n", "\r"),
        SALT.replace("data_", "DATA_").replace("_cell_length_a", "_Cell_Length_A"),
        SALT.replace("5.64\n", "5.64(2)\n").replace("0.5 0 0", "0.5000(3) 0 0"),
        SALT.replace("data_salt", "data_powder_pattern _publ_a b"),
        SALT.replace("loop_", "_note\n;\ndata_of nothing\n;\nloop_", 1),
        "data_global\n_journal 'J. Appl.'\n" + SALT,
        SALT.replace(GROUP, "_space_group_name_Hall '-F 4 2 3'"),
        SALT.replace(GROUP, "_space_group_IT_number 225"),
        SALT.replace("'Na Cl'", "'Na Cl H4'"),  # hydrogen is often not located
    ],
)
def test_structure_is_read(tmp_path, text):
    assert outcome(tmp_path, text) == [(225, 2)]


REJECTED = {
    "": "the file is empty",
    "hello": "no line starts with data_",
    "data_x\n_a b\n": "no block has a cell",
    SALT.encode("utf-16-le"): "holds NUL characters",
    SALT[: SALT.index("_cell_angle_beta")]: "_cell_angle_beta is missing, expected a number of 1 to 179",
    SALT[:-15]: r"the values of a loop_ do not fill its rows \(is the file cut off\?\)",
    SALT[: SALT.index("Na1")]: "the values of a loop_ do not fill its rows",
    SALT[: SALT.index("Cl1")]: "no site of Cl, which the formula holds",
    SALT + ";text\n" + SECOND: "a text field, .*, has no end",
    SALT + SALT[SALT.index("loop_") :]: "_atom_site_fract_x stands twice",
    SALT.replace("length_a 5.64", "length_a -5"): "_cell_length_a is '-5', expected a number of 0.5 to 1000",
    SALT.replace("length_a 5.64", "length_a nan"): "_cell_length_a is 'nan'",
    SALT.replace("beta 90", "beta 180"): "_cell_angle_beta is '180', expected a number of 1 to 179",
    SALT.replace("0.5 0 0", "0.5 . 0"): r"_atom_site_fract_y of Cl1 is '\.', expected a number",
    SALT.replace("0 0 0 1", "0 0 0 0"): "_atom_site_occupancy of Na1 is '0', expected a number of 0.001 to 1",
    SALT.replace("0 0 0 1", "0 0 0 x"): "_atom_site_occupancy of Na1 is 'x'",
    SALT.replace("0 0 0 1", "0 0 0 0.5"): r"disordered: 4 of 8 sites are partly .*Na.*:0\.5",
    SALT.replace("Cl-", "OH"): "site Cl1 is 'OH', expected one element",
    SALT.replace("_atom_site_type_symbol\n", "")
    .replace("1 Na+", "1")
    .replace("Cl1 Cl-", "OH1"): "site OH1 is 'OH1'",
    SALT.replace("Na+", "?"): r"site Na1 is '\?', expected one element",
    SALT.replace(
        "Cl1 Cl- 0.5 0 0 1", "Cl1 Cl- 0.5 0 0 1\nCl2 Cl- 0.509 0 0 1"
    ): r"atoms .* are 0\.0508 Å apart",
    re.sub(r"loop_(.|\n)*", "", SALT)
    + "".join(f"_atom_site_{n} 0\n" for n in ("label", "fract_x")): "no table of atoms: _atom_site_label, ",
    SALT.replace("_atom_site_fract_y", "_y"): "no table of atoms: _atom_site_fract_y missing",
    SALT + OPERATORS + "'x, y, z'\n" * 5_001: "sites times operators are 10002, expected at most 10000",
    SALT.replace("_atom_site_label", "_atom_site_name"): "KeyError '_atom_site_label'",
    SALT + OPERATORS + "'x, y, z'\n'x, y'": "symmetry operator 'x, y', expected one such as",
    SALT + OPERATORS + "'x, y, 1/2'": "symmetry operator 'x, y, 1/2'",
    SALT + "loop_\n_atom_site_moment_label\nNa1\n": "magnetic moments, but no _space_group_symop_magn",
    SALT.replace(GROUP, ""): "neither symmetry operators nor a space group",
    SALT.replace(
        "F m -3 m", "Q 7"
    ): "no symmetry operators, and 0 settings of space group 'Q 7' fit the cell",
    SALT.replace("gamma 90", "gamma 120"): "0 settings of space group 'F m -3 m' fit the cell",
}


@pytest.mark.parametrize("text", REJECTED)
def test_structure_is_listed_with_its_reason(tmp_path, text):
    (found,) = outcome(tmp_path, text)
    assert re.search(REJECTED[text], found), found


def test_large_file_is_not_read(tmp_path):
    with open(tmp_path / "x.cif", "wb") as file:
        file.truncate(20_000_001)  # a hole: nothing is written
    (found,) = read_file("x", tmp_path / "x.cif")
    assert "the file has 20 MB, expected at most 20" in found.reason


# A site at the origin and one of no symmetry, so that a wrong setting gives another number of atoms or group.
SETTINGS = {
    ("F d -3 m :1", "90 90 90", "0 0 0"): (227, 2),
    ("F d -3 m :2", "90 90 90", "0.125 0.125 0.125"): (227, 2),
    ("R -3 m", "90 90 120", "0 0 0.1"): (166, 2),
    ("R -3 m", "80 80 80", "0.1 0.1 0.1"): (166, 2),
    ("P 21/n", "90 99 90", "0.1 0.2 0.3"): (14, 4),
    ("P 1 1 21/b", "90 90 99", "0.1 0.2 0.3"): (14, 4),
    ("I 1 2/a 1", "90 99 90", "0.1 0.2 0.3"): (15, 4),
}


@pytest.mark.parametrize(("symbol", "angles", "place"), SETTINGS)
def test_operators_are_those_of_the_setting(tmp_path, symbol, angles, place):
    text = SALT.replace("F m -3 m", symbol).replace("'Na Cl'", "C")
    for name, angle in zip(("alpha", "beta", "gamma"), angles.split(), strict=True):
        text = text.replace(f"{name} 90", f"{name} {angle}")
    if "R" not in symbol and "F" not in symbol:
        text = text.replace("b 5.64", "b 6.9").replace("c 5.64", "c 8.3")
    atoms = text[: text.index("Na1")]
    assert outcome(tmp_path, f"{atoms}C1 C {place} 1\n") == [SETTINGS[symbol, angles, place]]


def test_origin_that_is_not_told_is_not_guessed(tmp_path):
    for group in ("_symmetry_space_group_name_H-M 'F d -3 m'", "_symmetry_Int_Tables_number 227"):
        (found,) = outcome(tmp_path, SALT.replace(GROUP, group))
        assert "2 settings of space group" in found and "expected operators, or one setting" in found


def test_broken_block_is_listed_beside_the_others(tmp_path):
    found = outcome(tmp_path, SALT + SECOND.replace("0.5 0 0", "? 0 0") + SALT.replace("salt", "third"))
    assert found[0] == found[2] == (225, 2)
    assert "_atom_site_fract_x of Cl1 is '?'" in found[1]


def test_ids_are_unambiguous(tmp_path):
    for name in ("x.cif", "x#2.cif", "x#.cif", "x\n.cif"):
        (tmp_path / name).write_text(SALT + SECOND)
    source = CifFolder(tmp_path)
    found = {item.material_id: getattr(item, "reason", "") for item in source.read(source.ids())}
    assert set(found) == {"x", "x#2", "x##2", "x##2#2", "x##", "x###2", "x\n"}
    assert found.pop("x\n") == "the file's name holds control characters"
    assert not any(found.values())


EXAMPLES = int(os.environ.get("EDSYM_FUZZ", "60"))


def test_damaged_files_are_read_or_listed(tmp_path):
    quartz = Structure.from_spacegroup("P3_121", Lattice.hexagonal(4.9, 5.4), ["Si"], [[0.47, 0, 1 / 3]])
    quartz.to(str(tmp_path / "quartz.cif"), symprec=0.1)
    sources = [SALT + SECOND, (tmp_path / "quartz.cif").read_text()]
    rng = random.Random(0)
    for _ in range(EXAMPLES):
        for found in outcome(tmp_path, damaged(rng.choice(sources), rng)):
            assert isinstance(found, tuple) or (found and "\n" not in found)


def damaged(text: str, rng: random.Random) -> bytes:
    """Return a text with tokens, lines or bytes of it lost, doubled, exchanged or replaced."""
    hostile = [
        "?",
        ".",
        "-1",
        "0",
        "1e999",
        "nan",
        "loop_",
        "data_",
        ";",
        "'",
        "_x",
        "x,y,z",
        "\0",
        "é",
        "1" * 400,
    ]
    for _ in range(rng.randint(1, 4)):
        parts = re.split(rng.choice([r"(\s+)", r"(\n)", r"(\d)"]), text)
        i, j = rng.randrange(len(parts)), rng.randrange(len(parts))
        kind = rng.randrange(5)
        new = ["", parts[i] * 2, parts[j], rng.choice(hostile), np.base_repr(rng.getrandbits(40), 36)][kind]
        parts[i] = new
        text = "".join(parts[: i if rng.random() < 0.1 else None])
    return text.encode()
