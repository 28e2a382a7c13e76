"""The lattice from one still pattern: exact spots give it back, and bad input is named."""

import numpy as np
import pytest

from edsym.errors import InputError
from edsym.lattice.points import reduced
from edsym.lattice.single import single_view
from edsym.seeds import generator
from edsym.simulation.electrons import wavelength

WAVELENGTH = wavelength(300)


def drawn_pattern(direct, seed):
    """Return a turned reciprocal basis and spots of it: kinematical, with a rocking curve."""
    rng = generator(seed, "lattice")
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    basis = np.linalg.inv(direct).T @ turn
    hkl = np.stack(np.meshgrid(*[np.arange(-25, 26)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    g = hkl @ basis
    plane = np.hypot(g[:, 0], g[:, 1])
    s = -g[:, 2] - WAVELENGTH / 2 * (g**2).sum(axis=1)
    intensity = 0.1 * np.exp(-2.4 * plane) * rng.exponential(size=len(g)) / (1 + (s / 0.0013) ** 2)
    seen = (intensity > 1e-4) & (plane < 2) & (plane > 0.02) & (np.abs(s) < 0.06)
    return basis, g[seen, 0], g[seen, 1], intensity[seen]


def metric(basis):
    """Return the lengths of the shortest vectors of a lattice."""
    steps = np.stack(np.meshgrid(*[np.arange(-2, 3)] * 3), axis=-1).reshape(-1, 3)
    return np.sort(np.linalg.norm(steps @ reduced(basis), axis=1))[1:28:2]


CELLS = {
    "cubic": np.diag([6.0, 6, 6]),
    "orthorhombic": np.diag([5.0, 7, 9.5]),
    "triclinic": np.array([[6.0, 0, 0], [1.5, 7, 0], [-1, 2, 8.5]]),
}


@pytest.mark.parametrize("name", CELLS)
def test_a_drawn_pattern_gives_its_lattice_back(name):
    basis, x, y, intensity = drawn_pattern(CELLS[name], 1)
    first = single_view(x, y, intensity, WAVELENGTH)[0]
    assert np.allclose(metric(first.basis), metric(basis), rtol=0.03)
    assert first.indexed.all()
    assert first.residual.max() < 1e-4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"qx": np.full(9, np.nan)}, "not three finite numbers"),
        ({"intensity": np.zeros(9)}, "expected more than 0"),
        ({"qy": np.ones(8)}, "shapes"),
        ({"wavelength": 2.0}, "wavelength: 2 Å is not allowed"),
    ],
)
def test_what_is_no_pattern_is_named(change, message):
    values = {name: np.ones(9) for name in ("qx", "qy", "intensity")} | {"wavelength": WAVELENGTH} | change
    with pytest.raises(InputError, match=message):
        single_view(**values)
