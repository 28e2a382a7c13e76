"""Prototypes and chemical systems, told of structures in other settings and with other elements."""

import numpy as np
import pandas as pd
import pytest
from pymatgen.core import Lattice, Structure

from edsym.errors import InputError
from edsym.structures.kinship import ENANTIOMORPHS, chemical_system, prototype, write_kinship
from edsym.structures.kinship_table import read_kinship
from edsym.structures.standard import standardize
from edsym.structures.table import write_materials
from edsym.symmetry import crystal_system
from edsym.symmetry.classes import CLASSES


def crystal(group, lattice, species, coords):
    return Structure.from_spacegroup(group, lattice, species, coords)


def of(structure):
    numbers = np.array([site.specie.Z for site in structure])
    return prototype(standardize(structure.lattice.matrix, numbers, structure.frac_coords))


ORIGIN, HALF = [0, 0, 0], [0.5, 0.5, 0.5]
SALT = crystal("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [ORIGIN, HALF])


def test_a_prototype_does_not_hang_on_elements_origin_cell_or_axes():
    assert of(SALT) == "225 AB 1(-3mm)|1(-3mm)"
    assert of(crystal("Fm-3m", Lattice.cubic(4.2), ["Mg", "O"], [HALF, ORIGIN])) == of(SALT)
    assert of(SALT * (2, 1, 1)) == of(SALT)
    a = crystal("Pmm2", Lattice.orthorhombic(4, 5, 6), ["Ti", "O"], [[0, 0, 0.1], [0.5, 0.2, 0.6]])
    turned = Structure(Lattice.orthorhombic(5, 6, 4), a.species, a.frac_coords[:, [1, 2, 0]])
    assert of(turned) == of(a)


def test_other_sites_formulas_and_groups_are_other_prototypes():
    blende = crystal("F-43m", Lattice.cubic(5.4), ["Zn", "S"], [ORIGIN, [0.25] * 3])
    fluorite = crystal("Fm-3m", Lattice.cubic(5.5), ["Ca", "F"], [ORIGIN, [0.25] * 3])
    chloride = crystal("Pm-3m", Lattice.cubic(4.1), ["Cs", "Cl"], [ORIGIN, HALF])
    assert len({of(s) for s in (SALT, blende, fluorite, chloride)}) == 4
    assert of(fluorite).startswith("225 AB2 ")


def test_mirror_images_are_one_prototype_and_their_groups_share_all_classes():
    quartz = crystal(
        "P3_121", Lattice.hexagonal(4.91, 5.40), ["Si", "O"], [[0.47, 0, 1 / 3], [0.41, 0.27, 0.45]]
    )
    mirrored = Structure(quartz.lattice, quartz.species, quartz.frac_coords[:, [1, 0, 2]] * [1, 1, -1])
    inverted = Structure(quartz.lattice, quartz.species, -quartz.frac_coords)
    groups = {of(s).split()[0] for s in (quartz, mirrored, inverted)}
    assert groups == {"152"} and of(inverted) == of(quartz)
    for kind in ("laue", "bravais", "extinction"):
        index = CLASSES[kind]().index
        assert all(index[large - 1] == index[small - 1] for large, small in ENANTIOMORPHS.items())
    assert len(ENANTIOMORPHS) == 11


def test_a_chemical_system_is_its_sorted_elements():
    assert chemical_system(np.array([17, 11, 17])) == "Cl-Na"


def test_kinship_is_written_for_all_materials_also_for_one_without_symmetry(tmp_path):
    rows = {
        "material_id": ["b", "a"],
        "formula": "NaCl",
        "spacegroup_number": 225,
        "volume": 44.9,
        "nsites": 2,
    }
    frame = pd.DataFrame(rows).assign(crystal_system=crystal_system(225))
    primitive = SALT.get_primitive_structure()
    frame["lattice"] = [primitive.lattice.matrix.ravel()] * 2
    frame["volume"] = primitive.volume
    frame["numbers"] = [[11, 17]] * 2
    # atoms on each other are none of a crystal
    frame["frac_coords"] = [primitive.frac_coords.ravel(), np.array([0, 0, 0, 0.01, 0, 0])]
    write_materials(frame, tmp_path / "selected.parquet", {})
    write_kinship(tmp_path / "selected.parquet", tmp_path / "kinship.parquet")
    found = read_kinship(tmp_path / "kinship.parquet")
    assert found.index.tolist() == ["a", "b"]
    assert found.prototype.tolist() == ["225 a", of(SALT)]
    assert found.chemical_system.tolist() == ["Cl-Na"] * 2
    with pytest.raises(InputError, match="lacks the columns prototype, chemical_system"):
        read_kinship(tmp_path / "selected.parquet")
