"""Patterns of one structure, and the spots that a detector would show of them."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edsym.detector.detect import as_detector
from edsym.errors import InputError, InputWarning
from edsym.interface.spots import Spots
from edsym.simulation import orientations as directions
from edsym.simulation.engines.choice import make_engine
from edsym.simulation.engines.interface import Pattern
from edsym.simulation.run.results import SimulatedMaterial
from edsym.simulation.run.store import write_patterns
from edsym.simulation.settings import SimulationSettings
from edsym.spots import peaks
from edsym.spots.settings import PeaksSettings
from edsym.spots.store import offsets
from edsym.structures.structure import Structure
from edsym.structures.symbols import conventional_indices


class Patterns(list):
    """Patterns of one structure: a list of `Pattern`, with what they were made from.

    Attributes
    ----------
    structure : Structure
        The structure.
    settings : SimulationSettings
        What it was simulated with.
    detector : str
        How good the detector is that `edsym.find_spots` sees them with.
    """

    def __init__(
        self,
        patterns: Iterable[Pattern],
        structure: Structure,
        settings: SimulationSettings,
        detector: str = "ideal",
    ):
        super().__init__(patterns)
        self.structure, self.settings, self.detector = structure, settings, detector

    def __getitem__(self, which):
        part = super().__getitem__(which)
        if not isinstance(which, slice):
            return part
        return Patterns(part, self.structure, self.settings, self.detector)

    def write(self, path: str | Path, name: str = "crystal") -> None:
        """Write the patterns as HDF5, as the workflow stores them: see `edsym.simulation.run.store`."""
        write_patterns(path, self.settings, [SimulatedMaterial.from_patterns(name, self)])


def simulate(
    structure: Structure,
    n: int = 10,
    orientations: str = "random",
    seed: int = 0,
    detector: str = "ideal",
    thickness: Sequence[float] | None = None,
    **settings,
) -> Patterns | list[Patterns]:
    """Simulate diffraction patterns of a structure with Bloch waves.

    Parameters
    ----------
    structure : Structure
        As `edsym.Structure.from_cif` returns it.
    n : int
        Number of patterns.
    orientations : {"random", "hemisphere", "grid", "plan"}
        Drawn uniformly, in the plane as well; or one of the grids of
        `edsym.simulation.orientations.orientations`, of which `grid` and `plan` depend on the symmetry.
    seed : int
        Seed of the random ones, and of what the detector draws.
    detector : {"ideal", "good", "typical", "poor"}
        How good the detector is that `edsym.find_spots` will see the patterns with, see `edsym.Spots.detect`.
    thickness : sequence of float, optional
        Thicknesses of the crystal in Å, at each of which all patterns are wanted. All come out of one
        propagation to the largest, with the engine `krylov`.
    **settings
        Others of `edsym.simulation.settings.SimulationSettings`, such as ``thickness_angstrom=500``.

    Returns
    -------
    Patterns or list of Patterns
        Each pattern has ``hkl``, ``q`` [1/Å], ``intensity`` (the incident beam is 1), ``orientation`` and
        ``thickness`` [Å]. With several thicknesses, the patterns of each, in their order.

    Raises
    ------
    InputError
        If an argument is not what it should be.
    MaterialError
        If the structure cannot be simulated.

    Examples
    --------
    >>> salt = edsym.Structure.from_cif("NaCl.cif")
    >>> patterns = edsym.simulate(salt, n=2, thickness_angstrom=300)
    >>> len(patterns), round(float(patterns[0].intensity.sum()), 1)
    (2, 0.8)
    >>> thin, thick = edsym.simulate(salt, n=2, thickness=[50, 600])
    >>> thin[0].thickness, thick[0].thickness
    (50.0, 600.0)
    """
    if not isinstance(structure, Structure):
        raise InputError(
            f"structure is of the type {type(structure).__name__}, expected an edsym.Structure; "
            "its from_cif and from_pymatgen make one"
        )
    as_detector(detector)
    settings.setdefault("in_plane", "random" if orientations == "random" else "fixed")
    if thickness is not None:
        settings["thickness_angstrom"] = _checked_thicknesses(thickness, settings)
    try:
        chosen = SimulationSettings(zone_axes=n, orientations=orientations, seed=seed, **settings)
    except InputError as error:  # by the names of the arguments
        raise InputError(str(error).replace("simulation.zone_axes", "n").replace("simulation.", "")) from None
    matrices = directions.orientations(
        structure.spacegroup_number, n, orientations, chosen.in_plane, seed, "", chosen.grid_of
    )
    if thickness is not None:
        return _at_each_thickness(structure, matrices, chosen, detector)
    each = chosen.thickness_of_patterns(len(matrices), "")
    return Patterns(make_engine(chosen).patterns(structure, matrices, each), structure, chosen, detector)


def _checked_thicknesses(thickness: Sequence[float], settings: dict) -> list[float]:
    """Return the thicknesses as a list; `SimulationSettings` checks the numbers."""
    if "thickness_angstrom" in settings:
        raise InputError("thickness and thickness_angstrom are both given, expected one of them")
    if np.ndim(thickness) != 1:
        raise InputError(f"thickness: {thickness!r} is not allowed; it must be a list of numbers in Å")
    return np.asarray(thickness).tolist()


def _at_each_thickness(
    structure: Structure, matrices: np.ndarray, settings: SimulationSettings, detector: str
) -> list[Patterns]:
    """Return the patterns at each of the thicknesses of the settings."""
    engine = make_engine(settings)
    if settings.engine == "krylov":
        ascending = np.unique(settings.thicknesses)
        series = list(engine.thickness_series(structure, matrices, ascending))
        found = {
            t: [replace(p, intensity=p.intensity[k], thickness=t) for p in series]
            for k, t in enumerate(ascending.tolist())
        }
    else:
        found = {
            t: list(engine.patterns(structure, matrices, [t] * len(matrices))) for t in settings.thicknesses
        }
    return [
        Patterns(found[t], structure, settings.replace(thickness_angstrom=t), detector)
        for t in settings.thicknesses
    ]


def simulated_spots(patterns: Patterns, **settings) -> Spots:
    """Return the spots that a detector would show of patterns, with the indices of the conventional cell.

    Parameters
    ----------
    patterns : Patterns
        As `simulate` returns them.
    **settings
        Of `edsym.spots.settings.PeaksSettings`, such as ``q_max=1.5`` in 1/Å.

    Returns
    -------
    Spots
        Of the patterns that have at least ``min_spots``; of the others a warning tells. Where beams
        coincide, the indices are those of the brightest one.

    Raises
    ------
    InputError
        If no pattern has enough spots, or a setting is not what it should be.
    """
    chosen = PeaksSettings(**settings)
    if not isinstance(patterns, Patterns) or not patterns:
        what = f"{type(patterns).__name__} of the length {np.size(patterns)}"
        raise InputError(f"patterns are a {what}, expected one pattern of edsym.simulate at least")
    hkl, q, intensity = (
        np.concatenate([getattr(p, name) for p in patterns]) for name in ("hkl", "q", "intensity")
    )
    offset = offsets([len(pattern.hkl) for pattern in patterns])
    counts, spots = peaks.find_spots_of_many(hkl, q, intensity, offset, chosen)
    kept = counts >= chosen.min_spots
    if not kept.any():
        raise InputError(f"no pattern has {chosen.min_spots} spots (min_spots): the most are {counts.max()}")
    if not kept.all():
        message = (
            f"{(~kept).sum()} of {len(kept)} patterns have fewer than {chosen.min_spots} spots: left out"
        )
        warnings.warn(message, InputWarning, stacklevel=2)
    split = np.split(spots, np.cumsum(counts)[:-1])
    indices = [
        conventional_indices(_indices(p, s, chosen.resolution), patterns.structure.spacegroup_number)
        for p, s, keep in zip(patterns, split, kept, strict=True)
        if keep
    ]
    found = Spots(
        np.array(["crystal"]),
        np.zeros(kept.sum(), int),
        np.flatnonzero(kept),
        offsets(counts[kept]),
        *spots[np.repeat(kept, counts)].T,
        hkl=np.concatenate(indices),
    )
    return found.detect(patterns.detector, patterns.settings.seed)


def _indices(pattern: Pattern, spots: np.ndarray, resolution: float) -> np.ndarray:
    """Return the indices (S, 3) of the brightest beam within the resolution of each spot."""
    distance = np.linalg.norm(spots[:, None, :2] - pattern.q, axis=2)
    hidden = np.linalg.norm(pattern.q, axis=1) < resolution
    near = (distance <= np.maximum(resolution, distance[:, ~hidden].min(axis=1, keepdims=True))) & ~hidden
    return pattern.hkl[np.where(near, pattern.intensity, -1).argmax(axis=1)]
