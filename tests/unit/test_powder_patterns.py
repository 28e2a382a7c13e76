"""X-ray powder patterns: lines against pymatgen, rendering, and measured patterns as they come in."""

import warnings

import numpy as np
import pytest
import torch
from pymatgen.analysis.diffraction.xrd import XRDCalculator
from pymatgen.core import Lattice
from pymatgen.core import Structure as Pymatgen

from edsym.errors import InputError, InputWarning
from edsym.interface.powder import simulate_powder
from edsym.powder.factors import factor_table, xray_factor
from edsym.powder.features import Correlations, clean
from edsym.powder.nuisances import draw_strains, no_nuisances
from edsym.powder.pattern import PowderPattern
from edsym.powder.pattern_files import read_powder
from edsym.powder.reflections import reflections
from edsym.powder.render import render, render_with
from edsym.powder.settings import PowderSettings
from edsym.powder.store import joined
from edsym.structures.structure import Structure
from edsym.symmetry import CRYSTAL_SYSTEMS

SETTINGS = PowderSettings()
RUTILE = Pymatgen.from_spacegroup(
    "P4_2/mnm", Lattice.tetragonal(4.594, 2.959), ["Ti", "O"], [[0, 0, 0], [0.305, 0.305, 0]]
)
QUARTZ = Pymatgen.from_spacegroup(
    "P3_221",
    Lattice.hexagonal(4.913, 5.405),
    ["Si", "O"],
    [[0.4697, 0, 2 / 3], [0.4135, 0.2669, 0.7858]],
)
SALT = Pymatgen.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5] * 3])


def lines_of(crystal):
    return reflections(Structure.from_pymatgen(crystal), SETTINGS)


def store_of(*crystals):
    structures = [Structure.from_pymatgen(crystal) for crystal in crystals]
    groups = np.array([structure.spacegroup_number for structure in structures])
    return joined([reflections(structure, SETTINGS) for structure in structures], groups)


@pytest.mark.parametrize(
    ("number", "expected"),
    # at sin θ / λ of 0.1, 0.3 and 0.45 1/Å, by gemmi 0.7 from the coefficients of International Tables C
    [
        (6, (5.108, 2.494, 1.794)),
        (8, (7.246, 4.089, 2.628)),
        (26, (23.683, 16.748, 12.596)),
        (56, (51.112, 38.589, 31.808)),
        (92, (86.135, 68.614, 58.273)),
    ],
)
def test_factors_of_xrays_are_those_of_the_international_tables(number, expected):
    squared = 4 * np.array([0.1, 0.3, 0.45]) ** 2
    assert xray_factor(number, squared) == pytest.approx(expected, rel=0.006)
    assert factor_table(number, 1.0, 0.5)[-2] == pytest.approx(
        np.exp(-0.125) * xray_factor(number, np.array([1.0]))[0]
    )


@pytest.mark.parametrize("crystal", [RUTILE, QUARTZ, SALT])
def test_lines_are_those_of_pymatgen(crystal):
    calculator = XRDCalculator(
        wavelength=SETTINGS.wavelength,
        debye_waller_factors={str(element): SETTINGS.thermal_b for element in crystal.elements},
    )
    expected = calculator.get_pattern(crystal, two_theta_range=(5, 90))
    two_theta, intensity = lines_of(crystal).lines(SETTINGS.wavelength)
    # Mott and Bethe's factors are not quite those of pymatgen
    for x, y in zip(expected.x, expected.y, strict=True):
        near = np.abs(two_theta - x) < 0.01
        assert 100 * intensity[near].sum() == pytest.approx(y, rel=0.06, abs=0.15), x
    assert ((np.abs(two_theta[:, None] - expected.x) < 0.01).any(axis=1) | (intensity < 1e-3)).all()


def test_a_pattern_depends_on_seed_and_place_not_on_what_is_drawn_with_it():
    lines = store_of(RUTILE, QUARTZ, SALT)
    together = render(lines, np.arange(3), SETTINGS, 4, "test")
    assert np.array_equal(render(lines, np.array([2]), SETTINGS, 4, "test")[0], together[2])
    assert not np.allclose(render(lines, np.array([2]), SETTINGS, 5, "test")[0], together[2])


def test_a_rendered_pattern_has_its_lines_where_they_are_and_in_their_ratio():
    lines = store_of(SALT)
    values = no_nuisances(SETTINGS, 1)
    values["fwhm"] = 0.3

    def drawn(**changes):
        own = values.copy()
        for name, value in changes.items():
            own[name] = value
        return render_with(lines, np.array([0]), own, np.zeros((1, 3, 3)), SETTINGS, np.array([0]))[0]

    axis = 5 + 0.05 * (np.arange(SETTINGS.bins) + 0.5)
    plain = drawn()
    two_theta, intensity = lines_of(SALT).lines(SETTINGS.wavelength)
    sums = [plain[np.abs(axis - x) < 1].sum() for x in two_theta[[0, 1, 2]]]
    assert np.array(sums) / sums[1] == pytest.approx(intensity[:3] / intensity[1], rel=0.03)
    assert axis[plain.argmax()] == pytest.approx(two_theta[1], abs=0.03)
    half = plain > plain.max() / 2
    assert 0.05 * half[np.abs(axis - two_theta[1]) < 1].sum() == pytest.approx(0.3, abs=0.06)
    assert axis[drawn(zero=0.5).argmax()] == pytest.approx(two_theta[1] + 0.5, abs=0.03)
    shifted = two_theta[1] + 0.5 * np.cos(np.radians(two_theta[1] / 2))
    assert axis[drawn(displacement=0.5).argmax()] == pytest.approx(shifted, abs=0.03)
    assert drawn(start=40.0)[axis < 40].max() == 0 == drawn(stop=60.0)[axis > 60].max()
    # texture along (111), the first line: that line alone shows all of its plates
    textured = drawn(march=0.5, axis=0.0)
    assert textured[np.abs(axis - two_theta[0]) < 1].sum() > 1.5 * sums[0]
    noise = drawn(counts=1000.0, background=1.0) - drawn(background=1.0)
    assert noise[axis > 85].std() == pytest.approx(np.sqrt(1.4 / 1000), rel=0.3)


@pytest.mark.parametrize("stretch", [0.3, -0.3])
def test_a_strain_that_splits_a_line_leaves_numbers(stretch):
    values = no_nuisances(SETTINGS, 1)
    values["march"] = 0.4
    strains = np.diag([stretch, 0, 0])[None]
    pattern = render_with(store_of(SALT), np.array([0]), values, strains, SETTINGS, np.array([0]))
    assert (pattern >= 0).all() and pattern.max() == 1


def test_strains_keep_the_crystal_system():
    system = np.arange(7)
    settings = SETTINGS.replace(strain_sigma=0.01)
    strains = dict(
        zip(CRYSTAL_SYSTEMS, draw_strains(settings, system, np.random.default_rng(0)), strict=True)
    )
    for strain in strains.values():
        assert np.allclose(strain, strain.T)
    assert np.allclose(strains["cubic"], strains["cubic"][0, 0] * np.eye(3))
    for name in ("tetragonal", "trigonal", "hexagonal"):
        assert strains[name][0, 0] == strains[name][1, 1] != strains[name][2, 2]
        assert np.count_nonzero(strains[name]) == 3
    assert strains["monoclinic"][0, 2] != 0 == strains["monoclinic"][0, 1]
    assert np.count_nonzero(strains["triclinic"]) == 9


def test_background_goes_and_the_largest_is_1():
    axis = 5 + 0.05 * (np.arange(SETTINGS.bins) + 0.5)
    lines = sum(h * np.exp(-(((axis - x) / 0.1) ** 2)) for x, h in ((30, 4.0), (50, 1.0)))
    found = clean((lines + 10 + 0.02 * axis)[None], SETTINGS)[0]
    assert found.max() == 1 and found[np.abs(axis - 50).argmin()] == pytest.approx(0.5, abs=0.02)
    assert found[(axis > 60)].max() < 0.2


@pytest.mark.parametrize(("first", "last"), [(30, 1700), (0, 1530), (130, 1310)])
def test_background_goes_up_to_the_ends_of_what_was_measured(first, last):
    pattern = np.zeros((1, SETTINGS.bins), np.float32)
    pattern[0, first:last] = 0.1
    pattern[0, 700] = 1
    found = clean(pattern, SETTINGS)[0]
    assert np.flatnonzero(found).tolist() == [700] and found[700] == 1
    assert not clean(0 * pattern, SETTINGS).any()


def test_the_correlation_of_ratios_knows_no_scale_and_that_of_squares_has_the_differences():
    correlations = Correlations(SETTINGS, 1024)
    axis = 5 + 0.05 * (np.arange(SETTINGS.bins) + 0.5)

    def profile(sines):
        places = 2 * np.degrees(np.arcsin(sines))
        shown = sum(np.exp(-(((axis - x) / 0.2) ** 2)) for x in places)
        return correlations(torch.from_numpy(shown[None].astype(np.float32)))[0].numpy()

    first, larger = (profile(np.array([0.2, 0.3]) * scale)[:1024] for scale in (1, 1.1))
    low, high = np.sin(np.radians([2.5, 45]))
    at = np.log(0.3 / 0.2) / np.log(high / low) * 1023
    for ratios in (first, larger):
        assert abs(60 + ratios[60:].argmax() - at) < 3
    differences = profile(np.array([0.2, 0.3]))[1024:]
    assert abs(50 + differences[50:].argmax() - (0.09 - 0.04) / (high**2 - low**2) * 1023) < 3


X = np.arange(5, 90, 0.02)
Y = 100 + 1000 * np.exp(-(((X - 31.7) / 0.1) ** 2))


def test_another_wavelength_is_converted_by_braggs_law():
    cobalt = PowderPattern.from_arrays(X, Y, "Co").on_axis(SETTINGS)
    expected = 2 * np.degrees(np.arcsin(np.sin(np.radians(31.7 / 2)) * 1.540593 / 1.788965))
    assert 5 + 0.05 * (cobalt.argmax() + 0.5) == pytest.approx(expected, abs=0.05)
    assert cobalt.max() == 1 and cobalt[-1] == 0  # nothing was measured up to 90° of Cu
    wide = 1 + 50 * np.exp(-(((X - 40) / 3) ** 2))
    fine, coarse = (PowderPattern.from_arrays(X[::n], wide[::n]).on_axis(SETTINGS) for n in (1, 10))
    assert coarse[:-5] == pytest.approx(fine[:-5], abs=2e-3)


Q = 4 * np.pi / 1.54 * np.sin(np.radians(X / 2))


@pytest.mark.parametrize(
    ("x", "y", "wavelength", "message"),
    [
        (np.radians(X), Y, "Cu", "radians"),
        (2 * np.pi / Q, Y, "Cu", "d-spacings"),
        ((2 * np.pi / Q)[::-1], Y, "Cu", "d-spacings"),
        (Q, Y, "Cu", "is 2θ in degrees"),
        (X, Y, 0.15406, "in nm"),
        (X, Y, "Xx", "expected 0.2 to 3 Å or one of Cr"),
        (X[:1200], Y[:1200], 2.9, "the wavelength right"),
        (X, Y - 1000, "Cu", "counts of 0 or more"),
        (X, 0 * Y, "Cu", "expected one above 0"),
        (X[:20], Y[:20], "Cu", "empty or cut"),
        (X, Y[:-1], "Cu", "expected as many"),
        (np.r_[X[:2000], X[:2250]], Y, "Cu", "5 follows 44.98"),
        (X + 100, Y, "Cu", "0 to 180"),
    ],
)
def test_what_is_no_pattern_is_refused_in_words(x, y, wavelength, message):
    with pytest.raises(InputError, match=message):
        PowderPattern.from_arrays(x, y, wavelength).on_axis(SETTINGS)


def test_net_intensities_a_little_below_0_are_0():
    with pytest.warns(InputWarning, match="a little below 0"):
        assert PowderPattern.from_arrays(X, Y - 101).intensity.min() == 0


GSAS = "title\nBANK 1 {n} {r} CONST 500.0 2.0 0 0 {kind}\n{data}\n"
COUNTS = [str(round(y)) for y in Y]
FILES = {
    "a.xy": "\n".join(f"{x:.3f} {y}" for x, y in zip(X, COUNTS, strict=True)),
    "b.csv": "# of a diffractometer\n2theta,counts,esd\n"
    + "\n".join(f"{x:.3f},{y},1" for x, y in zip(X, COUNTS, strict=True)),
    "c.gsas": GSAS.format(
        n=len(X),
        r=1,
        kind="STD",
        data="\n".join("".join(f" 1{y:>6}" for y in COUNTS[i : i + 10]) for i in range(0, len(X), 10)),
    ),
    "d.raw": GSAS.format(
        n=len(X),
        r=1,
        kind="ESD",
        data="\n".join("".join(f"{y:>8}{1:>8}" for y in COUNTS[i : i + 5]) for i in range(0, len(X), 5)),
    ),
    "e.fxye": GSAS.format(
        n=len(X),
        r=1,
        kind="FXYE",
        data="\n".join(f"{100 * x:.2f} {y} 1.0" for x, y in zip(X, COUNTS, strict=True)),
    ),
    "f.cif": "data_a\n_cell_length_a 5.64(1)\n_diffrn_radiation_wavelength 1.5406\nloop_\n"
    "_pd_meas_2theta_scan\n_pd_meas_counts_total\n"
    + "\n".join(f"{x:.3f} {y}(3)" for x, y in zip(X, COUNTS, strict=True)),
    "g.cif": "data_a\n_pd_meas_2theta_range_min 5.0\n_pd_meas_2theta_range_inc 0.02\n"
    "_refine_details\n;\nloop_ of text\n;\nloop_\n_pd_meas_counts_total\n" + " ".join(COUNTS),
    "h.xrdml": '<x xmlns="http://www.xrdml.com/x"><scan><usedWavelength><kAlpha1>1.5405980</kAlpha1>'
    '</usedWavelength><dataPoints><positions axis="2Theta"><startPosition>5.0</startPosition>'
    f"<endPosition>{X[-1]}</endPosition></positions><counts>{' '.join(COUNTS)}</counts></dataPoints>"
    "</scan></x>",
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_all_kinds_hold_the_same_pattern(tmp_path, name):
    (tmp_path / name).write_text(FILES[name])
    pattern = read_powder(tmp_path / name)
    assert pattern.two_theta == pytest.approx(X, abs=2e-3)
    assert np.abs(pattern.intensity - np.round(Y)).max() < 1e-6
    assert pattern.wavelength == pytest.approx(1.5406, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.xy", "", "is empty"),
        ("a.xy", "no numbers\n", "no line has two numbers"),
        ("a.xy", FILES["a.xy"][:-9], "one number"),
        ("a.xy", "10 5\n10.1 x\n", "line 2 is not numbers"),
        ("a.csv", "d (A),I\n5.0,3\n", "named 'd'"),
        ("a.gsas", FILES["c.gsas"].rsplit("\n", 9)[0], "is cut"),
        ("a.gsas", "BANK 1 10 1 RALF 1 2 3\n", "constant steps"),
        ("a.cif", "data_x\n_cell_length_a 3\n", "no powder pattern"),
        ("a.cif", FILES["f.cif"].replace("loop_", "_diffrn_radiation_probe neutron\nloop_"), "X-rays"),
        ("a.xrdml", FILES["h.xrdml"][:500], "is cut"),
        ("a.xrdml", "<x/>", "no scan"),
        ("a.raw", "RAW4.00\0\0", "binary"),
    ],
)
def test_damaged_files_are_named_with_what_is_wrong(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_powder(tmp_path / name)
    assert name in str(caught.value)


def test_a_wavelength_against_the_file_is_refused(tmp_path):
    (tmp_path / "f.cif").write_text(FILES["f.cif"])
    assert read_powder(tmp_path / "f.cif", 1.5418).wavelength == 1.5418
    with pytest.raises(InputError, match=r"says a wavelength of 1\.5406 Å, but 1\.78"):
        read_powder(tmp_path / "f.cif", "Co")
    with pytest.raises(InputError, match="no such file"):
        read_powder(tmp_path / "none.xy")


def test_a_simulated_pattern_is_one_that_comes_in():
    with warnings.catch_warnings():
        warnings.simplefilter("error", InputWarning)
        pattern = simulate_powder(Structure.from_pymatgen(SALT), seed=3)
    assert pattern.on_axis(SETTINGS).max() == 1
    assert not np.array_equal(
        pattern.intensity, simulate_powder(Structure.from_pymatgen(SALT), seed=4).intensity
    )
