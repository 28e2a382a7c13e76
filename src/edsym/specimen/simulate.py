"""Simulate the scan and write it with its truth, as an EMD file that `edsym.read_scan` opens."""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from edsym.hdf5 import create_dataset, create_store
from edsym.seeds import generator
from edsym.specimen.columns import grain_thickness, known_truth
from edsym.specimen.matter import Specimen
from edsym.specimen.multislice import Optics, patterns, windows
from edsym.specimen.particles import Particle, particles
from edsym.specimen.settings import ExperimentSettings
from edsym.specimen.truth import Truth, write_truth

_FORMAT, _VERSION = "edsym-specimen", 1
_SIDE = 2  # positions along a side of those that share a window
_NEAR = 8.0  # Å: beyond, a probe sees nothing of a particle
_DESCAN = 3.0  # pixels that the direct beam moves from one side of the scan to the other
_CHUNK = 8  # patterns that are compressed together


def simulate_scan(settings: ExperimentSettings, path: str | Path, progress: bool = True) -> Truth:
    """Simulate a scan of particles on a carbon film, and write it.

    The specimen is known atom by atom. The beam meets the particles first, then the film. Patterns are means
    over frozen phonons (Loane, Xu and Silcox, Acta Cryst. A 47 (1991) 267), with counting noise. Where the
    probe sees no particle, it goes through the film alone; at an edge of one, through the first phonon alone.

    Parameters
    ----------
    settings : ExperimentSettings
        Specimen, probe, detector and dose.
    path : str or Path
        The file to write: Berkeley's EMD, with the group ``truth`` beside the patterns.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Truth
        What is true at each position.
    """
    shares, truth = mean_patterns(settings, progress=progress)
    _write(path, settings, _counts(shares, settings), truth)
    return truth


def mean_patterns(
    settings: ExperimentSettings, wanted: np.ndarray | None = None, progress: bool = True
) -> tuple[np.ndarray, Truth]:
    """Return the patterns of the scan without counting noise, and what is true of them.

    Parameters
    ----------
    settings : ExperimentSettings
        Specimen, probe and detector.
    wanted : (rows, columns) array of bool, optional
        At which positions; all without it.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    shares : (rows, columns, height, width) array of float32
        Shares of the incident beam; 0 where a position is not wanted.
    truth : Truth
        Of all positions.
    """
    optics = Optics(settings.energy_kev, settings.semiangle_mrad, settings.pixel, settings.frame)
    positions, plan, truth = planned(settings)
    flat = positions.reshape(-1, 2)
    wanted = np.ones(len(flat), bool) if wanted is None else wanted.ravel()
    near = sum(grain_thickness(particle, flat, _NEAR).sum(axis=0) for particle in plan) > 0
    specimen = Specimen(settings, optics, plan, settings.positions * settings.step_angstrom)
    total = np.zeros((len(flat), settings.frame, settings.frame), np.float32)
    inside = truth.particle.ravel() >= 0
    n = int(wanted.sum()) + int((inside & wanted).sum()) * (settings.phonons - 1)
    with tqdm(total=n, desc="multislice", unit="pattern", disable=not progress) as bar:
        _add(total, specimen, optics, positions, truth, wanted & ~near, True, bar)
        for phonon in range(settings.phonons):
            specimen.shake(phonon)
            seen = wanted & (inside if phonon else near)
            _add(total, specimen, optics, positions, truth, seen, False, bar)
    total[inside] /= settings.phonons
    return total.reshape(*positions.shape[:2], *total.shape[1:]), truth


def planned(settings: ExperimentSettings) -> tuple[np.ndarray, list[Particle], Truth]:
    """Return positions (rows, columns, 2), x and y in Å, the particles, and what is true of all."""
    step = (np.arange(settings.positions) + 0.5) * settings.step_angstrom
    positions = np.stack(np.meshgrid(step, step), axis=-1)  # rows are y, columns x
    plan = particles(settings.positions * settings.step_angstrom, settings.seed)
    return positions, plan, known_truth(plan, positions, _centres(settings))


def _add(
    total: np.ndarray,
    specimen: Specimen,
    optics: Optics,
    positions: np.ndarray,
    truth: Truth,
    wanted: np.ndarray,
    film_only: bool,
    bar: tqdm,
) -> None:
    """Add the patterns of the wanted positions to those that there are."""
    flat, centres = positions.reshape(-1, 2), truth.centre.reshape(-1, 2)
    for window, start in windows(positions, optics, _SIDE):
        chosen = window[wanted[window]]
        if not len(chosen):
            continue
        place, whole = flat[chosen] - start * optics.sampling, np.rint(centres[chosen]).astype(int)
        shift = (centres[chosen] - whole)[:, ::-1]
        probes = np.stack([optics.probe(*each) for each in zip(place, shift, strict=True)])
        potential, thicknesses = specimen.window(start, optics.gpts, film_only)
        found = patterns(potential, thicknesses, optics, probes)
        for p, pattern, (row, column) in zip(chosen, found, optics.gpts // 2 - whole, strict=True):
            total[p] += pattern[row : row + optics.frame, column : column + optics.frame]
        bar.update(len(chosen))


def _centres(settings: ExperimentSettings) -> np.ndarray:
    """Return where the direct beam is (rows, columns, 2): a plane over the scan, as descan leaves it."""
    rng = generator(settings.seed, "descan")
    middle = settings.frame / 2 + rng.uniform(-1, 1, 2)
    angle = rng.uniform(0, 2 * np.pi)
    across = _DESCAN * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / 2
    place = np.linspace(-1, 1, settings.positions)
    return middle + np.stack(np.meshgrid(place, place, indexing="ij"), axis=-1) @ across.T


def _counts(shares: np.ndarray, settings: ExperimentSettings) -> np.ndarray:
    """Return how many electrons each pixel counts, drawn for each position by itself."""
    counts = np.empty(shares.shape, np.uint32)
    for p, place in enumerate(np.ndindex(shares.shape[:2])):
        rng = generator(settings.seed, "counts", p)
        counts[place] = rng.poisson(settings.electrons * shares[place].astype(float))
    return counts.astype(np.uint16) if counts.max() < 2**16 else counts


def _write(path: str | Path, settings: ExperimentSettings, counts: np.ndarray, truth: Truth) -> None:
    _, columns, height, width = counts.shape
    steps = (settings.step_angstrom, settings.step_angstrom, settings.pixel, settings.pixel)
    with create_store(path, _FORMAT, _VERSION) as file:
        group = file.create_group("scan")
        group.attrs["emd_group_type"] = 1
        create_dataset(group, "data", counts, chunks=(1, min(columns, _CHUNK), height, width))
        for k, (step, name, unit) in enumerate(zip(steps, "yxyx", ("Å", "Å", "1/Å", "1/Å"), strict=True)):
            axis = create_dataset(group, f"dim{k + 1}", np.arange(counts.shape[k]) * step)
            axis.attrs["name"] = np.bytes_(name)
            axis.attrs["units"] = np.bytes_(unit.encode())
        write_truth(file, truth)
