"""The engine where the answer is known: flux, two beams, thin crystals."""

import numpy as np
import pytest

from edsym.errors import InputError, MaterialError
from edsym.simulation.electrons import potential_prefactor, wavelength
from edsym.simulation.engines.choice import make_engine
from edsym.simulation.engines.krylov.engine import KrylovEngine


def structure_factors(structure, hkl, sigma):
    """Return U_g (n,) in 1/Å², summed over atoms one by one with abTEM's own factors."""
    from abtem.parametrizations import validate_parametrization

    lobato = validate_parametrization("lobato")
    reciprocal = np.linalg.inv(structure.lattice).T
    squared = np.sum((hkl @ reciprocal) ** 2, axis=1)
    total = np.zeros(len(hkl), dtype=complex)
    for number, position in zip(structure.numbers, structure.frac_coords, strict=True):
        total += lobato.scattering_factor(int(number))(squared) * np.exp(-2j * np.pi * hkl @ position)
    debye_waller = np.exp(-2 * np.pi**2 * sigma**2 * squared)
    return total * debye_waller * potential_prefactor(300.0) / abs(np.linalg.det(structure.lattice))


@pytest.mark.parametrize("thickness", [50.0, 200.0, 1000.0])
def test_flux_is_conserved(crystals, settings, random_orientations, thickness):
    engine = make_engine(settings(thickness_angstrom=thickness))
    for name, structure in crystals.items():
        for pattern in engine.patterns(structure, random_orientations(3, seed=1)):
            assert abs(pattern.intensity.sum(dtype=np.float64) - 1) < 1e-4, name
            assert pattern.intensity[pattern.incident] < 0.999, "nothing is scattered"


def two_beam_orientation(g, excitation_error, angle):
    """Return the orientation (3, 3) in which beam g has an excitation error, turned by an angle about g."""
    unit = g / np.linalg.norm(g)
    side = np.cross(unit, [0.3, 0.5, 0.8])
    side /= np.linalg.norm(side)
    side = np.cos(angle) * side + np.sin(angle) * np.cross(unit, side)
    along = -(excitation_error + wavelength(300.0) * (g @ g) / 2) / np.linalg.norm(g)
    beam = along * unit + np.sqrt(1 - along**2) * side
    x = np.cross(unit, beam)
    x /= np.linalg.norm(x)
    return np.array([x, np.cross(beam, x), beam])


@pytest.mark.parametrize("excitation_error", [0.0, 0.0008, -0.0003])
@pytest.mark.parametrize(
    ("name", "indices"), [("zincblende", (1, 1, 1)), ("rutile", (1, 1, 0)), ("corundum", (1, 1, 0))]
)
def test_two_beams_follow_the_closed_formula(crystals, settings, name, indices, excitation_error):
    # I_g = (π / ξ)² sin²(π s_eff t) / (π s_eff)², s_eff² = s² + 1 / ξ², with ξ the extinction distance
    # (Hirsch et al., Electron Microscopy of Thin Crystals, 1965, eq. 8.26).
    structure = crystals[name]
    hkl = np.array([indices])
    g = hkl[0] @ np.linalg.inv(structure.lattice).T
    coupling = wavelength(300.0) * abs(structure_factors(structure, hkl, 0.08)[0])
    assert coupling > 5e-4, "the reflection is forbidden"
    for thickness in (30.0, 210.0, 777.0):
        engine = make_engine(
            settings(
                g_max=1.01 * np.linalg.norm(g),
                max_excitation_error=abs(excitation_error) + 1e-6,
                thickness_angstrom=thickness,
                tolerance=1e-7,
            )
        )
        pattern = _of_two_beams(engine, structure, g, excitation_error)
        effective = np.hypot(excitation_error, coupling)
        expected = (coupling / effective) ** 2 * np.sin(np.pi * effective * thickness) ** 2
        # The formula leaves out (1 + λ g_z), which differs from 1 by less than 1e-3 here.
        assert pattern.intensity[1 - pattern.incident] == pytest.approx(expected, abs=1e-3)
        assert pattern.intensity.sum() == pytest.approx(1, abs=1e-5)


def _of_two_beams(engine, structure, g, excitation_error):
    angles = np.linspace(0, np.pi, 40)
    orientations = np.array([two_beam_orientation(g, excitation_error, angle) for angle in angles])
    for pattern in engine.patterns(structure, orientations):
        if pattern.intensity.size == 2:
            return pattern
    raise AssertionError("no orientation with two beams")


@pytest.mark.parametrize("name", ["alpha quartz", "corundum", "wurtzite", "rutile", "baddeleyite"])
def test_thin_crystals_scatter_kinematically(crystals, settings, random_orientations, name):
    structure, thickness = crystals[name], 0.5
    engine = make_engine(settings(thickness_angstrom=thickness, tolerance=1e-9))
    for orientation in random_orientations(3, seed=7):
        (pattern,) = engine.patterns(structure, orientation[None])
        g = pattern.hkl @ np.linalg.inv(structure.lattice).T @ orientation.T
        np.testing.assert_allclose(g[:, :2], pattern.q, atol=1e-6)
        s = -g[:, 2] - wavelength(300.0) * np.sum(g**2, axis=1) / 2
        amplitude = np.pi * wavelength(300.0) * structure_factors(structure, pattern.hkl, 0.08) * thickness
        kinematic = np.abs(amplitude * np.sinc(s * thickness)) ** 2
        diffracted = np.arange(len(g)) != pattern.incident
        strongest = kinematic[diffracted].max()
        assert strongest > 1e-8
        difference = np.abs(pattern.intensity - kinematic)[diffracted]
        assert difference.max() < 0.02 * strongest


def test_result_does_not_depend_on_the_tolerance(crystals, settings, random_orientations):
    orientations = random_orientations(2, seed=3)
    for structure in crystals.values():
        usual = make_engine(settings()).patterns(structure, orientations)
        sharp = make_engine(settings(tolerance=1e-8)).patterns(structure, orientations)
        for a, b in zip(usual, sharp, strict=True):
            assert np.abs(a.intensity - b.intensity).max() < 1e-5


def test_more_memory_than_allowed_is_refused_before_it_is_taken(crystals, settings, random_orientations):
    for engine in ("krylov", "abtem"):
        with pytest.raises(MaterialError, match=r"\d+ beams needs \d+ MB, more than the 1 MB allowed"):
            next(
                make_engine(settings(engine=engine, max_memory=1)).patterns(
                    crystals["pyrite"], random_orientations(1, seed=0)
                )
            )


@pytest.mark.parametrize("absorption", ["none", "weickenmeier_kohl"])
@pytest.mark.parametrize("name", ["rutile", "alpha quartz"])
def test_thicknesses_from_one_basis_are_those_of_separate_runs(
    crystals, settings, random_orientations, name, absorption
):
    chosen, orientations = settings(absorption=absorption), random_orientations(2, seed=5)
    thicknesses = [50, 200.0, 500]
    series = list(KrylovEngine(chosen).thickness_series(crystals[name], orientations, thicknesses))
    for k, thickness in enumerate(thicknesses):
        engine = KrylovEngine(settings(absorption=absorption, thickness_angstrom=thickness))
        for together, alone in zip(series, engine.patterns(crystals[name], orientations), strict=True):
            np.testing.assert_array_equal(together.hkl, alone.hkl)
            assert np.abs(together.intensity[k] - alone.intensity).max() <= 2e-6


@pytest.mark.parametrize("engine", ["krylov", "torch"])
def test_every_pattern_has_its_own_thickness(crystals, settings, random_orientations, engine):
    orientations = random_orientations(4, seed=5)
    several = make_engine(settings(engine=engine, thickness_angstrom=[50, 600.0]))
    together = list(several.patterns(crystals["rutile"], orientations, [600, 50, 50, 600]))
    assert [pattern.thickness for pattern in together] == [600, 50, 50, 600]
    for thickness in (50, 600):
        alone = make_engine(settings(engine=engine, thickness_angstrom=thickness))
        for one, other in zip(alone.patterns(crystals["rutile"], orientations), together, strict=True):
            if other.thickness == thickness:
                np.testing.assert_allclose(one.intensity, other.intensity, atol=2e-6)
            else:
                assert np.abs(one.intensity - other.intensity).max() > 0.01
    for wrong in (None, [50, 50], [50, 50, 50, 601]):
        with pytest.raises(InputError, match="thickness"):
            next(several.patterns(crystals["rutile"], orientations, wrong))


@pytest.mark.parametrize("thicknesses", [[], [0.0, 100.0], [200.0, 100.0], [np.nan]])
def test_thicknesses_that_do_not_ascend_are_refused(crystals, settings, thicknesses):
    series = KrylovEngine(settings()).thickness_series(crystals["rutile"], np.eye(3)[None], thicknesses)
    with pytest.raises(InputError, match="expected positive and ascending"):
        next(series)
