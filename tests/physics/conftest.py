"""Real crystals of all seven systems, and settings to simulate them with."""

import numpy as np
import pytest
import spglib

from edsym.simulation.settings import SimulationSettings
from edsym.structures.standard import standardize

# AFLOW labels; the space group is the third number of each.
CRYSTALS = {
    "californium": "A_aP4_2_aci",
    "baddeleyite": "A2B_mP12_14_2e_e",
    "marcasite": "AB2_oP6_58_a_g",
    "CeNiC2": "A2BC_oC8_38_e_a_b",
    "rutile": "A2B_tP6_136_f_a",
    "chalcopyrite": "ABC2_tI16_122_a_b_d",
    "alpha quartz": "A2B_hP9_152_c_a",
    "corundum": "A2B3_hR10_167_c_e",
    "vanadium nitride": "AB2_hP9_162_ad_k",
    "wurtzite": "AB_hP4_186_b_b",
    "pyrite": "AB2_cP12_205_a_c",
    "zincblende": "AB_cF8_216_c_a",
}
PUBLISHED = SimulationSettings(
    scattering_factors="lobato", absorption="none", zone_axes=10, orientations="random", shards=1
)


@pytest.fixture(scope="session")
def crystals():
    from pymatgen.analysis.prototypes import AFLOW_PROTOTYPE_LIBRARY

    library = {entry["tags"]["aflow"]: entry["snl"].structure for entry in AFLOW_PROTOTYPE_LIBRARY}
    found = {name: library[label] for name, label in CRYSTALS.items()}
    return {
        name: standardize(s.lattice.matrix, np.array(s.atomic_numbers), s.frac_coords)
        for name, s in found.items()
    }


@pytest.fixture(scope="session")
def settings():
    """Return a function that gives the published settings with some of them changed."""
    return lambda **changes: PUBLISHED.replace(**changes)


@pytest.fixture(scope="session")
def point_group():
    """Return a function that gives the point operations (m, 3, 3) of a structure in the crystal frame."""

    def operations(structure):
        cell = (structure.lattice, structure.frac_coords, structure.numbers)
        rotations = np.unique(spglib.get_symmetry(cell, symprec=1e-3)["rotations"], axis=0)
        to_cartesian = structure.lattice.T
        return to_cartesian @ rotations @ np.linalg.inv(to_cartesian)

    return operations


@pytest.fixture(scope="session")
def random_orientations():
    """Return a function that gives random rotation matrices (n, 3, 3)."""
    from scipy.spatial.transform import Rotation

    return lambda n, seed: Rotation.random(n, random_state=seed).as_matrix()


@pytest.fixture(scope="session")
def by_index():
    """Return a function that turns a pattern into a dictionary from hkl to intensity."""
    return lambda pattern: {
        tuple(hkl): i for hkl, i in zip(pattern.hkl.tolist(), pattern.intensity, strict=True)
    }
