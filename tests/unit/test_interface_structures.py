"""Structures as users have them."""

import warnings

import numpy as np
import pytest
from pymatgen.core import Lattice
from pymatgen.core import Structure as Pymatgen

import edsym
from edsym.errors import InputError, InputWarning
from edsym.symmetry.classes import space_group_symbols


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


def test_which_of_several_structures_is_told_and_chosen(salt_cif, tmp_path):
    polonium = Pymatgen(Lattice.cubic(3.3), ["Po"], [[0, 0, 0]]).to(fmt="cif")
    path = tmp_path / "two.cif"
    path.write_text(salt_cif.read_text() + polonium)
    with pytest.warns(InputWarning, match=r"two\.cif holds several structures: the first is taken; number=2"):
        assert edsym.Structure.from_cif(path).spacegroup_number == 225
    with warnings.catch_warnings():
        warnings.simplefilter("error", InputWarning)
        found = [edsym.Structure.from_cif(path, number).spacegroup_number for number in (1, 2)]
    assert found == [225, 221]
    for number in (0, 3):
        with pytest.raises(InputError, match=rf"number is {number}, expected 1 to 2"):
            edsym.Structure.from_cif(path, number)


def test_symbols_of_space_groups():
    symbols = space_group_symbols()
    assert len(symbols) == 230
    named = {1: "P1", 2: "P-1", 14: "P2_1/c", 62: "Pnma", 167: "R-3c", 225: "Fm-3m", 230: "Ia-3d"}
    assert {number: symbols[number - 1] for number in named} == named
