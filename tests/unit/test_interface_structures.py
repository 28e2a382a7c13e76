"""Structures as users have them."""

import numpy as np
import pytest
from pymatgen.core import Lattice
from pymatgen.core import Structure as Pymatgen

import edsym
from edsym.errors import InputError
from edsym.structures.symbols import space_group_symbols


@pytest.fixture(scope="session")
def salt_cif(tmp_path_factory):
    """A CIF file of rock salt."""
    path = tmp_path_factory.mktemp("cif") / "NaCl.cif"
    Pymatgen.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5] * 3]).to(
        filename=path
    )
    return path


def test_a_structure_comes_from_a_cif_file_and_from_pymatgen(salt_cif):
    structure = edsym.Structure.from_cif(salt_cif)
    assert structure.spacegroup_number == 225
    assert sorted(structure.numbers) == [11, 17]
    np.testing.assert_allclose(structure.lattice, 2.82 * (1 - np.eye(3)), atol=1e-9)
    again = edsym.Structure.from_pymatgen(Pymatgen.from_file(salt_cif))
    np.testing.assert_array_equal(again.lattice, structure.lattice)


def test_what_is_no_structure_is_told_with_the_file(tmp_path):
    with pytest.raises(InputError, match=r"none\.cif: no such file"):
        edsym.Structure.from_cif(tmp_path / "none.cif")
    (tmp_path / "empty.cif").touch()
    with pytest.raises(InputError, match=r"empty\.cif: .*empty"):
        edsym.Structure.from_cif(tmp_path / "empty.cif")
    alloy = Pymatgen(Lattice.cubic(4), [{"Cu": 0.5, "Au": 0.5}], [[0, 0, 0]])
    alloy.to(filename=tmp_path / "alloy.cif")
    for make in (
        lambda: edsym.Structure.from_pymatgen(alloy),
        lambda: edsym.Structure.from_cif(tmp_path / "alloy.cif"),
    ):
        with pytest.raises(InputError, match="disordered"):
            make()


def test_symbols_of_space_groups():
    symbols = space_group_symbols()
    assert len(symbols) == 230
    named = {1: "P1", 2: "P-1", 14: "P2_1/c", 62: "Pnma", 167: "R-3c", 225: "Fm-3m", 230: "Ia-3d"}
    assert {number: symbols[number - 1] for number in named} == named
