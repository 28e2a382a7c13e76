"""Simulate a few crystals, find their spots and the forest's features, and write them: run as a process."""

import sys

import numpy as np

from edsym.models.forest.features import forest_features
from edsym.simulation.engines.choice import make_engine
from edsym.simulation.orientations import orientations
from edsym.simulation.settings import SimulationSettings
from edsym.spots.peaks import find_spots_of_many
from edsym.spots.settings import PeaksSettings
from edsym.spots.store import SpotLists, offsets
from edsym.structures.standard import standardize

PEAKS = PeaksSettings(q_max=2.0, min_intensity=1e-4, resolution=0.01, min_spots=5)
HEXAGONAL = np.array([[1, 0, 0], [-0.5, np.sqrt(0.75), 0], [0, 0, 1.0]])
FCC = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
# Real, Hermitian, complex symmetric and general matrices; name: lattice, numbers, coordinates, settings.
CRYSTALS = {
    "rutile": (
        np.diag([4.594, 4.594, 2.959]),
        [22, 22, 8, 8, 8, 8],
        [[0, 0, 0], [0.5, 0.5, 0.5], [0.305, 0.305, 0], [0.695, 0.695, 0],
         [0.195, 0.805, 0.5], [0.805, 0.195, 0.5]],
        ("grid", "none"),
    ),
    "wurtzite": (
        HEXAGONAL * [[3.25], [3.25], [5.2]],
        [30, 30, 8, 8],
        [[1 / 3, 2 / 3, 0], [2 / 3, 1 / 3, 0.5], [1 / 3, 2 / 3, 0.38], [2 / 3, 1 / 3, 0.88]],
        ("random", "none"),
    ),
    "halite": (5.64 * FCC, [11, 17], [[0, 0, 0], [0.5, 0.5, 0.5]], ("grid", "weickenmeier_kohl")),
    "zincblende": (5.41 * FCC, [30, 16], [[0, 0, 0], [0.25, 0.25, 0.25]], ("random", "weickenmeier_kohl")),
}  # fmt: skip


def patterns() -> list:
    """Return some patterns of each crystal."""
    result = []
    for name, (*cell, (kind, absorption)) in CRYSTALS.items():
        structure = standardize(*map(np.array, cell))
        matrices = orientations(structure.spacegroup_number, 20, kind, "random", 0, name)
        engine = make_engine(SimulationSettings(absorption=absorption))
        result += engine.patterns(structure, matrices[::2])
    return result


def main() -> None:
    """Write what a data set and a forest are made of."""
    found = patterns()
    hkl, q, intensity = (np.concatenate([getattr(p, x) for p in found]) for x in ("hkl", "q", "intensity"))
    counts, spots = find_spots_of_many(hkl, q, intensity, offsets([len(p.hkl) for p in found]), PEAKS)
    index = np.arange(len(counts))
    lists = SpotLists(np.array(["a"]), 0 * index, index, offsets(counts), *spots.T)
    np.savez(sys.argv[1], intensity=intensity, spots=spots, counts=counts, features=forest_features(lists))


if __name__ == "__main__":
    main()
