"""Spots out of simulated patterns: what a detector would find of the beams.

1. The direct beam is taken out by its index (000), and with it whatever lies closer to the centre than the
   resolution, since it is hidden under the direct beam.
2. Beams that coincide in projection are one spot: the brightest beam takes in all beams closer than the
   resolution, then the brightest of those left does, and so on. Intensities add up; the position is
   the centroid weighted by intensity. Unlike the connected components of close beams, this never joins two
   bright spots through a faint beam between them.
3. Only then comes the threshold, as a detector sees the sum, and the cut at the largest length of q.

Beams are taken by decreasing intensity, ties by qx, then qy, so that nothing depends on their order in the
file. Spots come out in the same order. Intensities are rounded to what a detector resolves, their square root
to 1e-4 (its standard deviation where 2.5e7 electrons are counted): equivalent beams are ties, whatever their
last digits are. Positions are rounded to 1e-9 1/Å.
"""

from pathlib import Path

import numpy as np
from numba import njit
from tqdm import tqdm

from edsym.simulation.run.store import open_patterns
from edsym.spots.merging import AMPLITUDE_STEP, amplitude_level, by_brightness, merge
from edsym.spots.settings import PeaksSettings
from edsym.spots.store import SpotLists, offsets, write_spots

# Beams read at once: some 100 MB with all that is made of them.
_BEAMS_AT_ONCE = 2_000_000
# Of a position, in 1/Å.
_PLACE_STEP = 1e-9


def find_spots(
    hkl: np.ndarray, q: np.ndarray, intensity: np.ndarray, settings: PeaksSettings
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the spots of one pattern.

    Parameters
    ----------
    hkl : (B, 3) array of int
        Miller indices of the beams.
    q : (B, 2) array
        Positions in the laboratory frame, in 1/Å.
    intensity : (B,) array
        Intensities; the incident beam is 1.
    settings : PeaksSettings
        What the detector resolves.

    Returns
    -------
    qx, qy, intensity : (S,) arrays of float32
        The spots, by decreasing intensity.
    """
    _, spots = find_spots_of_many(hkl, q, intensity, np.array([0, len(intensity)]), settings)
    return spots[:, 0], spots[:, 1], spots[:, 2]


def find_spots_of_many(
    hkl: np.ndarray, q: np.ndarray, intensity: np.ndarray, offset: np.ndarray, settings: PeaksSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Return the spots of many patterns.

    Parameters
    ----------
    hkl, q, intensity : (B, 3), (B, 2), (B,) arrays
        The beams, as in `find_spots`.
    offset : (P + 1,) array of int
        Pattern p owns the beams ``offset[p]`` to ``offset[p + 1]``.
    settings : PeaksSettings
        What the detector resolves.

    Returns
    -------
    counts : (P,) array of int64
        Number of spots of each pattern.
    spots : (S, 3) array of float32
        qx, qy, intensity of all of them.
    """
    return _spots_of_many(
        np.ascontiguousarray(hkl, dtype=np.int64),
        np.ascontiguousarray(q, dtype=np.float64),
        np.ascontiguousarray(intensity, dtype=np.float64),
        np.asarray(offset, dtype=np.int64),
        float(settings.q_max),
        float(settings.min_intensity),
        float(settings.resolution),
    )


def extract_shard(patterns_path: str | Path, spots_path: str | Path, settings: PeaksSettings) -> None:
    """Turn a file of patterns into a file of spot lists.

    Patterns with too few spots are dropped and listed; failed materials are handed on.

    Parameters
    ----------
    patterns_path : str or Path
        Patterns as the simulation writes them.
    spots_path : str or Path
        The file to write, see `edsym.spots.store`.
    settings : PeaksSettings
        What the detector resolves.

    Raises
    ------
    InputError
        If the patterns are unreadable or not what they should be.
    """
    with open_patterns(patterns_path) as store:
        made_with = {"simulation": store.settings, "peaks": settings.model_dump()}
        chunks = _chunks(store.offset)
        progress = tqdm(chunks, desc=f"peaks {Path(patterns_path).stem}", unit="chunk", leave=False)
        found = [
            find_spots_of_many(
                *store.beams(i), store.offset[i.start : i.stop + 1] - store.offset[i.start], settings
            )
            for i in progress
        ]
    nothing = np.empty(0, np.int64), np.empty((0, 3), np.float32)
    counts, spots = (np.concatenate(parts) for parts in zip(nothing, *found, strict=True))
    kept = counts >= settings.min_spots
    spots = spots[np.repeat(kept, counts)]
    lists = SpotLists(
        store.material_id, store.material[kept], store.view[kept], offsets(counts[kept]), *spots.T
    )
    dropped = np.stack([store.material, store.view, counts], axis=1)[~kept]
    write_spots(spots_path, lists, store.zone_axis[kept], made_with, dropped, store.failed)


def _chunks(offset: np.ndarray) -> list[slice]:
    """Cut patterns into slices of a bounded number of beams, at least one pattern each."""
    chunks, start = [], 0
    while start < len(offset) - 1:
        stop = int(np.searchsorted(offset, offset[start] + _BEAMS_AT_ONCE, side="right")) - 1
        chunks.append(slice(start, max(stop, start + 1)))
        start = chunks[-1].stop
    return chunks


@njit(cache=True)
def _spots_of_many(hkl, q, intensity, offset, q_max, min_intensity, resolution):
    spots = np.empty((len(intensity), 3), dtype=np.float32)
    counts = np.zeros(len(offset) - 1, dtype=np.int64)
    total = 0
    for p in range(len(counts)):
        begin, end = offset[p], offset[p + 1]
        beams = _visible_beams(hkl[begin:end], q[begin:end], intensity[begin:end], resolution)
        merged, _ = merge(beams, resolution)
        for i in range(len(merged)):
            for j in range(2):
                merged[i, j] = np.rint(merged[i, j] / _PLACE_STEP) * _PLACE_STEP + 0.0  # -0 has another angle
        for i in by_brightness(merged):
            x, y, brightness = merged[i]
            if brightness >= min_intensity and x**2 + y**2 <= q_max**2:
                spots[total, 0], spots[total, 1] = x, y
                spots[total, 2] = (AMPLITUDE_STEP * amplitude_level(brightness)) ** 2
                total += 1
                counts[p] += 1
    return counts, spots[:total].copy()


@njit(cache=True)
def _visible_beams(hkl, q, intensity, resolution):
    """Return qx, qy, intensity, by brightness, of all beams that the direct beam does not hide."""
    beams = np.empty((len(intensity), 3))
    n = 0
    for i in range(len(intensity)):
        direct = hkl[i, 0] == 0 and hkl[i, 1] == 0 and hkl[i, 2] == 0
        hidden = q[i, 0] ** 2 + q[i, 1] ** 2 < resolution**2
        if intensity[i] > 0 and not direct and not hidden:
            beams[n, 0], beams[n, 1], beams[n, 2] = q[i, 0], q[i, 1], intensity[i]
            n += 1
    beams = beams[:n]
    return beams[by_brightness(beams)]
