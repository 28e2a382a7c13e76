"""The engine against abTEM's Bloch waves, beam by beam."""

import numpy as np
import pytest

from edsym.simulation.engines.choice import make_engine
from edsym.symmetry import CRYSTAL_SYSTEMS, crystal_system


def test_crystals_are_of_all_systems_with_and_without_inversion(crystals):
    systems = {crystal_system(structure.spacegroup_number) for structure in crystals.values()}
    assert systems == set(CRYSTAL_SYSTEMS)
    assert {name: s.spacegroup_number for name, s in crystals.items()} == {
        "californium": 2,
        "baddeleyite": 14,
        "marcasite": 58,
        "CeNiC2": 38,
        "rutile": 136,
        "chalcopyrite": 122,
        "alpha quartz": 152,
        "corundum": 167,
        "vanadium nitride": 162,
        "wurtzite": 186,
        "pyrite": 205,
        "zincblende": 216,
    }


@pytest.mark.parametrize(
    "basis", [{}, {"g_max": 4.0, "max_excitation_error": 0.01}], ids=["published", "box"]
)
def test_same_beams_and_intensities_as_abtem(crystals, settings, random_orientations, by_index, basis):
    ours, theirs = (make_engine(settings(engine=name, **basis)) for name in ("krylov", "abtem"))
    for name, structure in crystals.items():
        orientations = random_orientations(2, seed=structure.spacegroup_number)
        for a, b in zip(
            ours.patterns(structure, orientations), theirs.patterns(structure, orientations), strict=True
        ):
            first, second = by_index(a), by_index(b)
            assert first.keys() == second.keys(), name
            assert max(abs(first[hkl] - second[hkl]) for hkl in first) <= 1e-5, name
            assert a.hkl[a.incident].tolist() == b.hkl[b.incident].tolist() == [0, 0, 0]
            np.testing.assert_allclose(_sorted_q(a), _sorted_q(b), atol=1e-6)


def _sorted_q(pattern):
    return pattern.q[np.lexsort(pattern.hkl.T)]
