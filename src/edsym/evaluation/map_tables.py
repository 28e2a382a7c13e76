"""Tables of a classified scan: shares of systems beside the published (14), and how right they are (15)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from edsym.evaluation.inputs import EvaluationInputs
from edsym.evaluation.table_writer import Column, Table
from edsym.mapping.scan_map import ScanMap
from edsym.mapping.shares import PUBLISHED_SYSTEMS, by_filtered_confidence, counted
from edsym.specimen.truth import Truth
from edsym.structures.symbols import primitive_vectors
from edsym.symmetry import CRYSTAL_SYSTEMS

OTHERS = "others"
_GOLD = {"gmoe": "published network, gold", "forest": "published forest, gold"}
_RIGHT_CELL = 0.01


@dataclass(frozen=True)
class Shares:
    """Shares of crystal systems in a scan by one way to count.

    Attributes
    ----------
    label : str
        Which way, in short.
    percent : dict of str to float
        By `PUBLISHED_SYSTEMS`, and of all other systems together.
    positions : int
        How many are counted; 0 where that is not known.
    """

    label: str
    percent: dict[str, float]
    positions: int = 0


def shares_of(inputs: EvaluationInputs) -> list[Shares]:
    """Return the shares in the truth, in each map by counts and by the notebook's way, and as published."""
    found = []
    truth = inputs.truth
    if truth is not None:
        systems = _true_systems(truth)
        found.append(_shares("truth", counted(systems), int((systems >= 0).sum())))
    for one in inputs.maps:
        found += shares_of_map(one)
    for model, label in _GOLD.items():
        values = inputs.published.get("gold_nanoparticles", model) or {}
        found.append(Shares(label, {name: float(str(v).strip("≈ ")) for name, v in values.items()}))
    return found


def shares_of_map(one: ScanMap) -> list[Shares]:
    """Return the shares in a map: of positions, by the notebook's way, and by their grains and phases."""
    said, grain, phase = one.of_positions, one.grain_map(), one.phase_map()
    confidence = np.nan_to_num(said.p_system).max(axis=1).reshape(one.shape)
    filtered = by_filtered_confidence(said.system.reshape(one.shape), confidence)
    return [
        _shares(f"{one.model}: positions", counted(said.system), int(said.answered.sum())),
        _shares(f"{one.model}: filtered confidence", filtered, 0),
        _shares(f"{one.model}: grains", counted(grain.ravel()), int((grain >= 0).sum())),
        _shares(f"{one.model}: phases", counted(phase.ravel()), int((phase >= 0).sum())),
    ]


def table14(inputs: EvaluationInputs) -> Table:
    """Shares of probe positions by crystal system, by each way to count."""
    names = (*PUBLISHED_SYSTEMS, OTHERS)
    rows = []
    for one in shares_of(inputs):
        row = {"way": one.label, "positions": one.positions or np.nan}
        row |= {name: one.percent.get(name, np.nan) for name in names}
        rows.append(row)
    return Table(
        "table14",
        "Shares of the crystal systems in a scan",
        pd.DataFrame(rows),
        (
            Column("way", "Counted"),
            Column("positions", "Positions", "count"),
            *(Column(name, f"{name.capitalize()}, %", "percent") for name in names),
        ),
        note_of(inputs.maps),
        "Positions: of those with five spots or more, each by its most probable system. Filtered "
        "confidence: as the notebook of the paper's authors sums it, the 5 × 5 median of each of three "
        "systems' confidence, above 0.005; it leaves out all other systems and is no count. Grains: "
        "positions by what all of a grain together say. Phases: by what all grains of one lattice say. "
        + inputs.published.citation(("gold_nanoparticles",)),
    )


def table15(inputs: EvaluationInputs) -> Table:
    """How right systems and cells of a simulated scan are, by particle."""
    truth = inputs.truth
    rows = [] if truth is None else [row for one in inputs.maps for row in _judged(one, truth)]
    columns = (
        "model", "particle", "system", "positions", "answered", "right",
        "reliable", "right_reliable", "grain_system", "grain_right", "grain_cell", "phase_grains",
        "phase_system", "phase_right", "phase_cell",
    )  # fmt: skip
    return Table(
        "table15",
        "Crystal systems of a scan against the truth",
        pd.DataFrame(rows, columns=columns),
        (
            Column("model", "Model"),
            Column("particle", "Particle"),
            Column("system", "System"),
            Column("positions", "Positions", "count"),
            Column("answered", "Answered, %", "percent"),
            Column("right", "Right of all positions, %", "percent"),
            Column("reliable", "Reliable, %", "percent"),
            Column("right_reliable", "Right of reliable, %", "percent"),
            Column("grain_system", "As a grain"),
            Column("grain_right", "Right, %", "percent"),
            Column("grain_cell", "Cell off by, %", "percent"),
            Column("phase_grains", "Grains of its phase", "count"),
            Column("phase_system", "As a phase"),
            Column("phase_right", "Right, %", "percent"),
            Column("phase_cell", "Cell off by, %", "percent"),
        ),
        note_of(inputs.maps),
        "Positions: those where the particle is 15 Å thick or more. Answered: five spots or more. Reliable: "
        "not unlike all that the model was trained on. As a grain: the largest grain found in the particle. "
        "As a phase: this grain with all those that surely have its lattice. "
        "Cell: largest deviation among the fourteen shortest vectors of the primitive lattice. The last row "
        "of a model has all particles, and of cells the share within 1 %. There are no rows for a scan "
        "without a truth.",
    )


def note_of(maps: list[ScanMap]) -> str:
    """Return in a sentence which scan was classified, and how."""
    first = maps[0]
    name = first.name.rpartition("/")[2] or "scan"
    return f"{name}: {first.shape[0]} × {first.shape[1]} positions, {first.energy_kev[0]:g} keV."


def _judged(one: ScanMap, truth: Truth) -> Iterator[dict]:
    """Yield a row a particle, and one of all of them."""
    systems, particle = _true_systems(truth), truth.particle.ravel()
    rows = []
    for p, name in enumerate(truth.particle_name):
        mine = particle == p
        if mine.any():
            row = {"particle": name} | _positions(one, systems, mine) | _grain(one, truth, mine)
            rows.append(row)
            yield {"model": one.model} | row
    whole = _positions(one, systems, particle >= 0) | {"system": "", "grain_system": "", "phase_system": ""}
    for kind in ("grain", "phase"):
        cells = [row[f"{kind}_cell"] <= 100 * _RIGHT_CELL for row in rows]
        whole |= {
            f"{kind}_right": np.mean([row[f"{kind}_right"] for row in rows]) if rows else np.nan,
            f"{kind}_cell": 100 * np.mean(cells) if rows else np.nan,
        }
    yield {"model": one.model, "particle": "all"} | whole


def _positions(one: ScanMap, systems: np.ndarray, mine: np.ndarray) -> dict:
    """Return how many of some positions have an answer, and a right one."""
    right = one.of_positions.system[mine] == systems[mine]
    reliable = one.of_positions.valid[mine]
    return {
        "system": CRYSTAL_SYSTEMS[np.bincount(systems[mine]).argmax()],
        "positions": int(mine.sum()),
        "answered": 100 * one.of_positions.answered[mine].mean(),
        "right": 100 * right.mean(),
        "reliable": 100 * reliable.mean(),
        "right_reliable": 100 * right[reliable].mean() if reliable.any() else np.nan,
    }


def _grain(one: ScanMap, truth: Truth, mine: np.ndarray) -> dict:
    """Return what the largest grain of a particle and its phase are said to be; none is not right."""
    from edsym.lattice.compare import deviation  # compiled code takes a while to load; most tables need none

    found = one.grain[mine]
    if not (found >= 0).any():
        nothing = {f"{kind}_{name}": value for kind in ("grain", "phase") for name, value in
                   (("system", "none"), ("right", 0.0), ("cell", np.nan))}  # fmt: skip
        return nothing | {"phase_grains": 0}
    g = np.bincount(found[found >= 0]).argmax()
    phase = one.grain_phase[g]
    k = np.bincount(truth.grain.ravel()[mine & (one.grain == g)]).argmax()
    true = primitive_vectors(truth.grain_basis[k], int(truth.grain_spacegroup[k]))
    row = {"phase_grains": int((one.grain_phase == phase).sum())}
    for kind, said, which in (("grain", one.of_grains, g), ("phase", one.of_phases, phase)):
        name, primitive = (*CRYSTAL_SYSTEMS, "none")[said.system[which]], said.primitive[which]
        row[f"{kind}_system"], row[f"{kind}_right"] = name, 100.0 * (name == truth.grain_system[k])
        off = np.nan if np.isnan(primitive).any() else 100 * deviation(primitive, true)
        row[f"{kind}_cell"] = off
    return row


def _true_systems(truth: Truth) -> np.ndarray:
    """Return the number of the true system at each position (n,); -1 outside of particles."""
    systems = np.array([CRYSTAL_SYSTEMS.index(name) for name in truth.grain_system])
    return np.where(truth.grain < 0, -1, systems[truth.grain]).ravel()


def _shares(label: str, percent: dict[str, float], positions: int) -> Shares:
    own = {name: percent[name] for name in PUBLISHED_SYSTEMS}
    own[OTHERS] = sum(value for name, value in percent.items() if name not in PUBLISHED_SYSTEMS)
    return Shares(label, own, positions)
