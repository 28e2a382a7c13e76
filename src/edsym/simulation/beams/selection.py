"""Which beams a pattern is computed with, and how far each is from its Bragg condition."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from edsym.simulation.beams.candidates import Candidates


@dataclass(frozen=True)
class BeamLists:
    """The beams of several patterns, one after the other.

    Attributes
    ----------
    offset : (p + 1,) int64
        Pattern i has the beams ``offset[i]`` to ``offset[i + 1]``.
    candidate : (n,) int32
        Positions among the candidates, ascending in each pattern.
    excitation_error : (n,) float64
        In 1/Å, positive inside the Ewald sphere.
    incident : (p,) int64
        Position of the incident beam among the beams of each pattern.
    """

    offset: np.ndarray
    candidate: np.ndarray
    excitation_error: np.ndarray
    incident: np.ndarray

    def largest(self) -> int:
        """Return the number of beams of the pattern that has most."""
        return int(np.diff(self.offset).max(initial=0))


def select_beams(
    candidates: Candidates, directions: np.ndarray, wavelength: float, max_error: float | np.ndarray
) -> BeamLists:
    """Return the beams whose excitation error is at most `max_error`; the incident beam is one of them.

    The excitation error is that of abTEM: s_g = (K² - |K + g|²) / 2K = -g·k - λ g² / 2.

    Parameters
    ----------
    candidates : Candidates
        What to choose from.
    directions : (p, 3) array
        Unit vectors k along which the electrons travel, in the crystal frame.
    wavelength : float
        λ in Å.
    max_error : float or (n,) array
        In 1/Å; one for all candidates or one for each.
    """
    limits = np.broadcast_to(np.asarray(max_error, dtype=np.float64), candidates.squared.shape).copy()
    directions = np.ascontiguousarray(directions, dtype=np.float64)
    offset = np.zeros(len(directions) + 1, dtype=np.int64)
    room = int(len(directions) * (1.1 * expected_number(candidates, limits) + 50))
    while True:
        chosen, errors = np.empty(room + 1, dtype=np.int32), np.empty(room + 1, dtype=np.float64)
        found = _scan(
            candidates.vectors,
            candidates.squared,
            candidates.rows,
            candidates.step,
            directions,
            0.5 * wavelength,
            limits,
            offset,
            chosen,
            errors,
        )
        if found <= room:
            break
        room = found
    chosen, errors = chosen[:found], errors[:found]
    incident = np.flatnonzero(chosen == candidates.incident) - offset[:-1]
    return BeamLists(offset, chosen, errors, incident)


def expected_number(candidates: Candidates, max_error: float | np.ndarray) -> float:
    """Return the number of beams to expect: |s| ≈ g |cos| of the angle to the beam, all cosines alike."""
    return float(np.sum(np.minimum(1, max_error / np.sqrt(np.maximum(candidates.squared, 1e-12)))))


@njit(error_model="numpy", cache=True)
def _scan(vectors, squared, rows, step, directions, half_wavelength, limits, offset, chosen, errors):
    """Return the number of beams; those that find no place overwrite the last element."""
    x, y, z = vectors[0], vectors[1], vectors[2]
    last, n = chosen.size - 1, 0
    widest = limits.max()
    # g·k of a beam: s = -g·k - λ g² / 2, and g² is not negative.
    low, high = -widest - half_wavelength * squared.max(), widest
    for p in range(directions.shape[0]):
        kx, ky, kz = directions[p]
        slope = step[0] * kx + step[1] * ky + step[2] * kz
        for r in range(rows.size - 1):
            start, stop = rows[r], rows[r + 1]
            first = x[start] * kx + y[start] * ky + z[start] * kz
            start, stop = _part_of_row(start, stop, first, slope, low, high)
            for i in range(start, stop):
                error = -(x[i] * kx + y[i] * ky + z[i] * kz) - half_wavelength * squared[i]
                if abs(error) <= limits[i]:
                    at = min(n, last)
                    chosen[at], errors[at] = i, error
                    n += 1
        offset[p + 1] = n
    return n


@njit(inline="always", error_model="numpy")
def _part_of_row(start, stop, first, slope, low, high):
    """Return a row's part where first + slope (i - start) is between low and high, or a little more."""
    if abs(slope) < 1e-6:
        return start, stop
    a, b = (low - first) / slope, (high - first) / slope
    begin = start + max(0, int(min(a, b)) - 1)
    end = start + max(0, int(max(a, b)) + 2)
    return begin, min(stop, end)
