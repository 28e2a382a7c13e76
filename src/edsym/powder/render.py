"""Powder patterns out of reflections, in compiled code: profile, texture, impurity, background and noise."""

import numpy as np
from numba import njit

from edsym.powder.nuisances import draw_nuisances, draw_strains, no_nuisances
from edsym.powder.settings import PowderSettings
from edsym.powder.store import Lines
from edsym.seeds import generator

KALPHA2_RATIO = 1.544427 / 1.540593
"""Wavelength of Cu Kα2 over that of Kα1 (other anodes have nearly the same ratio)."""

# A line reaches so many half widths to either side: of its Lorentzian 5 % are beyond; of its Gaussian none.
_REACH_LORENTZ, _REACH_GAUSS = 14.0, 4.0
# Among so many lines of lowest angle is the axis of texture.
_AXES = 12


def render(
    lines: Lines, crystals: np.ndarray, settings: PowderSettings, seed: int | None, *names: str | int
) -> np.ndarray:
    """Return patterns of crystals with nuisances.

    Parameters
    ----------
    lines : Lines
        Reflections of M crystals.
    crystals : (n,) array of int
        Which of them.
    settings : PowderSettings
        The axis and what is drawn.
    seed : int or None
        Seed of the nuisances; None for patterns without any.
    *names : str or int
        What the patterns are for, see `edsym.seeds.generator`. The nuisances of a crystal depend on seed,
        names and its place among all, not on which others are drawn with it.

    Returns
    -------
    (n, bins) float32
        Intensities on the axis; 0 outside of the measured range.
    """
    total = len(lines.offset) - 1
    if seed is None:
        values, strains = no_nuisances(settings, total), np.zeros((total, 3, 3))
    else:
        rng = generator(seed, "powder", *names)
        values = draw_nuisances(settings, total, rng)
        strains = draw_strains(settings, lines.system, rng)
    crystals = np.asarray(crystals, np.int64)
    return render_with(lines, crystals, values[crystals], strains[crystals], settings, np.arange(total))


def render_with(
    lines: Lines,
    crystals: np.ndarray,
    values: np.ndarray,
    strains: np.ndarray,
    settings: PowderSettings,
    others: np.ndarray,
) -> np.ndarray:
    """Return patterns (n, bins) of crystals (n,) with these nuisances (n,) and strains (n, 3, 3).

    Impurities are drawn from the crystals `others` (m,).
    """
    out = np.zeros((len(crystals), settings.bins), np.float32)
    axis = (settings.two_theta_min, settings.step, settings.wavelength)
    _render(*lines[:5], crystals, values, strains, others, axis, out)
    return out


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def _render(hkl, intensity, line, offset, reciprocal, crystals, values, strains, others, axis, out):
    start, step, _ = axis
    row = np.empty(out.shape[1])
    none = np.zeros((3, 3))
    for i in range(len(crystals)):
        v, crystal = values[i], crystals[i]
        np.random.seed(v.seed)  # noqa: NPY002
        row[:] = 0
        _add(hkl, intensity, line, offset, reciprocal, crystal, v, strains[i], 1.0, axis, row)
        if v.impurity > 0:
            other = others[min(int(v.other * len(others)), len(others) - 1)]
            _add(hkl, intensity, line, offset, reciprocal, other, v, none, v.impurity, axis, row)
        top = row.max()
        for j in range(len(row)):
            x = start + step * (j + 0.5)
            if x < v.start or x > v.stop:
                continue
            y = row[j] / top if top > 0 else 0.0
            if v.background > 0:
                y += v.background * _background(x, v)
            if v.counts > 0:
                y += np.random.randn() * np.sqrt(y / v.counts)  # noqa: NPY002
            out[i, j] = y


@njit(inline="always")
def _background(x, v):
    """Return the background at 2θ over its level: slope, rise to low angles, and a hump."""
    hump = (x - v.hump_centre) / 9
    return 1 + v.slope * (x - 47) / 43 + v.decay * np.exp(-(x - 5) / 6) + v.hump * np.exp(-hump * hump)


@njit(fastmath=True, error_model="numpy", nogil=True)
def _add(hkl, intensity, line, offset, reciprocal, crystal, v, strain, weight, axis, row):
    """Add the lines of one crystal to a pattern."""
    start, step, wavelength = axis
    vectors = reciprocal[crystal] + reciprocal[crystal] @ strain
    first, last = offset[crystal], offset[crystal + 1] - 1
    of_axis = vectors.T @ hkl[line[first + int(v.axis * min(_AXES, last - first))]].astype(np.float64)
    along = 1 / (of_axis @ of_axis)
    for at in range(first, last):
        h = hkl[line[at]]
        squared = 0.0
        for c in range(3):
            component = h[0] * vectors[0, c] + h[1] * vectors[1, c] + h[2] * vectors[2, c]
            squared += component * component
        strength = 0.0
        for r in range(line[at], line[at + 1]):
            if v.march == 1:
                strength += intensity[r]
            else:
                cosine = 0.0
                for c in range(3):
                    component = (
                        hkl[r, 0] * vectors[0, c] + hkl[r, 1] * vectors[1, c] + hkl[r, 2] * vectors[2, c]
                    )
                    cosine += component * of_axis[c]
                # of reflections that share a line by accident, a strain makes some longer than the first
                cosine = min(cosine * cosine * along / squared, 1.0)
                spread = v.march * v.march * cosine + (1 - cosine) / v.march
                strength += intensity[r] / (spread * np.sqrt(spread))
        if v.scatter > 0:
            strength *= np.exp(v.scatter * np.random.randn())  # noqa: NPY002
        for k in range(2 if v.kalpha2 > 0 else 1):
            sine = np.sqrt(squared) * wavelength / 2 * (KALPHA2_RATIO if k else 1.0)
            if sine >= 0.99:
                continue
            cosine = np.sqrt(1 - sine * sine)
            lp = (1 + (1 - 2 * sine * sine) ** 2) / (sine * sine * cosine)
            x = 2 * np.degrees(np.arcsin(sine)) + v.zero + v.displacement * cosine
            tangent = v.strain_width * sine / cosine
            half = np.sqrt(v.fwhm * v.fwhm + tangent * tangent) / 2
            height = weight * strength * lp / half * (v.kalpha2 if k else 1.0)
            _add_profile((x - start) / step - 0.5, half / step, height, v.lorentz, row)


@njit(inline="always")
def _add_profile(centre, half, height, lorentz, row):
    """Add a pseudo-Voigt profile to bins: centre and half width at half maximum in bins."""
    n = len(row)
    low, high = max(0, int(centre - _REACH_LORENTZ * half)), min(n - 1, int(centre + _REACH_LORENTZ * half))
    a, w = height * lorentz * 0.6366, 1 / (half * half)
    for j in range(low, high + 1):
        row[j] += a / (1 + (j - centre) * (j - centre) * w)
    low, high = max(0, int(centre - _REACH_GAUSS * half)), min(n - 1, int(centre + _REACH_GAUSS * half))
    if low > high:
        return
    # a Gaussian by recurrence: its ratio from bin to bin is itself multiplied by a constant
    w *= np.log(2)
    d = low - centre
    value = height * (1 - lorentz) * 0.9394 * np.exp(-w * d * d)
    ratio, step = np.exp(-w * (2 * d + 1)), np.exp(-2 * w)
    for j in range(low, high + 1):
        row[j] += value
        value *= ratio
        ratio *= step
