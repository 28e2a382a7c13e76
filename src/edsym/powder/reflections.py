"""Reflections of a crystal in a powder pattern: indices, intensities, and which of them share a line."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from edsym.powder.factors import factor_table
from edsym.powder.settings import PowderSettings
from edsym.structures.structure import Structure

# Reflections whose g² differ by less than this share are one line.
_SAME_LINE = 2e-6
# Lines weaker than this share of the strongest are left out.
_WEAKEST = 1e-4


@dataclass(frozen=True)
class Reflections:
    """Reflections of one crystal, one of each pair hkl and -h-k-l, by lines of ascending g.

    Attributes
    ----------
    reciprocal : (3, 3) float64
        Row vectors a*, b*, c* in 1/Å.
    hkl : (R, 3) int8
        Indices.
    intensity : (R,) float32
        2 |F|², such that the strongest line is 1 with its Lorentz and polarisation factor.
    line : (L + 1,) int64
        The first reflection of each line, and R.
    """

    reciprocal: np.ndarray
    hkl: np.ndarray
    intensity: np.ndarray
    line: np.ndarray

    @property
    def g(self) -> np.ndarray:
        """Lengths of the lines' reciprocal vectors (L,) in 1/Å."""
        return np.linalg.norm(self.hkl[self.line[:-1]] @ self.reciprocal, axis=1)

    def lines(self, wavelength: float) -> tuple[np.ndarray, np.ndarray]:
        """Return 2θ in degrees and intensities (strongest 1) of the lines at a wavelength in Å."""
        sine = self.g * wavelength / 2
        strength = np.add.reduceat(self.intensity, self.line[:-1]) * lorentz_polarisation(sine)
        return 2 * np.degrees(np.arcsin(sine)), strength / strength.max()


def lorentz_polarisation(sine: np.ndarray) -> np.ndarray:
    """Return (1 + cos² 2θ) / (sin² θ cos θ) of sin θ: for powders, without a monochromator."""
    return (1 + (1 - 2 * sine**2) ** 2) / (sine**2 * np.sqrt(1 - sine**2))


def reflections(structure: Structure, settings: PowderSettings) -> Reflections:
    """Return the reflections of a crystal up to the end of the axis.

    Parameters
    ----------
    structure : Structure
        A primitive cell.
    settings : PowderSettings
        Wavelength, end of the axis and B.

    Raises
    ------
    MaterialError
        If there are no scattering factors for an element.
    """
    lattice = np.ascontiguousarray(structure.lattice, np.float64)
    reciprocal = np.ascontiguousarray(np.linalg.inv(lattice).T)
    sine_max = np.sin(np.radians(settings.two_theta_max / 2))
    g_max = 2 * sine_max / settings.wavelength
    order = np.argsort(structure.numbers, kind="stable")
    elements, counts = np.unique(structure.numbers, return_counts=True)
    tables = np.stack([factor_table(int(z), g_max**2, settings.thermal_b) for z in elements])
    widths = np.floor(g_max * np.linalg.norm(lattice, axis=1) * (1 + 1e-9)).astype(np.int64)
    phases = [_phases(width, x) for width, x in zip(widths, structure.frac_coords[order].T, strict=True)]
    ends = np.concatenate([[0], np.cumsum(counts)])
    capacity = int(np.prod(2 * widths + 1)) // 2 + 1
    hkl, squared, intensity = (
        np.empty((capacity, 3), np.int8), np.empty(capacity), np.empty(capacity),
    )  # fmt: skip
    found = _fill(reciprocal, widths, *phases, ends, tables, g_max, hkl, squared, intensity)
    order = np.argsort(squared[:found], kind="stable")
    return _by_lines(reciprocal, hkl[order], squared[order], intensity[order], settings.wavelength)


def _by_lines(reciprocal, hkl, squared, intensity, wavelength) -> Reflections:
    """Join sorted reflections to lines, and leave out the weak ones."""
    first = np.diff(squared, prepend=-1) > _SAME_LINE * squared
    start = np.flatnonzero(first)
    factor = lorentz_polarisation(np.minimum(np.sqrt(squared[start]) * wavelength / 2, 1 - 1e-9))
    strength = np.add.reduceat(intensity, start) * factor
    kept = (strength > _WEAKEST * strength.max())[np.cumsum(first) - 1]
    line = np.append(np.flatnonzero(first[kept]), kept.sum())
    return Reflections(reciprocal, hkl[kept], (intensity[kept] / strength.max()).astype(np.float32), line)


def _phases(width: int, x: np.ndarray) -> np.ndarray:
    """Return exp(2πi h x) of h from -width to width as (2 width + 1, 2, atoms): real and imaginary parts."""
    angles = 2 * np.pi * np.outer(np.arange(-width, width + 1), x)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


@njit(cache=True, fastmath=True, error_model="numpy")
def _fill(reciprocal, widths, phase_h, phase_k, phase_l, ends, tables, g_max, hkl, squared, intensity):
    """Write the reflections of half of reciprocal space, and return how many there are."""
    atoms, limit, count = phase_h.shape[2], g_max * g_max, 0
    per_node = (tables.shape[1] - 2) / limit
    real, imaginary = np.empty(atoms), np.empty(atoms)
    for h in range(widths[0] + 1):
        for k in range(-widths[1] if h > 0 else 0, widths[1] + 1):
            a, b = phase_h[h + widths[0]], phase_k[k + widths[1]]
            x = h * reciprocal[0, 0] + k * reciprocal[1, 0]
            y = h * reciprocal[0, 1] + k * reciprocal[1, 1]
            z = h * reciprocal[0, 2] + k * reciprocal[1, 2]
            for j in range(atoms):
                real[j] = a[0, j] * b[0, j] - a[1, j] * b[1, j]
                imaginary[j] = a[0, j] * b[1, j] + a[1, j] * b[0, j]
            for m in range(-widths[2] if h > 0 or k > 0 else 1, widths[2] + 1):
                u, v, w = (
                    x + m * reciprocal[2, 0], y + m * reciprocal[2, 1], z + m * reciprocal[2, 2],
                )  # fmt: skip
                length = u * u + v * v + w * w
                if length > limit:
                    continue
                node = int(length * per_node)
                weight, c = length * per_node - node, phase_l[m + widths[2]]
                f_real, f_imaginary = 0.0, 0.0
                for e in range(len(ends) - 1):
                    s, t = 0.0, 0.0
                    for j in range(ends[e], ends[e + 1]):
                        s += real[j] * c[0, j] - imaginary[j] * c[1, j]
                        t += real[j] * c[1, j] + imaginary[j] * c[0, j]
                    factor = tables[e, node] * (1 - weight) + tables[e, node + 1] * weight
                    f_real += factor * s
                    f_imaginary += factor * t
                hkl[count, 0], hkl[count, 1], hkl[count, 2] = h, k, m
                squared[count] = length
                intensity[count] = 2 * (f_real * f_real + f_imaginary * f_imaginary)
                count += 1
    return count
