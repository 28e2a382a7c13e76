"""The likelihood of a pattern's spots, given a lattice in an orientation.

A lattice point g is seen near its projection, the less likely the larger its excitation error

    s = -g_z - λ g² / 2,

its distance from the Ewald sphere along the beam, which travels along +z. Its weight is (1 + (s / s0)²)^-2
with one width s0 for the brighter spots of a pattern and another for the fainter ones. Each spot is a draw
among *all* lattice points of its ring of |q|, so that a lattice with too many points explains less. The rings
make the answer independent of how intensities fall with |q|. A share of the spots may be of no lattice point:
these lie anywhere in their ring.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from edsym.lattice.linear import dual

BACKGROUND = 0.05
"""Share of the spots that may be of no lattice point."""
LARGEST_S = 0.15
"""Excitation error in 1/Å beyond which no lattice point is seen."""
WIDTHS = np.geomspace(0.002, 0.08, 20)
"""Widths s0 in 1/Å that are tried."""

_BRIGHT_SHARE = 0.4
_SPOTS_PER_RING = 8
_MOST_RINGS = 6


@dataclass(frozen=True)
class View:
    """The spots of one pattern, in the form that the likelihood takes.

    Attributes
    ----------
    q : (n, 2) array
        Positions in 1/Å, from the brightest spot on.
    faint : (n,) array of int
        0 for the brightest two fifths of the spots, 1 for the others.
    edges : (R + 1,) array
        Radii in 1/Å that bound the rings.
    ring : (n,) array of int
        The ring of each spot.
    wavelength : float
        In Å.
    order : (n,) array of int
        Places of the spots in the arrays that the view was made of.
    """

    q: np.ndarray
    faint: np.ndarray
    edges: np.ndarray
    ring: np.ndarray
    wavelength: float
    order: np.ndarray

    @classmethod
    def of(cls, qx: np.ndarray, qy: np.ndarray, intensity: np.ndarray, wavelength: float) -> "View":
        """Return the view of (n,) arrays of positions in 1/Å and of intensities."""
        order = np.argsort(-np.asarray(intensity, np.float64), kind="stable")
        q = np.stack([qx, qy], axis=1).astype(np.float64)[order]
        radius = np.hypot(*q.T)
        rings = int(np.clip(len(q) // _SPOTS_PER_RING, 1, _MOST_RINGS))
        edges = np.quantile(radius, np.arange(rings + 1) / rings)
        edges[0], edges[-1] = 0.0, edges[-1] * 1.01
        ring = np.clip(np.searchsorted(edges, radius, side="right") - 1, 0, rings - 1)
        faint = (np.arange(len(q)) >= _BRIGHT_SHARE * len(q)).astype(np.int64)
        return cls(q, faint, edges, ring, wavelength, order)

    def area(self) -> np.ndarray:
        """Return the area in 1/Å² of the ring of each spot."""
        return (np.pi * np.diff(self.edges**2))[self.ring]


def lattice_points(basis: np.ndarray, radius: float) -> np.ndarray:
    """Return the (N, 3) indices of all reciprocal lattice points but 000 no longer than `radius`."""
    reach = np.floor(radius * np.linalg.norm(np.linalg.inv(basis), axis=0)).astype(np.int64)
    return _points(np.ascontiguousarray(basis), radius, reach)


@njit(cache=True, nogil=True)
def _points(basis, radius, reach):
    h_max, k_max, l_max = reach
    found = np.empty(((2 * h_max + 1) * (2 * k_max + 1) * (2 * l_max + 1), 3))
    n = 0
    for h in range(-h_max, h_max + 1):
        for k in range(-k_max, k_max + 1):
            for m in range(-l_max, l_max + 1):
                length = 0.0
                for i in range(3):
                    length += (h * basis[0, i] + k * basis[1, i] + m * basis[2, i]) ** 2
                if 0 < length <= radius * radius:
                    found[n, 0], found[n, 1], found[n, 2] = h, k, m
                    n += 1
    return found[:n]


def on_sphere(q: np.ndarray, wavelength: float) -> np.ndarray:
    """Return the (n, 3) reciprocal vectors on the Ewald sphere that are seen at q (n, 2)."""
    height = (np.sqrt(1 - wavelength**2 * (q**2).sum(axis=1)) - 1) / wavelength
    return np.column_stack([q, height])


def near_sphere(
    view: View, basis: np.ndarray, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the lattice points of a view's rings that may be seen.

    Parameters
    ----------
    view : View
        The pattern.
    basis : (3, 3) array
        The reciprocal lattice in the beam's frame.
    points : (N, 3) array
        Their indices.

    Returns
    -------
    points : (M, 3) array
        Indices.
    s : (M,) array
        Excitation errors in 1/Å.
    ring : (M,) array of int
        Rings of the view.
    """
    return points_near(np.ascontiguousarray(points), np.ascontiguousarray(basis), view.wavelength, view.edges)


@njit(cache=True, nogil=True)
def points_near(points, basis, wavelength, edges):
    """Return what `near_sphere` does, of a view with these edges."""
    found, s = np.empty_like(points), np.empty(len(points))
    ring = np.empty(len(points), np.int64)
    last, n = edges[-1] ** 2, 0
    for i in range(len(points)):
        h, k, m = points[i]
        z = h * basis[0, 2] + k * basis[1, 2] + m * basis[2, 2]
        if abs(z) > 2 * LARGEST_S + 0.5 * wavelength * last:
            continue
        x = h * basis[0, 0] + k * basis[1, 0] + m * basis[2, 0]
        y = h * basis[0, 1] + k * basis[1, 1] + m * basis[2, 1]
        plane = x * x + y * y
        error = -z - 0.5 * wavelength * (plane + z * z)
        if plane >= last or abs(error) >= LARGEST_S:
            continue
        s[n], ring[n] = error, 0
        while edges[ring[n] + 1] ** 2 <= plane:
            ring[n] += 1
        found[n, 0], found[n, 1], found[n, 2] = h, k, m
        n += 1
    return found[:n], s[:n], ring[:n]


@njit(cache=True, nogil=True)
def ring_weights(s, ring, n_rings, widths):
    """Return the (K, R) sums of the weights of lattice points, for K widths and R rings."""
    total = np.full((len(widths), n_rings), 1e-12)
    for i in range(len(s)):
        for k in range(len(widths)):
            off = 1 + (s[i] / widths[k]) ** 2
            total[k, ring[i]] += 1 / (off * off)
    return total


@njit(cache=True, nogil=True)
def match(q, basis, wavelength, reach, step, tolerance, sigma, widths, faint):
    """Find the lattice points that explain spots.

    Parameters
    ----------
    q : (n, 2) array
        Positions in 1/Å, without the detector's distortions.
    basis : (3, 3) array
        The reciprocal lattice in the beam's frame.
    wavelength : float
        In Å.
    reach, step : float
        Excitation errors are looked at up to `reach`, in steps of `step` (1/Å), small against the lattice.
    tolerance : (n,) array
        Largest distance of a spot from a projected lattice point in 1/Å.
    sigma : float
        Standard deviation of a spot's coordinate in 1/Å.
    widths : (2,) array
        Widths of the excitation error of brighter and fainter spots.
    faint : (n,) array of int
        Which of the widths holds for a spot.

    Returns
    -------
    hkl : (n, 3) array
        Indices of the likeliest lattice point of each spot; 000 where there is none.
    density : (n,) array
        Sum over the lattice points near each spot: their weights times the density of the position.
    """
    n = len(q)
    hkl, density = np.zeros((n, 3)), np.zeros(n)
    direct = dual(basis)
    steps = int(reach / step) + 1
    last = np.empty(3)
    for i in range(n):
        z0 = -0.5 * wavelength * (q[i, 0] ** 2 + q[i, 1] ** 2)
        best = 0.0
        last[:] = 0.0
        for t in range(-steps, steps + 1):
            z = z0 + t * step
            new = False
            for k in range(3):
                index = np.rint(q[i, 0] * direct[k, 0] + q[i, 1] * direct[k, 1] + z * direct[k, 2])
                new |= index != last[k]
                last[k] = index
            if not new or (last[0] == 0 and last[1] == 0 and last[2] == 0):
                continue
            gx = last[0] * basis[0, 0] + last[1] * basis[1, 0] + last[2] * basis[2, 0]
            gy = last[0] * basis[0, 1] + last[1] * basis[1, 1] + last[2] * basis[2, 1]
            gz = last[0] * basis[0, 2] + last[1] * basis[1, 2] + last[2] * basis[2, 2]
            r2 = (gx - q[i, 0]) ** 2 + (gy - q[i, 1]) ** 2
            if r2 > tolerance[i] ** 2:
                continue
            s = (gz + 0.5 * wavelength * (gx * gx + gy * gy + gz * gz)) / widths[faint[i]]
            value = (1 + s * s) ** -2 * np.exp(-0.5 * r2 / (sigma * sigma)) / (2 * np.pi * sigma * sigma)
            density[i] += value
            if value > best:
                best = value
                for k in range(3):
                    hkl[i, k] = last[k]
    return hkl, density
