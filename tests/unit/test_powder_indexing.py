"""Cells from the lines of powder patterns."""

import numpy as np
import pytest

from edsym.interface.powder import _cell
from edsym.powder.indexing import find_lines, index_lines
from edsym.powder.settings import PowderSettings
from edsym.symmetry import CRYSTAL_SYSTEMS

WAVELENGTH = 1.540593
# lengths, β or γ, and which reflections there are: of F, I, R, P and C lattices
CELLS = {
    "cubic": ((5.64, 5.64, 5.64), (90, 90, 90), lambda h, k, m: h % 2 == k % 2 == m % 2),
    "tetragonal": ((3.785, 3.785, 9.514), (90, 90, 90), lambda h, k, m: (h + k + m) % 2 == 0),
    "hexagonal": ((4.99, 4.99, 17.06), (90, 90, 120), lambda h, k, m: (m + k - h) % 3 == 0),
    "orthorhombic": ((4.78, 5.86, 8.97), (90, 90, 90), lambda h, k, m: True),
    "monoclinic": ((9.8, 8.95, 5.25), (90, 105.9, 90), lambda h, k, m: (h + k) % 2 == 0),
}


def lines_of(system, shift=0.05, count=20):
    """Return 2θ of the first lines below 90°, all moved by some degrees."""
    lengths, angles, allowed = CELLS[system]
    a, b, c = np.radians(angles)
    metric = np.outer(lengths, lengths) * [
        [1, np.cos(c), np.cos(b)],
        [np.cos(c), 1, np.cos(a)],
        [np.cos(b), np.cos(a), 1],
    ]
    inverse = np.linalg.inv(metric)
    n = range(-12, 13)
    q = {
        round(float(np.array(hkl) @ inverse @ hkl), 9)
        for hkl in ((h, k, m) for h in n for k in n for m in n)
        if any(hkl) and allowed(*hkl)
    }
    sine = WAVELENGTH * np.sqrt(sorted(q)) / 2
    return 2 * np.degrees(np.arcsin(sine[sine < 0.7][:count])) + shift


@pytest.mark.parametrize("system", CELLS)
def test_the_cell_of_lines_that_are_shifted_is_found_in_its_system(system):
    lines = lines_of(system)
    noise = np.random.default_rng(0).normal(0, 0.005, len(lines))
    cell = index_lines(lines + noise, WAVELENGTH, (system,))
    lengths, angles, _ = CELLS[system]
    assert cell.system == system and cell.lines == len(lines) >= 8 and cell.merit > 20
    if system == "monoclinic":  # of another setting, the volume and b are the same
        volume = np.prod(cell.lengths) * np.sin(np.radians(cell.angles[1]))
        whole = np.prod(lengths) * np.sin(np.radians(angles[1]))
        assert volume == pytest.approx(whole, rel=2e-3) and cell.lengths[1] == pytest.approx(8.95, rel=2e-3)
    else:
        assert sorted(cell.lengths) == pytest.approx(sorted(lengths), rel=1e-3)
        assert cell.angles == pytest.approx(angles)


def test_the_highest_symmetry_that_explains_lines_has_the_largest_merit_and_a_foreign_line_has_no_cell():
    lines = lines_of("tetragonal")
    assert index_lines(lines, WAVELENGTH).system == "tetragonal"
    between = np.sort(np.append(lines[:-1], lines[4:6].mean()))
    assert index_lines(between, WAVELENGTH, ("tetragonal",)) is None
    assert index_lines(lines[:5], WAVELENGTH, ("tetragonal",)) is None


def test_lines_of_a_noisy_pattern_are_found_once_each_and_give_a_cell():
    settings = PowderSettings()
    x = settings.two_theta_min + settings.step * (np.arange(settings.bins) + 0.5)
    rng = np.random.default_rng(0)
    expected = lines_of("cubic", 0, 10)
    pattern = 0.3 * np.exp(-(x - 5) / 4) + 0.02
    for number, place in enumerate(expected):
        second = 2 * np.degrees(np.arcsin(1.00249 * np.sin(np.radians(place / 2))))
        height = 0.3 + 0.7 * (number % 3 == 0)
        pattern += height * np.exp(-(((x - place) / 0.05) ** 2)) + height / 2 * np.exp(
            -(((x - second) / 0.05) ** 2)
        )
    pattern = (pattern + rng.normal(0, np.sqrt(pattern / 3000))).astype(np.float32)
    pattern[:40] = 0
    found = find_lines(pattern, settings)
    assert found == pytest.approx(expected[: len(found)], abs=0.03) and len(found) == len(expected)
    likely = np.array([0.02 if name != "cubic" else 0.9 for name in CRYSTAL_SYSTEMS])
    assert _cell(pattern, likely, settings).lengths == pytest.approx([5.64] * 3, rel=2e-3)
    assert _cell(pattern, 0.9 * (likely < 0.1), settings).system != "cubic"
    assert _cell(0 * pattern, likely, settings) is None
