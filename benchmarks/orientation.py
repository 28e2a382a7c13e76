"""How often orientations of known phases are found in simulated patterns, and how fast."""

import argparse
import time
from dataclasses import replace

import numpy as np
import pandas as pd
from inputs import use_one_core
from literal_orientation import LiteralCorrelation
from pymatgen.core import Lattice
from pymatgen.core import Structure as Pymatgen

import edsym
from edsym.acom import search
from edsym.acom.correlation import correlate, polar_image
from edsym.acom.reflections import two_beam_intensity
from edsym.acom.rotations import disorientation
from edsym.acom.templates import INTENSITY_POWER, RADIAL_POWER, SHELL, templates_of
from edsym.simulation.engines.choice import make_engine
from edsym.simulation.settings import SimulationSettings

CRYSTALS = {
    "gold": ("Fm-3m", Lattice.cubic(4.078), ["Au"], [[0, 0, 0]]),
    "zincite": (
        "P6_3mc",
        Lattice.hexagonal(3.2495, 5.2069),
        ["Zn", "O"],
        [[1 / 3, 2 / 3, 0], [1 / 3, 2 / 3, 0.3819]],
    ),
    "rutile": ("P4_2/mnm", Lattice.tetragonal(4.594, 2.959), ["Ti", "O"], [[0, 0, 0], [0.305, 0.305, 0]]),
    "tenorite": (
        "C2/c",
        Lattice.monoclinic(4.6837, 3.4226, 5.1288, 99.54),
        ["Cu", "O"],
        [[0.25, 0.25, 0], [0, 0.4184, 0.25]],
    ),
}
ENERGY, THICKNESS, STEP, SIGMA = 300.0, 200.0, 3.0, 0.005
RIGHT = 2.0


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="patterns of each phase")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--literal", type=int, default=5, help="patterns that the literal way takes")
    options = parser.parse_args()
    use_one_core()
    structures = {
        name: edsym.Structure.from_pymatgen(Pymatgen.from_spacegroup(*crystal))
        for name, crystal in CRYSTALS.items()
    }
    settings = SimulationSettings(g_max=2.0, energy_kev=ENERGY, thickness_angstrom=THICKNESS)
    phases = [search.Phase.of(structure, settings, STEP) for structure in structures.values()]
    rows = []
    for level in ("ideal", "good", "typical", "poor"):
        rows += accuracy(structures, phases, options, level, THICKNESS)
    for thickness in (100.0, 400.0):
        rows += accuracy(structures, phases, options, "typical", thickness)
    print(pd.DataFrame(rows).to_markdown(index=False, floatfmt=".3g"), end="\n\n")
    patterns = seen(structures, options, "typical", THICKNESS)
    print(pd.DataFrame(sources(structures, phases, patterns)).to_markdown(index=False, floatfmt=".3g"))
    print("\n" + speed(phases, [spots for spots, _, _ in patterns], options.literal))


def seen(structures: dict, options, level: str, thickness: float) -> list[tuple]:
    """Return (spots (n, 3), true orientation, index of the phase) of patterns of all phases."""
    found = []
    for k, structure in enumerate(structures.values()):
        patterns = edsym.simulate(
            structure, options.count, seed=options.seed, detector=level, thickness_angstrom=thickness
        )
        spots = edsym.find_spots(patterns)
        found += [
            (s.astype(float), patterns[v].orientation, k) for s, v in zip(spots, spots.view, strict=True)
        ]
    return found


def accuracy(structures: dict, phases: list, options, level: str, thickness: float) -> list[dict]:
    """Return a row a phase, and one for all."""
    lines = []
    for spots, truth, k in seen(structures, options, level, thickness):
        [match] = search.find_matches(spots, phases, SIGMA, 1) or [None]
        line = {"phase": k, "spots": len(spots), "right phase": False, "off": 180.0, "off, twin": 180.0}
        if match is not None and match.phase == k:
            rotations = phases[k].rotations
            line["right phase"], line["off"] = True, disorientation(match.orientation, truth, rotations)
            twin = disorientation(match.twin, truth, rotations) if match.span == 2 else 180.0
            line["off, twin"] = min(line["off"], twin)
        line["reliable"] = match is not None and min(match.reliability, match.phase_reliability) > 0.95
        lines.append(line)
    table = pd.DataFrame(lines)
    parts = [(name, table[table.phase == k]) for k, name in enumerate(structures)] + [("all", table)]
    return [
        {
            "detector": level,
            "Å": thickness,
            "crystal": name,
            "patterns": len(part),
            "spots": part.spots.median(),
            "phase, %": 100 * part["right phase"].mean(),
            "within 2°, %": 100 * (part["off, twin"] < RIGHT).mean(),
            "without twin, %": 100 * (part.off < RIGHT).mean(),
            "of 8 spots and more, %": 100 * (part["off, twin"][part.spots >= 8] < RIGHT).mean(),
            "median, °": part["off, twin"].median(),
            "reliable, %": 100 * part.reliable.mean(),
            "of these within 2°, %": 100 * (part["off, twin"][part.reliable] < RIGHT).mean(),
        }
        for name, part in parts
    ]


def sources(structures: dict, phases: list, patterns: list[tuple]) -> list[dict]:
    """Return what templates of each kind find of their own phase: the best one, and what follows from it."""
    rows = []
    for kind in ("triangle", "two beams", "Bloch waves"):
        best, final = [], []
        for k, structure in enumerate(structures.values()):
            phase = with_templates(phases[k], structure, kind)
            for spots, truth, _ in (one for one in patterns if one[2] == k):
                first = best_template(phase, spots)
                best.append(disorientation(first, truth, phase.rotations))
                [match] = search.find_matches(spots, [phase], SIGMA, 1)
                twin = disorientation(match.twin, truth, phase.rotations) if match.span == 2 else 180.0
                final.append(min(disorientation(match.orientation, truth, phase.rotations), twin))
        rows.append(
            {
                "templates": kind,
                "best template within 5°, %": 100 * np.mean(np.array(best) < 5),
                "refined within 2°, %": 100 * np.mean(np.array(final) < RIGHT),
            }
        )
    return rows


def with_templates(phase: search.Phase, structure, kind: str) -> search.Phase:
    """Return a phase with templates of a kind, at the same orientations."""
    if kind == "triangle":
        return phase
    one, orientations, patterns = phase.reflections, phase.templates.orientations, []
    if kind == "Bloch waves":
        settings = SimulationSettings(energy_kev=ENERGY, thickness_angstrom=THICKNESS)
        for pattern in make_engine(settings).patterns(structure, orientations):
            kept = (np.arange(len(pattern.hkl)) != pattern.incident) & (pattern.intensity > 1e-6)
            patterns.append(weighted(pattern.q[kept], pattern.intensity[kept]))
        return replace(phase, templates=templates_of(orientations, patterns))
    for orientation in orientations:
        x, y, z = orientation @ one.vectors.T
        s = -z - 0.5 * one.wavelength * (one.vectors**2).sum(axis=1)
        near = np.abs(s) < search.FADED
        intensity = np.array(
            [
                two_beam_intensity(u, e, one.wavelength, one.thickness)
                for u, e in zip(one.potential[near], s[near], strict=True)
            ]
        )
        patterns.append(weighted(np.stack([x, y], axis=1)[near], intensity))
    return replace(phase, templates=templates_of(orientations, patterns))


def weighted(q: np.ndarray, intensity: np.ndarray) -> np.ndarray:
    """Return spots with the weights of a template."""
    return np.column_stack([q, np.hypot(*q.T) ** RADIAL_POWER * intensity**INTENSITY_POWER])


def polar(spots: np.ndarray) -> tuple[tuple, np.ndarray]:
    """Return the polar image of a pattern, and the weights of its spots."""
    x, y, intensity = spots.T
    weight = np.hypot(x, y) ** RADIAL_POWER * intensity**INTENSITY_POWER
    shells = int(2.0 / SHELL) + 1
    return polar_image(np.hypot(x, y), np.arctan2(y, x), weight, shells, search.FADED), weight


def points(phase: search.Phase) -> tuple:
    """Return the arrays of a phase's templates."""
    return phase.templates.offset, phase.templates.shell, phase.templates.angle, phase.templates.weight


def best_template(phase: search.Phase, spots: np.ndarray) -> np.ndarray:
    """Return the orientation that the best template stands for."""
    best, turn = correlate(*polar(spots)[0], *points(phase))
    return search.distinct_best(best, turn, phase.templates.orientations, phase.rotations, 1, 0.0)[0]


def speed(phases: list, patterns: list, count: int) -> str:
    """Return in words the patterns a second: of all steps, of the correlation, and of the literal one."""
    start = time.process_time()
    for spots in patterns:
        search.find_matches(spots, phases, SIGMA, 1)
    whole = (time.process_time() - start) / len(patterns)
    start = time.process_time()
    for spots in patterns:
        image, _ = polar(spots)
        for phase in phases:
            correlate(*image, *points(phase))
    fast = (time.process_time() - start) / len(patterns)
    slow = []
    for phase in phases:
        literal = LiteralCorrelation(phase.templates, int(2.0 / SHELL) + 1, search.FADED)
        start = time.process_time()
        for spots in patterns[:: len(patterns) // count][:count]:
            literal(spots[:, :2], polar(spots)[1]).max(axis=-1)
        slow.append((time.process_time() - start) / count)
    return (
        f"{sum(len(p.templates.orientations) for p in phases)} templates and their mirror images, one core: "
        f"{1 / whole:.0f} patterns a second with refinement, {1 / fast:.0f} without, "
        f"{1 / sum(slow):.2f} by the literal correlation: a ratio of {sum(slow) / fast:.0f}"
    )


if __name__ == "__main__":
    main()
