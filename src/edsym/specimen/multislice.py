"""Convergent-beam patterns of a specimen by abTEM's multislice, a small window around each probe."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import abtem
import numpy as np
from abtem.core.axes import OrdinalAxis
from abtem.potentials.iam import Potential, PotentialArray
from abtem.waves import Waves
from ase import Atoms
from scipy.fft import next_fast_len

from edsym.simulation.electrons import wavelength

# abTEM cuts beams beyond this part of what its grid holds, against aliasing.
_CUTOFF = 2 / 3
# Plans are made without measuring times: the same numbers whatever else runs.
_ABTEM = {"fftw.planning_effort": "FFTW_ESTIMATE", "precision": "float32"}


@dataclass(frozen=True)
class Optics:
    """A probe, and the grid of the window that it is propagated in.

    Attributes
    ----------
    energy_kev, semiangle_mrad : float
        Energy of the electrons and convergence semi-angle.
    pixel : float
        A pixel of the pattern in 1/Å: the window has the width 1 / pixel.
    frame : int
        Height and width of the pattern in pixels.
    """

    energy_kev: float
    semiangle_mrad: float
    pixel: float
    frame: int

    @property
    def gpts(self) -> int:
        """Points along each side of the window, an even number."""
        n = int(np.ceil(self.frame / _CUTOFF))
        return next_fast_len(n + n % 2) + next_fast_len(n + n % 2) % 2

    @property
    def sampling(self) -> float:
        """From one of these to the next, in Å."""
        return 1 / (self.pixel * self.gpts)

    def probe(self, place: np.ndarray, shift: np.ndarray) -> np.ndarray:
        """Return a probe's wave (gpts, gpts), x first, of the intensity 1 in all.

        Parameters
        ----------
        place : (2,) array
            x and y of its middle in Å, within the window.
        shift : (2,) array
            x and y of the direct beam on the detector, in pixels from a pixel's middle: the beam is tilted by
            less than half a pixel.
        """
        k = np.fft.fftfreq(self.gpts, self.sampling)
        x, y = k[:, None], k[None, :]
        radius = self.semiangle_mrad * 1e-3 / wavelength(self.energy_kev)
        inside = (radius - np.hypot(x - shift[0] * self.pixel, y - shift[1] * self.pixel)) / self.pixel + 0.5
        aperture = np.sqrt(np.clip(inside, 0, 1)) * np.exp(-2j * np.pi * (x * place[0] + y * place[1]))
        wave = np.fft.ifft2(aperture)
        return (wave / np.linalg.norm(wave)).astype(np.complex64)


def slices(
    numbers: np.ndarray, xyz: np.ndarray, gpts: tuple[int, int], sampling: float, thicknesses: Sequence[float]
) -> np.ndarray:
    """Return abTEM's projected potential of atoms (slices, *gpts): independent atoms, by Lobato's factors."""
    cell = [gpts[0] * sampling, gpts[1] * sampling, float(np.sum(thicknesses))]
    atoms = Atoms(numbers=numbers, positions=xyz, cell=cell, pbc=True)
    with abtem.config.set(_ABTEM):
        return Potential(atoms, gpts=gpts, slice_thickness=tuple(thicknesses)).build(lazy=False).array


def patterns(
    potential: np.ndarray, thicknesses: Sequence[float], optics: Optics, probes: np.ndarray
) -> np.ndarray:
    """Return the patterns of probes that go through a window.

    Parameters
    ----------
    potential : (slices, gpts, gpts) array
        Projected potential of the window, x first.
    thicknesses : sequence of float
        Of the slices in Å.
    optics : Optics
        The probe and the grid.
    probes : (n, gpts, gpts) array of complex
        Waves that enter.

    Returns
    -------
    (n, gpts, gpts) array of float32
        Shares of the incident beam by ky and kx, zero in the middle, at gpts // 2.
    """
    width = 1 / optics.pixel
    with abtem.config.set(_ABTEM):
        window = PotentialArray(np.ascontiguousarray(potential), tuple(thicknesses), extent=(width, width))
        axes = [OrdinalAxis(values=tuple(range(len(probes))))]
        waves = Waves(probes, optics.energy_kev * 1e3, (width, width), ensemble_axes_metadata=axes)
        leaving = waves.multislice(window).array
    intensity = np.abs(np.fft.fft2(leaving)) ** 2 / optics.gpts**2
    return np.fft.fftshift(intensity, axes=(1, 2)).transpose(0, 2, 1).astype(np.float32)


def windows(positions: np.ndarray, optics: Optics, side: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield positions that share a window, side by side in the scan, and the window's first points.

    Parameters
    ----------
    positions : (rows, columns, 2) array
        x and y in Å.
    optics : Optics
        The grid.
    side : int
        So many rows and columns share one.

    Yields
    ------
    chosen : (n,) array of int
        Numbers of positions.
    start : (2,) array of int
        Points of the window's corner along x and y; it may be negative, as the specimen is periodic.
    """
    number = np.arange(positions.shape[0] * positions.shape[1]).reshape(positions.shape[:2])
    for row in range(0, positions.shape[0], side):
        for column in range(0, positions.shape[1], side):
            chosen = number[row : row + side, column : column + side].ravel()
            middle = positions.reshape(-1, 2)[chosen].mean(axis=0)
            yield chosen, np.rint(middle / optics.sampling).astype(int) - optics.gpts // 2
