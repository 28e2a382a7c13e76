"""Orientations by templates: each part against its formula, all of it against simulated crystals."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pymatgen.core import Lattice
from pymatgen.core import Structure as Pymatgen
from scipy.spatial.transform import Rotation

import edsym
from edsym.acom import correlation, likelihood, refinement, search
from edsym.acom.rotations import bunge_angles, disorientation, in_fundamental_zone
from edsym.acom.zones import zone_colours
from edsym.cli import main
from edsym.errors import InputError
from edsym.experiment.spots.scan_spots import ScanSpots
from edsym.interface import known_phases
from edsym.simulation.sectors import laue_rotations
from edsym.simulation.settings import SimulationSettings

GOLD = Pymatgen.from_spacegroup("Fm-3m", Lattice.cubic(4.078), ["Au"], [[0, 0, 0]])
RUTILE = Pymatgen.from_spacegroup(
    "P4_2/mnm", Lattice.tetragonal(4.594, 2.959), ["Ti", "O"], [[0, 0, 0], [0.305, 0.305, 0]]
)
spec = importlib.util.spec_from_file_location(
    "literal", Path(__file__).parents[2] / "benchmarks/literal_orientation.py"
)
literal = importlib.util.module_from_spec(spec)
spec.loader.exec_module(literal)

CUBIC = laue_rotations("m-3m")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cif")
    for name, crystal in (("gold", GOLD), ("rutile", RUTILE)):
        crystal.to(filename=folder / f"{name}.cif")
    return [folder / "gold.cif", folder / "rutile.cif"]


@pytest.fixture(scope="module")
def gold():
    return search.Phase.of(edsym.Structure.from_pymatgen(GOLD), SimulationSettings(), 5.0)


@pytest.fixture(scope="module")
def patterns(files):
    """Six typical patterns of each phase, and their orientations."""
    spots, truth = [], []
    for file in files:
        seen = edsym.simulate(edsym.Structure.from_cif(file), n=6, seed=5, detector="typical")
        found = edsym.find_spots(seen)
        spots += list(found)
        truth += [seen[view].orientation for view in found.view]
    return spots, np.array(truth)


def crystal_of(phase):
    one = phase.reflections
    return one.vectors, one.potential, one.wavelength, one.thickness


def test_euler_angles_are_those_of_bunge():
    angles = np.array([[10.0, 20, 30], [350, 170, 5], [40, 0, 0], [200, 180, 0]])
    # Intrinsic rotations about z, x, z carry the laboratory's axes to the crystal's.
    axes = Rotation.from_euler("ZXZ", angles, degrees=True).as_matrix()
    np.testing.assert_allclose(bunge_angles(axes), angles, atol=1e-6)


def test_equivalent_orientations_are_one():
    turns = Rotation.random(20, random_state=1).as_matrix()
    same = turns @ CUBIC[[7] * 20]
    assert disorientation(turns, same, CUBIC).max() < 1e-4
    np.testing.assert_allclose(in_fundamental_zone(turns, CUBIC), in_fundamental_zone(same, CUBIC), atol=1e-9)
    assert np.degrees(Rotation.from_matrix(in_fundamental_zone(turns, CUBIC)).magnitude()).max() < 62.8
    tilted = Rotation.from_rotvec([0, np.radians(7), 0]).as_matrix()
    assert disorientation(tilted @ turns, same, CUBIC) == pytest.approx(7)


def test_the_sparse_correlation_is_the_published_one(gold, patterns):
    spots = patterns[0][0].astype(float)
    weight = spots[:, 2] ** 0.25
    radius, azimuth = np.hypot(*spots.T[:2]), np.arctan2(spots[:, 1], spots[:, 0])
    image = correlation.polar_image(radius, azimuth, weight, 210, 0.06)
    points = gold.templates
    best, turn = correlation.correlate(*image, points.offset, points.shell, points.angle, points.weight)
    expected = literal.LiteralCorrelation(points, 210, 0.06)(spots[:, :2], weight)
    np.testing.assert_allclose(best, expected.max(axis=-1), rtol=1e-4)
    at = np.take_along_axis(expected, turn[..., None], axis=-1)[..., 0]
    np.testing.assert_allclose(at, best, rtol=1e-4)


def test_a_template_and_its_mirror_image_find_their_orientations(gold):
    points, one = gold.templates, gold.reflections
    for t, mirrored in ((20, False), (20, True)):
        truth = refinement.turned(points.orientations[t], 0, 0, 1.0)
        x, y, z = truth @ one.vectors.T
        seen = np.abs(z + one.wavelength * (one.vectors**2).sum(axis=1) / 2) < 0.01
        q = np.stack([x, -y if mirrored else y], axis=1)[seen]
        weight = one.potential[seen]
        image = correlation.polar_image(np.hypot(*q.T), np.arctan2(*q.T[::-1]), weight, 210, 0.06)
        best = correlation.correlate(*image, points.offset, points.shell, points.angle, points.weight)
        found = correlation.distinct_best(*best, points.orientations, gold.rotations, 3, 0.1)[0]
        expected = np.diag([-1.0, 1, -1]) @ truth if mirrored else truth
        assert np.linalg.det(found) == pytest.approx(1)
        assert disorientation(found, expected, gold.rotations) < 2


def test_refinement_and_climb_return_to_the_truth(gold):
    truth = Rotation.random(random_state=4).as_matrix()
    vectors, potential, wavelength, thickness = crystal_of(gold)
    frame = np.array([0.01, 0.004, -0.003])
    places = np.array([refinement.place(truth, frame, v, wavelength) for v in vectors])
    seen = (np.abs(places[:, 2]) < 0.008) & (np.hypot(*places.T[:2]) < 1.6)
    q, weight = np.ascontiguousarray(places[seen, :2]), np.ones(seen.sum())
    off = refinement.turned(truth, 0.03, -0.03, 0.01)
    found, its_frame = refinement.refine(off, vectors, potential, wavelength, thickness, q, weight, 0.004)
    assert disorientation(found, truth, gold.rotations) < 0.3
    assert its_frame[0] == pytest.approx(0.01, abs=0.003)
    off = refinement.turned(found, 0.04, 0.02, 0)
    arguments = vectors, potential, wavelength, thickness, q
    before = likelihood.log_likelihood(off, its_frame, *arguments, weight, 0.004)
    climbed, _, after = likelihood.climb(off, its_frame, *arguments, weight, weight, 0.004)
    assert after > before + 10 and disorientation(climbed, truth, gold.rotations) < 1
    which, _, elsewhere = refinement.match(truth, frame, *arguments, 0.01)
    assert (which == np.flatnonzero(seen)).all() and len(elsewhere)


def test_phases_and_orientations_of_typical_patterns(files, patterns):
    spots, truth = patterns
    found = edsym.match_orientations(spots, files, jobs=2)
    assert found.phases == ("gold", "rutile") and found.valid.all()
    assert (found.phase[:, 0] == np.repeat([0, 1], 6)).sum() >= 11
    off = np.zeros((12, 2))
    for p in range(12):
        rotations = laue_rotations("m-3m" if p < 6 else "4/mmm")
        seen = found.orientation[p, 0], found.twin[p, 0]
        off[p] = [disorientation(orientation, truth[p], rotations) for orientation in seen]
    assert (np.nanmin(off, axis=1) < 2).sum() >= 10, off
    assert np.isnan(off[:, 1]).tolist() == (found.span[:, 0] != 2).tolist()
    assert (found.score[:, 0] > 0.2).all() and found.score.max() <= 1


def test_patterns_of_a_grain_are_oriented_together(files, patterns):
    bright = patterns[0][2][np.argsort(-patterns[0][2][:, 2])]
    rng = np.random.default_rng(0)
    several = [bright[np.sort(rng.permutation(len(bright))[:7])] for _ in range(6)]
    several += [bright[:3], np.empty((0, 3)), patterns[0][8]]
    grain = [0] * 8 + [-1]
    alone = edsym.match_orientations(several, files)
    found = edsym.match_orientations(several, files, grain=grain)
    assert found.phase[:, 0].tolist() == [0] * 7 + [-1, 1] and alone.phase[6, 0] == -1
    rotations, truth = laue_rotations("m-3m"), patterns[1][2]
    assert (disorientation(found.orientation[:7, 0], truth, rotations) < 1).all()
    assert not (disorientation(alone.orientation[:6, 0], truth, rotations) < 1).all()
    np.testing.assert_array_equal(found.orientation[8], alone.orientation[8])
    with pytest.raises(InputError, match=r"grain has the shape \(8,\), expected \(9,\)"):
        edsym.match_orientations(several, files, grain=grain[:8])


def test_empty_and_wrong_patterns_are_rows_without_a_match(files, patterns):
    spots = [patterns[0][0], np.empty((0, 3)), np.array([[np.nan, 0, 1]]), patterns[0][0][:3], patterns[0][1]]
    found = edsym.match_orientations(spots, files[0])
    assert found.valid.tolist() == [True, False, False, False, True]
    table = found.to_frame()
    assert table.problem.tolist()[::4] == ["", ""] and table.phase.tolist()[1:4] == [""] * 3
    for problem, said in zip(table.problem[1:4], ("no spots", "three finite", "3 spots"), strict=True):
        assert said in problem
    alone = edsym.match_orientations([spots[4]], files[0])
    np.testing.assert_array_equal(alone.orientation[0], found.orientation[4])


def test_a_phase_that_is_no_candidate_has_no_match_with_a_least_score(files, patterns):
    spots = [patterns[0][0], patterns[0][8]]
    found = edsym.match_orientations(spots, files[1], min_score=0.5)
    assert found.valid.tolist() == [False, True]
    assert found.problem[0].startswith("the best score is 0.") and "expected 0.5" in found.problem[0]


def test_two_crystals_in_one_pattern_are_two_matches(files):
    seen = [edsym.simulate(edsym.Structure.from_cif(f), n=8, seed=2) for f in files]
    first, second = (edsym.find_spots(s) for s in seen)
    long = [max(list(s), key=len) for s in (first, second)]
    views = [int(s.view[np.argmax(np.diff(s.offset))]) for s in (first, second)]
    found = edsym.match_orientations([np.concatenate(long)], files, matches=2)
    for m in range(2):
        k = found.phase[0, m]
        rotations = laue_rotations(("m-3m", "4/mmm")[k])
        assert disorientation(found.orientation[0, m], seen[k][views[k]].orientation, rotations) < 2
    assert set(found.phase[0]) == {0, 1}
    assert found.to_frame().match.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"cif_files": []}, "no candidate phases"),
        ({"cif_files": "none.cif"}, "none.cif: no such file"),
        ({"energy_kev": 3}, "energy_kev: 3"),
        ({"thickness": -1}, "thickness: -1"),
        ({"step": 0.1}, "step is 0.1°, expected 0.5 to 10°"),
        ({"matches": 0}, "matches is 0"),
        ({"min_score": 2}, "min_score is 2"),
    ],
)
def test_what_is_wrong_is_said(options, said, files, patterns):
    with pytest.raises(InputError, match=said):
        edsym.match_orientations(patterns[0][:1], **{"cif_files": files[0], **options})


def test_the_command_writes_a_row_a_pattern(files, patterns, tmp_path, capsys):
    frame = pd.concat(
        pd.DataFrame(p, columns=["qx", "qy", "intensity"]).assign(pattern=10 - k)
        for k, p in enumerate(patterns[0][:3])
    )
    frame.to_csv(tmp_path / "spots.csv", index=False)
    out = tmp_path / "orientations.csv"
    candidates = ["--cif", str(files[0]), "--cif", str(files[1])]
    assert main(["orient", str(tmp_path / "spots.csv"), *candidates, "--out", str(out)]) == 0
    table = pd.read_csv(out)
    assert table.pattern.tolist() == [10, 9, 8] and set(table.phase) == {"gold"}
    assert table[["phi1", "Phi", "phi2", "score"]].notna().all(axis=None)
    assert capsys.readouterr().out.splitlines()[1].split()[:2] == ["gold", "3"]


@pytest.fixture
def scan(patterns):
    """Spots of gold, gold and rutile at the positions 0, 2 and 5 of six."""
    kept = [patterns[0][0], patterns[0][1], patterns[0][8]]
    sizes, rows = [len(p) for p in kept], np.concatenate(kept)
    n, counts = 6, np.array([sizes[0], 0, sizes[1], 0, 0, sizes[2]])
    nothing = np.full(len(rows), 1.0)
    return ScanSpots(
        (2, 3), (100, 100), np.array([0.04, 0.04]), np.r_[0, np.cumsum(counts)],
        rows[:, 0] / 0.04 + 50, rows[:, 1] / 0.04 + 50, 1e6 * rows[:, 2], nothing, nothing,
        np.full((n, 2), 50.0), np.full((n, 2), np.nan), np.zeros(n), np.zeros(n), np.ones(n),
        np.where(counts > 0, "", "no spots"),
    )  # fmt: skip


def test_known_phases_of_a_scan_are_found_and_an_ended_search_goes_on(
    files, patterns, scan, tmp_path, monkeypatch
):
    found = known_phases.match_scan(scan, files)
    assert found.names.tolist() == ["gold", "rutile"] and found.laue_classes.tolist() == ["m-3m", "4/mmm"]
    assert found.phase.tolist() == [0, -1, 0, -1, -1, 1]
    alone = edsym.match_orientations([patterns[0][8]], files)
    np.testing.assert_allclose(found.euler[5], alone.euler[0, 0], atol=0.01)
    assert found.score[5] == pytest.approx(alone.score[0, 0], abs=1e-3)
    assert np.isnan(found.orientation[1]).all() and found.score[1] == 0
    assert known_phases.match_scan(scan, files, min_score=0.999).phase.max() == -1
    blocks = known_phases._blocks(np.arange(9), np.array([1, -1, 1, 0, -1, 1, 0, -1, 1]))
    monkeypatch.setattr(known_phases, "_BLOCK", 2)
    assert [block.tolist() for block in blocks] == [[1, 4], [7, 3, 6], [0, 2, 5, 8]]

    def once(several, *_, **__):
        if len(several) == 1:
            raise KeyboardInterrupt
        return edsym.match_orientations(several, *_, **__)

    monkeypatch.setattr(known_phases, "_BLOCK", 2)
    monkeypatch.setattr(known_phases, "match_orientations", once)
    with pytest.raises(KeyboardInterrupt):
        known_phases.match_scan(scan, files, parts=tmp_path)
    asked = []
    monkeypatch.setattr(
        known_phases,
        "match_orientations",
        lambda several, *_, **__: asked.append(len(several)) or edsym.match_orientations(several, *_, **__),
    )
    again = known_phases.match_scan(scan, files, parts=tmp_path)
    assert asked == [1]
    for name in ("phase", "orientation", "score", "phase_reliability"):
        np.testing.assert_allclose(getattr(again, name), getattr(found, name))
    empty = replace(scan, reason=np.full(6, "saturated"))
    nothing = known_phases.match_scan(empty, files)
    assert nothing.names.tolist() == ["gold", "rutile"] and (nothing.phase == -1).all()


def test_a_map_shows_a_scan(files, scan, tmp_path, capsys):
    scan.write(tmp_path / "spots.h5")
    out, picture = tmp_path / "orientations.csv", tmp_path / "map.png"
    candidates = [part for file in files for part in ("--cif", str(file))]
    command = ["orient", str(tmp_path / "spots.h5"), *candidates, "--out", str(out), "--map", str(picture)]
    assert main(command) == 0
    table = pd.read_csv(out)
    assert table.pattern.tolist() == [0, 2, 5] and table.phase.tolist() == ["gold", "gold", "rutile"]
    assert picture.read_bytes().startswith(b"\x89PNG")
    (tmp_path / "spots.csv").write_text("qx,qy,intensity\n0.1,0.2,1\n")
    capsys.readouterr()
    assert main(["orient", str(tmp_path / "spots.csv"), *candidates, "--map", str(picture)]) == 2
    assert "tells no scan" in capsys.readouterr().err


def test_equivalent_zone_axes_have_one_colour(files, patterns):
    found = edsym.match_orientations(patterns[0][:3], files[0])
    phase, orientation = found.phase[:, 0], found.orientation[:, 0]
    colours = zone_colours(phase, orientation, found.laue_classes)
    assert colours.max(axis=1) == pytest.approx(1) and (np.diff(colours[:, [1, 0, 2]], axis=1) >= -1e-9).all()
    other = zone_colours(phase, orientation @ CUBIC[9], found.laue_classes)
    np.testing.assert_allclose(other, colours, atol=1e-9)
    assert not zone_colours(np.full(1, -1), np.full((1, 3, 3), np.nan), found.laue_classes).any()
