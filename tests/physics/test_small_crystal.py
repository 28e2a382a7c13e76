"""The engine on crystals of few beams, which are computed in no time: all its beams by their definition."""

import importlib
import itertools
import sys

import numba
import numpy as np
import pytest
import spglib
from exponential import ELASTIC, factors, reference_intensity

from edsym.errors import MaterialError
from edsym.simulation.beams.candidates import find_candidates
from edsym.simulation.beams.selection import expected_number, select_beams
from edsym.simulation.crystal import lobato
from edsym.simulation.crystal.cell import computing_cell
from edsym.simulation.crystal.structure_factors import Kind, potential_table, table_bytes
from edsym.simulation.electrons import potential_prefactor, wavelength
from edsym.simulation.engines.interface import check_memory, expected_beams, step_limit
from edsym.simulation.engines.krylov.engine import KrylovEngine
from edsym.structures.structure import Structure

LATTICE = np.array([[3.1, 0.0, 0.0], [0.6, 2.6, 0.0], [1.9, 0.9, 3.7]])  # not reduced
CRYSTALS = {
    # an inversion takes the first atom to the second: the centre is at (0.4, 0.3, 0.25)
    "centrosymmetric": Structure(
        LATTICE, np.array([14, 14, 8]), np.array([[0.1, 0.1, 0.1], [0.7, 0.5, 0.4], [0.4, 0.3, 0.25]]), 2
    ),
    "polar": Structure(
        LATTICE[[2, 0, 1]], np.array([29, 8]), np.array([[0.0, 0.0, 0.0], [0.42, 0.31, 0.27]]), 1
    ),
}


@pytest.fixture
def small(settings):
    """Return a function that gives settings of about twenty beams with some of them changed."""
    return lambda **changes: settings(**{"g_max": 1.3, "thickness_angstrom": 90.0} | changes)


def beams_by_definition(structure, orientation, settings):
    """Return the indices of all beams, as a set."""
    found = set()
    reciprocal, lam = np.linalg.inv(structure.lattice).T, wavelength(300.0)
    volume = abs(np.linalg.det(structure.lattice))
    for hkl in itertools.product(range(-9, 10), repeat=3):
        g = np.array(hkl) @ reciprocal
        length = np.linalg.norm(g)
        if length > settings.g_max:
            continue
        limit = settings.max_excitation_error
        if settings.min_beam_amplitude:
            elastic = ELASTIC[settings.scattering_factors]
            f = [elastic(int(z), np.array([length]))[0] for z in structure.numbers]
            f = np.linalg.norm(f) * np.exp(-2 * (np.pi * 0.08 * length) ** 2)
            limit = min(
                limit, lam * potential_prefactor(300.0) / volume * f / 2 / settings.min_beam_amplitude
            )
        if abs(-g @ orientation[2] - lam * length**2 / 2) <= limit:
            found.add(hkl)
    return found


@pytest.mark.parametrize("crystal", CRYSTALS)
@pytest.mark.parametrize(
    ("absorption", "scattering_factors", "basis"),
    [
        ("none", "lobato", "box"),
        ("proportional", "py4dstem", "published"),
        ("weickenmeier_kohl", "weickenmeier_kohl", "adaptive"),
    ],
)
def test_beams_and_intensities_are_those_of_the_definition(
    small, random_orientations, crystal, absorption, scattering_factors, basis
):
    chosen = small(
        absorption=absorption,
        scattering_factors=scattering_factors,
        basis=basis,
        max_excitation_error=0.07,
        min_beam_amplitude=0.01 if basis == "adaptive" else None,
    )
    structure, orientations = CRYSTALS[crystal], random_orientations(3, seed=4)
    thicknesses = [40.0, 90.0]
    patterns = list(KrylovEngine(chosen).thickness_series(structure, orientations, thicknesses))
    assert len(patterns) == 3
    for orientation, pattern in zip(orientations, patterns, strict=True):
        expected = beams_by_definition(structure, orientation, chosen)
        assert set(map(tuple, pattern.hkl.tolist())) == expected
        assert len(expected) == len(pattern.hkl) > 5
        assert not pattern.hkl[pattern.incident].any()
        q = pattern.hkl @ np.linalg.inv(structure.lattice).T @ orientation.T
        np.testing.assert_allclose(pattern.q, q[:, :2], atol=2e-9)
        assert pattern.intensity.dtype == np.float32 and pattern.hkl.dtype == np.int16
        for thickness, intensity in zip(thicknesses, pattern.intensity, strict=True):
            reference = reference_intensity(pattern, structure, orientation, chosen, thickness)
            np.testing.assert_allclose(intensity, reference, atol=2e-6)


def test_beams_are_as_many_as_expected_and_find_room_if_they_are_more(random_orientations, monkeypatch):
    candidates = find_candidates(computing_cell(CRYSTALS["polar"]), 1.3)
    directions = random_orientations(100, seed=2)[:, 2]
    beams = select_beams(candidates, directions, wavelength(300.0), 0.07)
    counts = np.diff(beams.offset)
    assert expected_number(candidates, 0.07) == pytest.approx(counts.mean(), rel=0.05)
    assert beams.largest() == counts.max()
    assert (beams.candidate[beams.offset[:-1] + beams.incident] == candidates.incident).all()
    monkeypatch.setattr("edsym.simulation.beams.selection.expected_number", lambda *_: -45.0)
    again = select_beams(candidates, directions, wavelength(300.0), 0.07)
    for name in ("offset", "candidate", "excitation_error", "incident"):
        np.testing.assert_array_equal(getattr(again, name), getattr(beams, name))


def test_no_beam_of_a_long_row_is_missed(random_orientations):
    lattice = np.array([[3.0, 0.0, 0.0], [0.4, 3.2, 0.0], [1.0, 1.2, 24.0]])
    structure = Structure(lattice, np.array([14]), np.zeros((1, 3)), 2)
    candidates, directions = find_candidates(computing_cell(structure), 1.0), random_orientations(12, 9)[:, 2]
    directions[0] = [0, 0, 1]
    beams = select_beams(candidates, directions, wavelength(300.0), 0.03)
    for k, direction in enumerate(directions):
        error = -direction @ candidates.vectors - wavelength(300.0) * candidates.squared / 2
        own = slice(*beams.offset[k : k + 2])
        assert beams.candidate[own].tolist() == np.flatnonzero(np.abs(error) <= 0.03).tolist()
        np.testing.assert_allclose(beams.excitation_error[own], error[beams.candidate[own]], atol=1e-12)


def test_beams_on_the_rim_stay_together(random_orientations):
    for rotation in random_orientations(5, seed=3):
        cubic = Structure(3.0 * rotation, np.array([84]), np.zeros((1, 3)), 221)
        lengths = np.sqrt(find_candidates(computing_cell(cubic), 1.0).squared)
        assert (lengths > 0.999).sum() == 30, "300 in 6 places and 221 in 24"


def test_batches_and_the_memory_of_before_change_nothing(small, random_orientations, monkeypatch):
    monkeypatch.setattr("edsym.simulation.engines.krylov.engine._BATCH", 2)
    engine, orientations = KrylovEngine(small()), random_orientations(3, seed=6)
    together = list(engine.patterns(CRYSTALS["polar"], orientations))
    for orientation, pattern in zip(orientations, together, strict=True):
        (alone,) = KrylovEngine(small()).patterns(CRYSTALS["polar"], orientation[None])
        np.testing.assert_array_equal(pattern.hkl, alone.hkl)
        np.testing.assert_array_equal(pattern.intensity, alone.intensity)
        np.testing.assert_array_equal(pattern.orientation, orientation)
        assert pattern.intensity.ndim == 1


@pytest.mark.parametrize("crystal", CRYSTALS)
def test_the_computing_cell_is_short_and_has_the_origin_on_a_centre(crystal):
    structure = CRYSTALS[crystal]
    cell = computing_cell(structure)
    lengths = np.linalg.norm(cell.lattice, axis=1)
    lattice = structure.lattice
    shortest = np.linalg.norm(spglib.niggli_reduce(lattice), axis=1)
    np.testing.assert_allclose(np.sort(lengths), np.sort(shortest))
    assert cell.volume == pytest.approx(abs(np.linalg.det(lattice)))
    np.testing.assert_allclose(cell.reciprocal @ cell.lattice.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(cell.to_structure @ np.linalg.inv(lattice).T, cell.reciprocal, atol=1e-12)
    assert cell.box(1.7).tolist() == [int(1.7 * length) for length in lengths]
    centre = np.array([0.4, 0.3, 0.25]) if crystal == "centrosymmetric" else np.zeros(3)
    moved = (structure.frac_coords - centre) @ lattice
    np.testing.assert_allclose(cell.frac_coords @ cell.lattice, moved, atol=1e-12)
    assert cell.numbers.tolist() == structure.numbers.tolist()


@pytest.mark.parametrize("absorption", ["none", "weickenmeier_kohl"])
@pytest.mark.parametrize("crystal", CRYSTALS)
def test_the_table_has_the_coefficients_of_all_couplings(crystal, absorption):
    structure = CRYSTALS[crystal]
    cell, g_max = computing_cell(structure), 0.8
    table = potential_table(cell, g_max, 0.08, 300.0, "weickenmeier_kohl", absorption)
    kinds = {"none": (Kind.REAL, Kind.HERMITIAN), "weickenmeier_kohl": (Kind.SYMMETRIC, Kind.GENERAL)}
    assert table.kind == kinds[absorption][crystal == "polar"]
    assert len(table.values) == (1 if table.kind == Kind.REAL else 2)
    assert table_bytes(cell, g_max) == 8 * table.values.shape[1]
    box = np.array(list(itertools.product(*(range(-w, w + 1) for w in table.half_widths))))
    assert len(box) == table.values.shape[1]
    inside = np.linalg.norm(box @ cell.reciprocal, axis=1) <= 2 * g_max
    hkl = box[inside]
    g = np.linalg.norm(hkl @ cell.reciprocal, axis=1)
    expected = np.zeros(len(hkl), complex)
    for number, position in zip(cell.numbers, cell.frac_coords, strict=True):
        factor = factors(int(number), np.append(g, 2 * g_max), ELASTIC["weickenmeier_kohl"])[:-1]
        factor = factor if absorption != "none" else factor.real
        expected += factor * np.exp(-2j * np.pi * (hkl @ position)) / cell.volume
    found = table.values[:, table.centre + table.linear(hkl)]
    found = found[0] + 1j * (found[1] if len(found) == 2 else 0)
    np.testing.assert_allclose(found, expected, atol=2e-7)
    outside = np.ones(len(box), bool)
    outside[table.centre + table.linear(hkl)] = False
    assert not table.values[:, outside].any()


def test_constants_and_factors_of_the_literature():
    # wavelengths: Williams & Carter, Transmission Electron Microscopy, table 1.2; factors of silicon: abTEM
    assert (wavelength(100.0), wavelength(300.0)) == pytest.approx((0.03701, 0.01969), abs=5e-6)
    assert np.pi * potential_prefactor(300.0) == pytest.approx(1 + 300 / 510.999, rel=1e-6)
    silicon = lobato.scattering_factor(14, np.array([0.0, 1.0, 4.0]))
    np.testing.assert_allclose(silicon, [5.836, 0.74290855, 0.27050895], rtol=1e-7)
    for number in (0, 104):
        with pytest.raises(MaterialError, match=f"no scattering factors .* atomic number {number}"):
            lobato.scattering_factor(number, np.zeros(1))


def test_bounds_by_hand(settings):
    assert expected_beams(100.0, settings(g_max=2.0, max_excitation_error=0.06)) == 151  # 100 π 4 0.12 + 1
    assert step_limit(200.0, 0.06) == 200 + 550  # 400 (2π 0.06 + 1)
    check_memory(10, 2e6, 2.0)
    with pytest.raises(MaterialError, match="10 beams needs 2 MB, more than the 2 MB allowed"):
        check_memory(10, 2.1e6, 2.0)


def test_too_many_steps_and_too_little_memory_are_told(small, monkeypatch):
    structure, orientation = CRYSTALS["polar"], np.eye(3)[None]
    monkeypatch.setattr("edsym.simulation.engines.krylov.engine.step_limit", lambda *_: 5)
    with pytest.raises(MaterialError, match=r"of \d+ beams has not converged to 3e-06 after 5 steps"):
        next(KrylovEngine(small()).patterns(structure, orientation))
    monkeypatch.undo()
    with pytest.raises(MaterialError, match=r"beams needs \d+ MB"):
        next(KrylovEngine(small(max_memory=0.1)).patterns(structure, orientation))


def test_without_the_compiler_the_patterns_are_the_same(small, random_orientations, monkeypatch):
    import edsym.simulation.engines as engines

    orientations, chosen = random_orientations(2, seed=4), small(absorption="proportional")
    expected = KrylovEngine(chosen).patterns(CRYSTALS["polar"], orientations)
    monkeypatch.setattr(numba.config, "DISABLE_JIT", True)
    monkeypatch.setattr(engines, "krylov", engines.krylov)
    for name in [name for name in sys.modules if name.startswith("edsym.simulation.engines.krylov")]:
        monkeypatch.delitem(sys.modules, name)
    interpreted = importlib.import_module("edsym.simulation.engines.krylov.engine").KrylovEngine
    for a, b in zip(interpreted(chosen).patterns(CRYSTALS["polar"], orientations), expected, strict=True):
        np.testing.assert_allclose(a.intensity, b.intensity, atol=1e-6)
