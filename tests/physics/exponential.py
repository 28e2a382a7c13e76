"""Patterns by the exponential of a matrix that is summed atom by atom, in double precision."""

import numpy as np
from scipy.linalg import expm

from edsym.simulation.constants import PROPORTIONAL_ABSORPTION
from edsym.simulation.crystal import lobato, weickenmeier_kohl
from edsym.simulation.electrons import potential_prefactor, wavelength


def factors(number, g, elastic=weickenmeier_kohl.elastic_factor_of_py4dstem):
    """Return f + if' times the prefactor at 300 keV, with a thermal displacement of 0.08 Å."""
    debye_waller = np.exp(-2 * np.pi**2 * 0.08**2 * g**2)
    absorptive = weickenmeier_kohl.absorptive_factor(number, g, 0.08, 300.0, wavelength(300.0))
    return potential_prefactor(300.0) * (elastic(number, g) * debye_waller + 1j * absorptive)


ELASTIC = {
    "lobato": lambda number, g: lobato.scattering_factor(number, g**2),
    "weickenmeier_kohl": weickenmeier_kohl.elastic_factor,
    "py4dstem": weickenmeier_kohl.elastic_factor_of_py4dstem,
}


def reference_intensity(pattern, structure, orientation, settings, thickness=None):
    """Return the intensities (n,) of a pattern's beams."""
    g = pattern.hkl @ np.linalg.inv(structure.lattice).T
    lam, n = wavelength(300.0), len(g)
    difference = pattern.hkl[:, None].astype(int) - pattern.hkl
    length = np.linalg.norm(g[:, None] - g, axis=-1)
    unique, inverse = np.unique(length.round(12), return_inverse=True)
    unique = np.append(unique, 2 * settings.g_max)
    matrix = np.zeros((n, n), dtype=complex)
    for number, position in zip(structure.numbers, structure.frac_coords, strict=True):
        factor = factors(int(number), unique, ELASTIC[settings.scattering_factors])
        if settings.absorption != "weickenmeier_kohl":
            factor = factor.real * (
                1 + 1j * PROPORTIONAL_ABSORPTION * (settings.absorption == "proportional")
            )
        matrix += factor[inverse].reshape(n, n) * np.exp(-2j * np.pi * (difference @ position))
    s = -g @ orientation[2] - lam * np.sum(g**2, axis=1) / 2
    flux = 1 + lam * (g @ orientation[2])
    matrix *= np.pi * lam / abs(np.linalg.det(structure.lattice)) / np.sqrt(np.outer(flux, flux))
    np.fill_diagonal(matrix, 2 * np.pi * s / flux + 1j * matrix.diagonal().imag)
    wave = expm(1j * matrix * (thickness or settings.thickness_angstrom))[:, pattern.incident]
    return np.abs(wave) ** 2
