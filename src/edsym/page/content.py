"""What the page of a map knows: arrays by position and by spot, and facts of grains and names."""

import numpy as np

from edsym.acom.zones import zone_colours
from edsym.evaluation.map_figure import MAP_COLOURS
from edsym.experiment.spots.scan_spots import ScanSpots
from edsym.mapping.indices import indices
from edsym.mapping.parts import Crystals
from edsym.mapping.scan_map import ScanMap
from edsym.simulation.electrons import wavelength
from edsym.symmetry import CRYSTAL_SYSTEMS
from edsym.symmetry.classes import extinction_groups, space_group_symbols

BEST = 5
"""Space groups and extinction groups that are told of a position and of a grain."""
MOST_SPOTS = 600_000
"""Most spots of all patterns together: of more, the brightest of each pattern are kept."""
UNIT = 65535
"""Probability 1 and the farthest spot are this number, in whole numbers of two bytes."""
DECADE = 8000
"""Steps of an intensity's logarithm in a decade, in such numbers."""
_NEAR = 1.5  # pixels within which a spot is the lattice point's


def facts_of(found: ScanMap, spots: ScanSpots) -> dict:
    """Return what is not one value a position: names, colours, calibration, and all of every grain."""
    return {
        "name": found.name.rpartition("/")[2] or "scan",
        "model": found.model,
        "shape": [int(n) for n in found.shape],
        "energy": float(found.energy_kev[0]),
        "frame": [int(n) for n in spots.frame],
        "pixel": [float(v) for v in spots.pixel],
        "systems": CRYSTAL_SYSTEMS,
        "colours": [MAP_COLOURS[system] for system in CRYSTAL_SYSTEMS],
        "groups": space_group_symbols(),
        "extinction": extinction_groups().names,
        "reasons": [str(reason) for reason in np.unique(found.of_positions.reason)],
        "known": [] if found.known is None else [str(name) for name in found.known.names],
        "best": BEST,
        "unit": UNIT,
        "decade": DECADE,
        "grains": _grains(found),
        "phases": _phases(found),
    }


def positions_of(found: ScanMap) -> dict[str, np.ndarray]:
    """Return arrays with a value or several a position."""
    said = found.of_positions
    arrays = {
        "spots": said.spots.astype(np.uint16),
        "darkField": said.dark_field.astype(np.float32),
        "reason": np.unique(said.reason, return_inverse=True)[1].astype(np.uint16),
        "grain": found.grain.astype(np.int32),
        "system": said.system.astype(np.int8),
        "pSystem": _whole(said.p_system),
    }
    for name, p in _targets(said.p_spacegroup).items():
        which, value = _best(p)
        arrays |= {name: which, f"p{name.capitalize()}": value}
    return arrays


def known_of(found: ScanMap) -> dict[str, np.ndarray]:
    """Return arrays of what is known of the candidate phases; none without them."""
    known = found.known
    if known is None:
        return {}
    colours = zone_colours(known.phase, known.orientation, known.laue_classes)
    return {
        "known": known.phase.astype(np.int16),
        "zone": np.rint(255 * colours).astype(np.uint8),
        "euler": np.nan_to_num(known.euler).astype(np.float32),
        "score": _whole(known.score),
        "reliability": _whole(known.reliability),
        "phaseReliability": _whole(known.phase_reliability),
    }


def spots_of(found: ScanMap, spots: ScanSpots, min_intensity: float) -> dict[str, np.ndarray]:
    """Return arrays of the spots, the brightest of each pattern: places, intensities, indices.

    ``used`` says which are bright enough for the model: the same that `classify_scan` takes.
    """
    count = np.diff(spots.offset)
    rank = np.arange(len(spots.x)) - np.repeat(spots.offset[:-1], count)
    most = int(count.max(initial=0))
    while np.minimum(count, most).sum() > MOST_SPOTS:
        most -= 1
    kept = rank < most
    total = np.add.reduceat(np.append(spots.intensity, 0), spots.offset[:-1]) * (count > 0)
    share = spots.intensity / (np.nan_to_num(spots.beam) + total)[spots.pattern]
    q = np.stack([spots.qx, spots.qy], axis=1)
    steps = -np.log10(np.clip(share[kept], 1e-8, 1)) * DECADE
    return {
        "offset": np.cumsum([0, *np.minimum(count, most)]).astype(np.uint32),
        "q": np.rint(q[kept] / farthest(spots) * 32767).astype(np.int16),
        "share": np.rint(steps).astype(np.uint16),
        "used": (share[kept] > min_intensity).astype(np.uint8),
        "hkl": _indices(found, spots, q)[kept],
        "centre": spots.centre.astype(np.float32),
    }


def farthest(spots: ScanSpots) -> float:
    """Return the unit of the places of spots in 1/Å: none is farther along an axis."""
    return float(max(np.abs(spots.qx).max(initial=0), np.abs(spots.qy).max(initial=0), 1e-3))


def _targets(p_spacegroup: np.ndarray) -> dict[str, np.ndarray]:
    return {"group": p_spacegroup, "extinct": extinction_groups().sums(p_spacegroup)}


def _whole(p: np.ndarray) -> np.ndarray:
    """Return probabilities as whole numbers; 0 where there is no answer."""
    return np.rint(np.nan_to_num(p) * UNIT).astype(np.uint16)


def _best(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return numbers and probabilities (n, BEST) of the most probable ones."""
    p = np.nan_to_num(p)
    order = np.argsort(-p, axis=1, kind="stable")[:, :BEST]
    return order.astype(np.uint8), _whole(np.take_along_axis(p, order, axis=1))


def _grains(found: ScanMap) -> list[dict]:
    """Return of every grain what is said of it, how large it is, its brightest position and known phase."""
    grains, table = _crystals(found.of_grains), found.grains()
    of_grain = found.grain[:, None] == np.arange(len(grains))
    brightest = np.where(of_grain, found.of_positions.dark_field[:, None], -1).argmax(axis=0)
    for g, one in enumerate(grains):
        one |= {"positions": int(of_grain[:, g].sum()), "brightest": int(brightest[g])}
        one["phase"] = int(found.grain_phase[g])
        if found.known is not None:
            one |= {"known": table.known_phase[g], "share": float(table.known_share[g])}
    return grains


def _phases(found: ScanMap) -> list[dict]:
    """Return of every phase what is said of it, and its grains."""
    phases = _crystals(found.of_phases)
    for k, one in enumerate(phases):
        one["grains"] = np.flatnonzero(found.grain_phase == k).tolist()
    return phases


def _crystals(said: Crystals) -> list[dict]:
    """Return what is said of grains or of phases: answers as of a position, and the cell."""
    best = {name: _best(p) for name, p in _targets(said.p_spacegroup).items()}
    crystals = []
    for k in range(len(said)):
        one = {"system": int(said.system[k]), "pSystem": _whole(said.p_system[k]).tolist()}
        for name, (which, value) in best.items():
            one |= {name: which[k].tolist(), f"p{name.capitalize()}": value[k].tolist()}
        if said.bravais[k]:
            one |= {"bravais": str(said.bravais[k]), "lattice": float(said.lattice[k])}
            one["cell"] = said.cell[k].tolist()
            one["error"] = np.nan_to_num(said.cell_error[k]).tolist()
        crystals.append(one)
    return crystals


def _indices(found: ScanMap, spots: ScanSpots, q: np.ndarray) -> np.ndarray:
    """Return the indices (S, 3) of all spots by the cell of their grain; 000 without one."""
    hkl = np.zeros((len(q), 3), np.int16)
    grain = found.grain[spots.pattern]
    for g, bravais in enumerate(found.of_grains.bravais):
        if bravais:
            mine = np.flatnonzero(grain == g)
            hkl[mine] = indices(
                q[mine],
                found.of_grains.basis[g],
                bravais,
                wavelength(found.energy_kev[0]),
                _NEAR * float(spots.pixel.max()),
            )
    return hkl
