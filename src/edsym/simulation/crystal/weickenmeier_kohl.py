"""Scattering factors of Weickenmeier & Kohl (1991), Acta Cryst. A47, 590-597, with absorption.

The elastic factor is a sum of f(g) = Σ a_i (1 - exp(-b_i g²)) / g²; with it, the integral of thermal diffuse
scattering has a closed form. The parameters are Weickenmeier's second fit (1993, to the tables of Doyle &
Turner), distributed with EMsoft (BSD licence, Carnegie Mellon University) with the authors' permission.
"""

from functools import cache
from importlib.resources import files

import numpy as np
from scipy.interpolate import make_interp_spline
from scipy.special import expi

from edsym.errors import MaterialError

# Interpolated between so many nodes the thermal part is off by less than 1e-6 of its largest value.
_NODES = 129
_ELECTRON_REST_ENERGY = 510.99895  # keV
_BOHR_RADIUS = 0.529177  # Å
_SERIES_END = 1.0


@cache
def _parameters() -> np.ndarray:
    """Return A_1..4 (Å⁻¹) and B_1..4 (Å²) of f(s) = Σ A_i (1 - exp(-B_i s²)) / s², s = g / 2, by element."""
    with (files("edsym.simulation.crystal") / "weickenmeier_kohl.csv").open() as file:
        return np.loadtxt(file, delimiter=",", skiprows=4)[:, 1:].reshape(-1, 2, 4)


def _terms(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a_i (Å⁻¹) and b_i (Å²) of an element, for g instead of s = g / 2."""
    if not 0 < number <= len(_parameters()):
        raise MaterialError(
            f"there are no Weickenmeier-Kohl scattering factors for the element of atomic number {number}"
        )
    a, b = _parameters()[number - 1]
    return 4 * a, b / 4


def elastic_factor(number: int, g: np.ndarray) -> np.ndarray:
    """Return the elastic scattering factor (n,) of an atom at rest in Å.

    Parameters
    ----------
    number : int
        Atomic number.
    g : (n,) array
        Lengths of scattering vectors in 1/Å.

    Raises
    ------
    MaterialError
        If there are no parameters for the element.
    """
    a, b = _terms(number)
    x = np.outer(g**2, b)
    return _one_minus_exp(x) @ (a * b)


def elastic_factor_of_py4dstem(number: int, g: np.ndarray) -> np.ndarray:
    """Return the elastic scattering factor as py4DSTEM (0.14.18) evaluates it: see `elastic_factor`.

    It takes 1 - x/2 for (1 - exp(-x)) / x not only where x is small (EMsoft: below 0.1) but up to x = 1. That
    is off by up to 12 % of f(0), but the published patterns were made with py4DSTEM.
    """
    a, b = _terms(number)
    x = np.outer(g**2, b)
    return np.where(x < _SERIES_END, 1 - x / 2, _one_minus_exp(x)) @ (a * b)


def _one_minus_exp(x: np.ndarray) -> np.ndarray:
    """Return (1 - exp(-x)) / x, also at 0."""
    safe = np.maximum(x, 1e-12)
    return -np.expm1(-safe) / safe


def absorptive_factor(
    number: int, g: np.ndarray, thermal_sigma: float, energy_kev: float, wavelength: float
) -> np.ndarray:
    """Return the absorptive factor f' (n,) in Å: thermal diffuse scattering and core losses.

    The absorptive part of the potential is U' = (prefactor / V) Σ_j f'_j exp(-2πi g·r_j), with the prefactor
    of the elastic part; the Debye-Waller factor is in f'.

    Parameters
    ----------
    number : int
        Atomic number.
    g : (n,) array
        Lengths of scattering vectors in 1/Å, from 0 upwards.
    thermal_sigma : float
        Root mean square displacement along one direction in Å.
    energy_kev, wavelength : float
        Energy in keV and wavelength in Å of the electrons.

    Raises
    ------
    MaterialError
        If there are no parameters for the element.
    """
    nodes = np.linspace(0, g[-1], _NODES)
    thermal = make_interp_spline(nodes, thermal_diffuse_factor(number, nodes, thermal_sigma), k=5)(g)
    core = core_factor(number, g, thermal_sigma, energy_kev)
    return (1 + energy_kev / _ELECTRON_REST_ENERGY) * wavelength * (thermal + core)


def thermal_diffuse_factor(number: int, g: np.ndarray, thermal_sigma: float) -> np.ndarray:
    """Return the part of thermal diffuse scattering in f' / (γ λ), for independently vibrating atoms.

    It is half the integral over the plane of f(q) f(g - q) (D(g) - D(q) D(g - q)) with the Debye-Waller
    factor D(q) = exp(-M q²), M = 2π² σ² (Weickenmeier & Kohl 1991, equation 5 and the appendix).

    Parameters
    ----------
    number, g, thermal_sigma
        See `absorptive_factor`.
    """
    a, b = _terms(number)
    m = 2 * np.pi**2 * thermal_sigma**2
    i, j = np.tril_indices(4)
    weights = np.where(i == j, 0.5, 1.0) * a[i] * a[j]
    # All at once, because the arrays are short: atoms at rest, moving, each atom with the cloud, the cloud.
    x = np.concatenate([b[i], b[i] + m, b + m, [m]])
    y = np.concatenate([b[j], b[j] + m, np.full(5, m)])
    rest, moving, mixed, cloud = np.split(_overlap(x, y, g), [10, 20, 24])
    thermal = np.exp(-m * g**2) * rest - (moving + cloud - mixed[i] - mixed[j])
    return weights @ thermal


def _overlap(x: np.ndarray, y: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Return ∫ d²q (1 - exp(-x q²)) (1 - exp(-y |g - q|²)) / (q² |g - q|²) for k pairs x, y: (k, n).

    As (1 - exp(-x q²)) / q² is the integral of exp(-x' q²) over x' from 0 to x, this is the integral of
    π exp(-x' y' g² / (x' + y')) / (x' + y') over x' and y', which exponential integrals solve.
    """
    found = (x > 0) & (y > 0)
    result = np.zeros((x.size, g.size))
    x, y = x[found, None], y[found, None]
    at_zero = np.pi * (x * np.log1p(y / x) + y * np.log1p(x / y))
    squared = np.where(g > 0, g, 1.0) ** 2
    x, y = x * squared, y * squared
    total = 2 * np.euler_gamma + np.log(x * y) - 2 * expi(-x * y / (x + y))
    for z in (x, y):
        total += _scaled_expi(z * z / (x + y), z) - _scaled_expi(z, z)
    result[found] = np.where(g > 0, np.pi / squared * total, at_zero)
    return result


def _scaled_expi(x: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Return exp(-shift) Ei(x) for x <= shift, also where Ei overflows."""
    large = np.maximum(x, 50.0)
    # Asymptotic series of Ei (Abramowitz & Stegun 5.1.51): 4e-16 at x = 50.
    series = np.zeros_like(large)
    for k in range(25, 0, -1):
        series = (1 + series) * k / large
    asymptotic = np.exp(large - shift) * (1 + series) / large
    return np.where(x < 50, np.exp(-shift) * expi(np.minimum(x, 50.0)), asymptotic)


def core_factor(number: int, g: np.ndarray, thermal_sigma: float, energy_kev: float) -> np.ndarray:
    """Return the part of inelastic scattering by electrons of the atom in f' / (γ λ).

    Rose's (1976, Optik 45, 139-158) mixed dynamic form factor of an atom with a Yukawa potential, which
    Weickenmeier & Kohl take for the core losses; the mean energy loss is 6 eV times the atomic number.

    Parameters
    ----------
    number, g, thermal_sigma, energy_kev
        See `absorptive_factor`.
    """
    radius = 0.885 * _BOHR_RADIUS / number ** (1 / 3)
    rest = 2 * _ELECTRON_REST_ENERGY
    loss_angle = 3e-3 * number / energy_kev * (2 * energy_kev + rest) / (energy_kev + rest)
    k = 2 * np.pi * np.sqrt(energy_kev * (energy_kev + rest)) / 12.398419843320026
    omega = 2 * np.pi * radius * np.maximum(g, 1e-9)
    kappa = loss_angle * k * radius
    o2, k2 = omega**2, kappa**2
    root = np.sqrt((1 + o2) ** 2 + 4 * k2 * o2)
    first = omega / ((1 + o2) * np.sqrt(o2 + 4 * k2)) * np.arcsinh(omega / (2 * kappa))
    second = np.log((1 + 2 * k2 + o2 + root) / (2 * kappa * np.sqrt(1 + k2))) / root
    third = np.arcsinh(omega / (2 * np.sqrt(1 + k2))) / (omega * np.sqrt(o2 + 4 * (1 + k2)))
    debye_waller = np.exp(-2 * np.pi**2 * thermal_sigma**2 * g**2)
    strength = 2 / np.pi * 0.885**2 * number ** (1 / 3)
    return strength * debye_waller * (second - first - third)
