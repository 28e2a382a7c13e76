"""What differs from one measured powder pattern of a crystal to the next: drawn numbers."""

import numpy as np

from edsym.powder.settings import PowderSettings
from edsym.symmetry import CRYSTAL_SYSTEMS

NUISANCES = np.dtype(
    [
        ("fwhm", "f8"),  # °
        ("strain_width", "f8"),  # °, times tan θ
        ("lorentz", "f8"),  # share of the Lorentzian in the pseudo-Voigt profile
        ("kalpha2", "f8"),  # of Kα1
        ("zero", "f8"),  # °
        ("displacement", "f8"),  # °, times cos θ
        ("march", "f8"),  # r of March and Dollase; 1 is no texture
        ("axis", "f8"),  # 0 to 1: which of the first lines is the axis of texture
        ("scatter", "f8"),  # standard deviation of ln(intensity)
        ("impurity", "f8"),  # of the pattern
        ("other", "f8"),  # 0 to 1: which structure is the impurity
        ("background", "f8"),  # of the maximum
        ("slope", "f8"),
        ("decay", "f8"),
        ("hump", "f8"),
        ("hump_centre", "f8"),  # °
        ("counts", "f8"),  # at the maximum; 0 is no noise
        ("start", "f8"),  # °, of the measured range
        ("stop", "f8"),  # °
        ("seed", "i8"),  # of noise and scatter
    ]
)
"""The numbers of one pattern."""

# Components of the strain that keep a crystal system, in edsym's standard orientation (b of monoclinic cells
# along y, principal axes along z), by numbers of free parameters: the same number is the same strain.
_FREE = {
    "triclinic": [[0, 3, 4], [3, 1, 5], [4, 5, 2]],
    "monoclinic": [[0, -1, 3], [-1, 1, -1], [3, -1, 2]],
    "orthorhombic": [[0, -1, -1], [-1, 1, -1], [-1, -1, 2]],
    "tetragonal": [[0, -1, -1], [-1, 0, -1], [-1, -1, 1]],
    "trigonal": [[0, -1, -1], [-1, 0, -1], [-1, -1, 1]],
    "hexagonal": [[0, -1, -1], [-1, 0, -1], [-1, -1, 1]],
    "cubic": [[0, -1, -1], [-1, 0, -1], [-1, -1, 0]],
}
_COMPONENTS = np.array([_FREE[system] for system in CRYSTAL_SYSTEMS])


def draw_nuisances(settings: PowderSettings, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return the nuisances of so many patterns, a structured array of `NUISANCES`."""
    found = np.zeros(count, NUISANCES)

    def uniform(low, high):
        return rng.uniform(low, high, count)

    def log_uniform(low, high):
        return np.exp(uniform(np.log(low), np.log(high)))

    def some(share):
        return rng.random(count) < share

    s = settings
    found["fwhm"] = uniform(s.fwhm_min, s.fwhm_max)
    found["strain_width"] = uniform(0, s.strain_width_max)
    found["lorentz"] = rng.random(count)
    found["kalpha2"] = 0.5 * some(s.kalpha2)
    found["zero"] = rng.normal(0, s.zero_sigma, count)
    found["displacement"] = rng.normal(0, s.displacement_sigma, count)
    found["march"] = np.where(some(s.texture_fraction), log_uniform(s.march_min, s.march_max), 1)
    found["axis"], found["other"] = rng.random(count), rng.random(count)
    found["scatter"] = uniform(0, s.scatter_max)
    found["impurity"] = np.where(some(s.impurity_fraction), uniform(0, s.impurity_max), 0)
    found["background"] = log_uniform(s.background_min, s.background_max)
    found["slope"], found["decay"] = uniform(-0.5, 0.5), uniform(0, 3)
    found["hump"], found["hump_centre"] = rng.random(count), uniform(15, 40)
    found["counts"] = log_uniform(s.counts_min, s.counts_max)
    cut = some(s.cut_fraction)
    found["start"] = s.two_theta_min + cut * uniform(0, 10)
    found["stop"] = s.two_theta_max - cut * uniform(0, 30)
    found["seed"] = rng.integers(2**32, size=count)
    return found


def no_nuisances(settings: PowderSettings, count: int) -> np.ndarray:
    """Return the nuisances of patterns without any: Kα1, a width between the limits, all of the axis."""
    found = np.zeros(count, NUISANCES)
    found["fwhm"], found["lorentz"], found["march"] = (settings.fwhm_min + settings.fwhm_max) / 2, 0.5, 1
    found["start"], found["stop"] = settings.two_theta_min, settings.two_theta_max
    return found


def draw_strains(settings: PowderSettings, system: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return strains (n, 3, 3) of reciprocal lattices that keep their crystal systems (n,)."""
    free = rng.normal(0, settings.strain_sigma, (len(system), 6))
    # the last place stands for components that are not free
    free = np.concatenate([free, np.zeros((len(system), 1))], axis=1)
    strains = np.take_along_axis(free[:, None], _COMPONENTS[system], axis=2)
    return strains + rng.normal(0, settings.scale_sigma, len(system))[:, None, None] * np.eye(3)
