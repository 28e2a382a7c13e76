"""Patterns and spots as users simulate them."""

import numpy as np
import pytest
from pymatgen.core import Lattice
from pymatgen.core import Structure as Pymatgen

import edsym
from edsym.errors import InputError
from edsym.simulation.run.shard import simulate_shard
from edsym.simulation.run.store import open_patterns
from edsym.simulation.settings import SimulationSettings
from edsym.spots.peaks import extract_shard
from edsym.spots.settings import PeaksSettings
from edsym.spots.store import read_spots
from edsym.structures.settings import StructuresSettings
from edsym.structures.sources import collect_structures


@pytest.fixture(scope="module")
def fluorite():
    cell = Pymatgen.from_spacegroup("Fm-3m", Lattice.cubic(5.46), ["Ca", "F"], [[0, 0, 0], [0.25] * 3])
    return cell, edsym.Structure.from_pymatgen(cell)


def test_spots_are_those_of_the_workflow(fluorite, tmp_path):
    cell, structure = fluorite
    (tmp_path / "cif").mkdir()
    cell.to(filename=tmp_path / "cif/crystal.cif")
    source = StructuresSettings(source="cif", path=str(tmp_path / "cif"))
    collect_structures(source, tmp_path / "materials.parquet", tmp_path / "rejected.csv", tmp_path)
    settings = SimulationSettings(zone_axes=4, orientations="grid", in_plane="fixed", shards=1)
    simulate_shard(tmp_path / "materials.parquet", tmp_path / "patterns.h5", 0, settings)
    extract_shard(tmp_path / "patterns.h5", tmp_path / "spots.h5", PeaksSettings())
    expected = read_spots([tmp_path / "spots.h5"])
    found = edsym.find_spots(edsym.simulate(structure, 4, "grid"))
    np.testing.assert_array_equal(found.offset, expected.offset)
    # Equally bright spots come in the order of the last digits, which the table of materials rounds.
    for one, other in zip(found, edsym.Spots.of(expected), strict=True):
        one, other = (rows[np.lexsort(rows[:, :2].round(3).T)] for rows in (one, other))
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_a_file_of_patterns_is_read_by_the_workflow(fluorite, tmp_path):
    patterns = edsym.simulate(fluorite[1], n=2, seed=3)
    patterns.write(tmp_path / "patterns.h5")
    extract_shard(tmp_path / "patterns.h5", tmp_path / "spots.h5", PeaksSettings())
    again, spots = read_spots([tmp_path / "spots.h5"]), edsym.find_spots(patterns)
    np.testing.assert_array_equal(again.qx, spots.qx)
    np.testing.assert_array_equal(again.intensity, spots.intensity)


def test_random_orientations_follow_the_seed_and_turn_the_pattern(fluorite):
    def matrices(**options):
        return np.array([pattern.orientation for pattern in edsym.simulate(fluorite[1], n=2, **options)])

    np.testing.assert_array_equal(matrices(seed=1), matrices(seed=1))
    assert (matrices(seed=1) != matrices(seed=2)).any()
    patterns = edsym.simulate(fluorite[1], n=4, seed=1)
    np.testing.assert_array_equal(edsym.find_spots(patterns[2:]).qx, edsym.find_spots(patterns)[2:].qx)
    fixed = matrices(seed=1, in_plane="fixed")
    np.testing.assert_allclose(fixed[:, 2], matrices(seed=1)[:, 2])
    assert not np.allclose(fixed[:, 0], matrices(seed=1)[:, 0])


def test_patterns_at_several_thicknesses_are_those_at_each(fluorite):
    thick, thin = edsym.simulate(fluorite[1], n=2, thickness=[300, 50.0])
    for several, thickness in ((thick, 300), (thin, 50)):
        alone = edsym.simulate(fluorite[1], n=2, thickness_angstrom=thickness)
        assert several.settings == alone.settings
        for one, other in zip(several, alone, strict=True):
            assert one.thickness == other.thickness == thickness
            np.testing.assert_allclose(one.intensity, other.intensity, atol=2e-6)
    assert np.abs(thick[0].intensity - thin[0].intensity).max() > 0.01


def test_each_pattern_draws_one_of_the_thicknesses(fluorite, tmp_path):
    patterns = edsym.simulate(fluorite[1], n=12, thickness_angstrom=[50, 100, 600])
    drawn = [pattern.thickness for pattern in patterns]
    assert set(drawn) == {50, 100, 600}
    again = edsym.simulate(fluorite[1], n=12, thickness_angstrom=[50, 100, 600], seed=1)
    assert drawn != [pattern.thickness for pattern in again]
    patterns.write(tmp_path / "patterns.h5")
    with open_patterns(tmp_path / "patterns.h5") as store:
        assert store.thickness.tolist() == drawn


def test_indices_are_of_the_conventional_cell_and_of_the_brightest_beam(fluorite):
    patterns = edsym.simulate(fluorite[1], n=3, seed=5)
    spots = edsym.find_spots(patterns)
    frame = spots.to_frame()
    parity = frame[["h", "k", "l"]] % 2
    assert (parity.nunique(axis=1) == 1).all(), "face-centred: all even or all odd"
    assert frame[["h", "k", "l"]].any(axis=1).all(), "the direct beam is no spot"
    for pattern, group in frame.groupby("pattern"):
        q = group[["h", "k", "l"]].to_numpy() / 5.46 @ patterns[pattern].orientation[:2].T
        np.testing.assert_allclose(q, group[["qx", "qy"]], atol=0.01 + 1e-6)
    spread = edsym.find_spots(patterns, resolution=0.3)
    for pattern, group in spread.to_frame().groupby("pattern"):
        beams = patterns[pattern]
        brightest = beams.intensity[np.linalg.norm(beams.q, axis=1) > 0.3].max()
        row = group.iloc[0]
        hkl = row[["h", "k", "l"]].to_numpy() / 5.46 @ patterns[pattern].orientation[:2].T
        near = np.linalg.norm(beams.q - hkl, axis=1) < 1e-5
        assert beams.intensity[near].max() == brightest


def test_patterns_with_too_few_spots_are_left_out_with_a_warning(fluorite):
    patterns = edsym.simulate(fluorite[1], n=5, seed=0)
    sizes = np.diff(edsym.find_spots(patterns, min_spots=1).offset)
    with pytest.warns(
        UserWarning, match=f"{(sizes < sizes.max()).sum()} of 5 patterns have fewer than {sizes.max()}"
    ):
        spots = edsym.find_spots(patterns, min_spots=int(sizes.max()))
    assert spots.view.tolist() == np.flatnonzero(sizes == sizes.max()).tolist()
    with pytest.raises(
        InputError, match=rf"no pattern has 999 spots \(min_spots\): the most are {sizes.max()}"
    ):
        edsym.find_spots(patterns, min_spots=999)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "^n: 0 is not allowed"),
        ({"n": 2.0}, "^n: 2.0 is not allowed"),
        ({"orientations": "gird"}, "orientations: 'gird'"),
        ({"seed": -1}, "^seed: -1"),
        ({"thickness": 100}, "thickness"),
        ({"thickness_angstrom": "thin"}, "thickness_angstrom"),
        ({"thickness_angstrom": []}, "thickness_angstrom"),
        ({"thickness": [200, -1]}, "thickness_angstrom"),
        ({"thickness": [200], "thickness_angstrom": 100}, "both"),
    ],
)
def test_wrong_settings_are_named(fluorite, options, message):
    with pytest.raises(InputError, match=message):
        edsym.simulate(fluorite[1], **options)


def test_what_is_no_structure_and_no_patterns_is_refused(fluorite):
    with pytest.raises(InputError, match=r"structure is of the type str.*from_cif"):
        edsym.simulate("NaCl.cif")
    patterns = edsym.simulate(fluorite[1], n=1)
    for none, message in (
        ([1], "an array .1,. of int64"),
        (patterns[1:], "patterns are a Patterns of the length 0"),
    ):
        with pytest.raises(InputError, match=message):
            edsym.find_spots(none)


def test_a_pattern_is_drawn_with_its_indices(fluorite, tmp_path):
    spots = edsym.find_spots(edsym.simulate(fluorite[1], n=2, orientations="grid"))
    axes = edsym.plot_pattern(spots, 1)
    labels = [text.get_text() for text in axes.texts]
    assert labels and all(label.startswith("$") for label in labels)
    assert axes.get_xlabel() == "qx (1/Å)"
    plain = edsym.plot_pattern([[0.3, 0, 0.1], [0, 0.3, 0.1]], ax=axes.figure.add_subplot())
    assert not plain.texts and plain.figure is axes.figure
    with pytest.raises(IndexError):
        edsym.plot_pattern(spots, 2)


def test_a_detector_shows_the_spots_of_patterns_with_their_indices(fluorite):
    patterns = edsym.simulate(fluorite[1], n=3, seed=5, detector="typical")
    ideal = edsym.find_spots(edsym.simulate(fluorite[1], n=3, seed=5))
    seen = edsym.find_spots(patterns)
    expected = ideal.detect("typical", seed=5)
    np.testing.assert_array_equal(seen.qx, expected.qx)
    np.testing.assert_array_equal(edsym.find_spots(patterns[:2]).qx, expected[:2].qx)
    exact = ideal.detect(
        "typical", position_error=0, centre_error=0, scale_error=0, ellipse_error=0, spurious=0
    )
    places = {
        tuple(hkl): place for hkl, *place in zip(ideal[0].hkl.tolist(), ideal[0].qx, ideal[0].qy, strict=True)
    }
    assert 5 <= len(exact[0].qx) < len(places)
    for hkl, *place in zip(exact[0].hkl.tolist(), exact[0].qx, exact[0].qy, strict=True):
        np.testing.assert_array_equal(places[tuple(hkl)], place)
    false = ideal.detect("typical", spurious=1.0)
    assert (~false.hkl.any(axis=1)).any()
    assert ideal.detect("ideal") is ideal


def test_wrong_detectors_are_named(fluorite):
    with pytest.raises(InputError, match="no detector 'best': expected one of ideal, good"):
        edsym.simulate(fluorite[1], detector="best")
    spots = edsym.Spots.from_arrays([0.3, 0], [0, 0.3], [5, 4], normalisation="counts")
    with pytest.raises(InputError, match="shares of the incident beam"):
        spots.detect("typical")
    with pytest.raises(InputError, match=r"unknown key detector\.position: did you mean position_error"):
        edsym.Spots.of([[0.3, 0, 0.1]]).detect("typical", position=1)
