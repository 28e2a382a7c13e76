"""Absorption: factors against py4DSTEM and quadrature, propagation against scipy's matrix exponential."""

import numpy as np
import pytest
from exponential import factors, reference_intensity
from scipy.special import expi

from edsym.errors import InputError
from edsym.simulation.crystal import weickenmeier_kohl
from edsym.simulation.engines.choice import make_engine

# py4DSTEM 0.14.18: compute_WK_factor(g, Z, 300e3, thermal_sigma=0.08), with core and phonon absorption.
G = np.array([0.0, 0.3, 0.7, 1.5, 3.0])
PY4DSTEM = {
    1: [
        0.268491 + 0.047808j,
        0.183009 + 0.001505j,
        0.076228 + 0.000317j,
        0.015911 + 0.000077j,
        0.001725 + 0.000007j,
    ],
    8: [
        1.002449 + 0.080259j,
        0.773666 + 0.015743j,
        0.419543 + 0.007211j,
        0.102851 + 0.003038j,
        0.012063 + 0.000409j,
    ],
    14: [
        2.935161 + 0.099040j,
        1.691798 + 0.030933j,
        0.586140 + 0.017298j,
        0.159407 + 0.008487j,
        0.021524 + 0.001300j,
    ],
    29: [
        2.798717 + 0.154435j,
        1.953428 + 0.084080j,
        0.934626 + 0.059260j,
        0.320610 + 0.031558j,
        0.040831 + 0.005288j,
    ],
    56: [
        9.208378 + 0.301528j,
        4.254848 + 0.229297j,
        1.871053 + 0.178713j,
        0.504844 + 0.101189j,
        0.075409 + 0.018637j,
    ],
    79: [
        5.322769 + 0.443447j,
        4.064349 + 0.373411j,
        1.878727 + 0.306748j,
        0.673405 + 0.184057j,
        0.103874 + 0.036686j,
    ],
}


@pytest.mark.parametrize("number", PY4DSTEM)
def test_factors_are_those_of_py4dstem(number):
    expected, found = np.array(PY4DSTEM[number]), factors(number, G)
    # py4DSTEM's constants are rounded to 7e-6, its exponential integrals to 3e-4 of f'.
    np.testing.assert_allclose(found.real, expected.real, atol=1e-5 * expected.real[0])
    np.testing.assert_allclose(found.imag, expected.imag, atol=3e-4 * expected.imag[0])


def test_scaled_exponential_integrals_are_those_of_scipy_where_both_can_be_computed():
    x = np.array([1e-3, 1.0, 49.0, 51.0, 200.0, 690.0])
    expected = np.exp(-x) * expi(x)
    np.testing.assert_allclose(weickenmeier_kohl._scaled_expi(x, x), expected, rtol=1e-13)
    np.testing.assert_allclose(weickenmeier_kohl._scaled_expi(x, x + 2), expected * np.exp(-2), rtol=1e-13)
    assert 0 < weickenmeier_kohl._scaled_expi(np.array([5000.0]), np.array([5000.0]))[0] - 1 / 5000 < 1e-7


def test_elastic_factors_are_near_those_of_lobato():
    from abtem.parametrizations import validate_parametrization

    g = np.linspace(0, 4, 41)
    for number in (6, 14, 29, 79):
        lobato = validate_parametrization("lobato").scattering_factor(number)(g**2)
        ours = weickenmeier_kohl.elastic_factor(number, g)
        assert np.abs(ours - lobato).max() < 0.06 * lobato[0]
        by_series = weickenmeier_kohl.elastic_factor_of_py4dstem(number, g)
        assert 0.03 < np.abs(ours - by_series).max() / ours[0] < 0.1


@pytest.mark.parametrize("g", [0.0, 0.4, 2.5])
def test_thermal_factor_is_the_integral_it_stands_for(g):
    number, sigma = 14, 0.08
    q = np.geomspace(1e-4, 1e4, 4000)
    angle = (np.arange(240) + 0.5) * np.pi / 240
    other = np.sqrt(q[:, None] ** 2 + g**2 - 2 * g * q[:, None] * np.cos(angle))
    m = 2 * np.pi**2 * sigma**2
    incoherent = np.exp(-m * g**2) - np.exp(-m * (q[:, None] ** 2 + other**2))
    factor = weickenmeier_kohl.elastic_factor
    shape = other.shape
    integrand = factor(number, q)[:, None] * factor(number, other.ravel()).reshape(shape) * incoherent
    expected = 0.5 * np.trapezoid(2 * np.pi * q**2 * integrand.mean(axis=1), np.log(q))
    found = weickenmeier_kohl.thermal_diffuse_factor(number, np.array([g, 1.0]), sigma)[0]
    assert found == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("absorption", ["none", "weickenmeier_kohl", "proportional"])
@pytest.mark.parametrize(
    "name",
    ["baddeleyite", "marcasite", "rutile", "corundum", "pyrite", "CeNiC2", "alpha quartz", "zincblende"],
)
def test_patterns_are_those_of_the_matrix_exponential(
    crystals, settings, random_orientations, name, absorption
):
    structure = crystals[name]
    orientations = random_orientations(3, seed=11)
    absorbing = settings(absorption=absorption, scattering_factors="weickenmeier_kohl", g_max=1.6)
    for orientation, pattern in zip(
        orientations, make_engine(absorbing).patterns(structure, orientations), strict=True
    ):
        expected = reference_intensity(pattern, structure, orientation, absorbing)
        assert np.abs(pattern.intensity - expected).max() <= 2e-6
        assert (pattern.intensity.sum() < 0.95) == (absorption != "none")


def test_absorption_takes_its_share(crystals, settings, random_orientations):
    engine = make_engine(settings(absorption="weickenmeier_kohl", scattering_factors="py4dstem"))
    for name, structure in crystals.items():
        for pattern in engine.patterns(structure, random_orientations(2, seed=8)):
            assert 0.4 < pattern.intensity.sum() < 0.95, name


def test_weak_beams_are_left_out_of_the_adaptive_basis(crystals, settings, random_orientations):
    structure, orientations = crystals["baddeleyite"], random_orientations(3, seed=5)
    cuts = {"g_max": None, "max_excitation_error": None, "min_beam_amplitude": None}
    own = make_engine(settings(basis="adaptive", **cuts)).patterns(structure, orientations)
    finer = make_engine(
        settings(basis="adaptive", g_max=3.0, max_excitation_error=0.15, min_beam_amplitude=2e-4)
    ).patterns(structure, orientations)
    for usual, large in zip(own, finer, strict=True):
        among = {tuple(hkl): i for i, hkl in enumerate(large.hkl.tolist())}
        same = [among[tuple(hkl)] for hkl in usual.hkl.tolist()]
        assert len(usual.hkl) < 0.6 * len(large.hkl)
        assert np.abs(large.intensity[same] - usual.intensity).max() < 0.01
        missed = np.delete(large.intensity, same)
        assert missed.max() < 1e-3


def test_settings_that_contradict_each_other_are_named(settings):
    for changes, message in (
        (
            {"engine": "abtem", "absorption": "proportional"},
            "simulation.absorption: proportional .* must be none",
        ),
        ({"engine": "abtem", "basis": "adaptive"}, "simulation.basis: adaptive .* must be published or box"),
        ({"min_beam_amplitude": 0.001}, "simulation.min_beam_amplitude: 0.001 .* must be null"),
        ({"absorption": "some"}, "simulation.absorption: 'some'"),
    ):
        with pytest.raises(InputError, match=message):
            settings(**changes)
