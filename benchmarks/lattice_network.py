"""Train the lattice network on spots, test it on other materials, and write it with its card.

Test materials are chosen by a hash of their ids, so that any shards give the same side to a material. The
materials that validate the training calibrate the model as well. Start it again and it goes on from the
lattices that it found.
"""

import argparse
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from edsym.detector.detect import as_detector, detect
from edsym.detector.settings import DetectorSettings
from edsym.evaluation.metrics import accuracy, class_metrics, expected_calibration_error, wilson_interval
from edsym.evaluation.nuisances import NUISANCES
from edsym.files import write_text
from edsym.interface.ranges import SHARE, measured_ranges
from edsym.interface.spots import Spots
from edsym.models.cell.answers import Answers, find_answers
from edsym.models.cell.fit import learn, look
from edsym.models.cell.model import LatticeNetwork
from edsym.models.cell.settings import CellSettings
from edsym.predictions.calibration import Calibration, scale_temperature
from edsym.predictions.draw import draw_views
from edsym.predictions.fit import fit_calibration
from edsym.predictions.settings import EvaluationSettings
from edsym.predictions.table import Predictions
from edsym.seeds import stable_hash
from edsym.simulation.electrons import wavelength
from edsym.spots.split import validation_patterns
from edsym.spots.store import SpotLists, read_spots
from edsym.structures.table import read_columns
from edsym.symmetry import CRYSTAL_SYSTEMS, N_SPACE_GROUPS, system_index

FITTED_VIEWS = (2, 4, 10)
LEVELS = ("ideal", "typical")
TRAINED = "typical"

CARD = """# {name}

A network on the lattices that edsym's lattice finder finds in one electron diffraction pattern or in several
of one crystal: it tells crystal system and space group. `edsym.load_model("{name}")` returns it.

- **Trained on:** {run}
- **Made again by:** `benchmarks/lattice_network.py` with the spots of a run that has
  `simulation.zone_axes: {zone_axes}` and the defaults besides (random orientations, 200 Å, 300 keV);
  `model.json` has the settings of the network.
- **Parameters:** {parameters:,}; weights of epoch {best} of {epochs}, the best on materials that validate.
- **Input:** spots as [qx, qy, I]. Intensities need no scale; positions may have errors as the level `typical`
  of the section `detector` has.
- **Reads views together:** all views of a crystal give one lattice, and that one answer.
- **Probabilities:** those of `edsym.load_model` are calibrated on {calibrating} materials that validated, at
  the level `typical`.
- **Not for:** several crystals in one pattern.

## Scores on materials that no part of the training used

Random orientations; nothing was chosen here. In brackets: 95 % interval (Wilson) over materials. Mean recall
is that over the classes that occur. ECE: expected calibration error of the crystal system.{seeds}

{scores}

Recall by crystal system in %:

{recall}

With one nuisance of the detector at a time, one pattern of each of {curve_materials} of these materials:

{curves}
"""

SEEDS = " Beside it: mean and\nstandard deviation over seeds of the weights, of which the first is stored."


def main() -> None:
    """Train with every seed, calibrate, test and write."""
    options = parsed()
    learned, groups, test, test_groups = sides(options)
    settings = CellSettings(**json.loads(options.set))
    validates = validation_patterns(learned.material, settings.validation_fraction, settings.seed)
    detector = as_detector(TRAINED)
    examples = look(learned, groups, validates, settings, detector, options.checkpoints)
    some = np.unique(learned.material[validates])[: options.calibrating]
    calibrating = learned.select(learned.material_id[some])
    shown = detect(calibrating, TRAINED)
    fitted = list(looked(shown, groups[np.isin(learned.material, some)], (1, *FITTED_VIEWS), "fit", options))
    tests = {level: list(test_sets(level, test, test_groups, options)) for level in LEVELS}

    runs = []
    for seed in options.seeds:
        model = LatticeNetwork(cell=settings.replace(seed=seed))
        model.detector = detector
        learn(model, examples, validates)
        fits = calibrations(model, fitted)
        runs.append(
            (model, fits, [row for level in LEVELS for row in tested(model, fits, level, tests[level])])
        )
    model, fits, _ = runs[0]
    folder = options.output
    model.save(folder)
    views = {n: asdict(fit) for n, fit in fits.items()}
    made_from = (
        f"{len(calibrating)} patterns of {len(some)} materials that validated, as {TRAINED} shows them"
    )
    write(folder / "calibration.json", {"made_from": made_from, "views": views})
    note = f"{SHARE:.1%} of the patterns are within low and high: [low, median, high]"
    ranges = measured_ranges(Spots.of(calibrating))
    write(folder / "ranges.json", {"made_from": made_from, "note": note, "ranges": ranges})
    every = [rows for _, _, rows in runs]
    curves = list(nuisance_rows(model, test, test_groups, options))
    write_text(folder / "README.md", card(folder.name, model, every, curves, learned, validates, options))


def parsed() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spots", type=Path, nargs="+", help="stores of spots")
    parser.add_argument("--structures", type=Path, required=True, help="their materials (Parquet)")
    parser.add_argument("--output", type=Path, required=True, help="folder of the model")
    parser.add_argument("--checkpoints", type=Path, required=True, help="folder of found lattices")
    parser.add_argument("--set", default="{}", help="settings of the section cell as JSON")
    parser.add_argument("--test", type=int, default=1200, help="materials that are kept for the test")
    parser.add_argument("--count", type=int, default=400, help="materials of the test with sets of views")
    parser.add_argument("--calibrating", type=int, default=200, help="materials that calibrate")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="the first one is stored")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def sides(options: argparse.Namespace) -> tuple[SpotLists, np.ndarray, SpotLists, np.ndarray]:
    """Return spots and space groups that are learned from, and those of the test."""
    spots = read_spots(options.spots)
    names = np.unique(spots.material_id[spots.material])
    test = tested_of(names, options.test)
    number = read_columns(options.structures).set_index("material_id").spacegroup_number
    parts = []
    for chosen in (np.setdiff1d(names, test), np.sort(test)):
        part = spots.select(chosen)
        parts += [part, number.loc[part.material_id].to_numpy(int)[part.material]]
    return tuple(parts)


def tested_of(names: Iterable[str], count: int) -> list[str]:
    """Return the materials that are kept for the test: they come by a hash of their ids."""
    return sorted(names, key=lambda name: (stable_hash(0, "test", str(name)), name))[:count]


@dataclass(frozen=True)
class Looked:
    """What the finder says of M sets of n views: answers, materials, views and space groups."""

    n: int
    answers: Answers
    material: np.ndarray
    view: np.ndarray
    group: np.ndarray
    seconds: float


def looked(
    shown: SpotLists, groups: np.ndarray, sizes: Sequence[int], name: str, options: argparse.Namespace
) -> Iterator[Looked]:
    """Yield the finder's answers on sets of views, which are kept; of one view: on every pattern."""
    electrons = wavelength(CellSettings(**json.loads(options.set)).energy_kev)
    ids = shown.material_id[shown.material]
    for n in sizes:
        rows, start = draw_views(ids, shown.view, EvaluationSettings(views=n))
        sets = np.arange(len(shown))[:, None] if n == 1 else np.split(rows, start[1:])
        began = time.process_time()
        answers = find_answers(
            shown,
            sets,
            electrons,
            processes=options.threads,
            progress=True,
            folder=options.checkpoints / f"{name}_{n}",
            absences=True,
        )
        seconds = (time.process_time() - began) / len(sets)
        first = np.array([one[0] for one in sets])
        view = shown.view if n == 1 else np.diff(np.append(start, len(rows)))
        yield Looked(n, answers, ids[first], view, groups[first], seconds)


def test_sets(
    level: str, spots: SpotLists, groups: np.ndarray, options: argparse.Namespace
) -> Iterator[Looked]:
    """Yield what the finder says of the test materials, of several views for some of them."""
    first = np.flatnonzero(np.diff(spots.material, prepend=-1))
    some = of_some(spots, options.count)
    shown = detect(spots, level)
    yield from looked(shown.take(first), groups[first], (1,), f"test_{level}", options)
    yield from looked(shown.take(some), groups[some], FITTED_VIEWS, f"test_{level}", options)


def of_some(spots: SpotLists, count: int) -> np.ndarray:
    """Return the patterns of some materials, always the same."""
    names = np.unique(spots.material_id[spots.material])
    some = sorted(names, key=lambda name: (stable_hash(0, "sets", str(name)), name))[:count]
    return np.flatnonzero(np.isin(spots.material_id[spots.material], some))


def calibrations(model: LatticeNetwork, fitted: list[Looked]) -> dict[int, Calibration]:
    """Return what is fitted to the model, by numbers of views."""
    alone, *several = (
        Predictions(one.material, one.view, *model.of_answers(one.answers), one.group) for one in fitted
    )
    return {
        one.n: fit_calibration(alone, EvaluationSettings(views=one.n), read)
        for one, read in zip(fitted[1:], several, strict=True)
    }


def tested(
    model: LatticeNetwork, fits: dict[int, Calibration], level: str, tests: list[Looked]
) -> Iterator[dict]:
    """Yield scores by number of views."""
    for one in tests:
        system, group = model.of_answers(one.answers)
        scale = (
            next(iter(fits.values())).temperature["single"]
            if one.n == 1
            else fits[one.n].temperature["together"]
        )
        row = {"level": level, "views": one.n, "seconds": one.seconds}
        yield row | scores(scale_temperature(system, scale["system"]), group, one.group)


def scores(system: np.ndarray, group: np.ndarray, truth: np.ndarray) -> dict:
    """Return what the probabilities (M, 7) and (M, 230) are worth."""
    true_system = system_index(truth)
    guess = system.argmax(axis=1)
    recall = class_metrics(true_system, guess, len(CRYSTAL_SYSTEMS)).recall.to_numpy()
    groups = class_metrics(truth - 1, group.argmax(axis=1), N_SPACE_GROUPS).recall
    return {
        "materials": len(truth),
        "system": accuracy(true_system, guess),
        "macro": float(np.nanmean(recall)),
        "ece": expected_calibration_error(system.max(axis=1), guess == true_system),
        "spacegroup": accuracy(truth - 1, group.argmax(axis=1)),
        "macro_spacegroup": float(np.nanmean(groups)),
        **dict(zip(CRYSTAL_SYSTEMS, recall, strict=True)),
    }


def nuisance_rows(
    model: LatticeNetwork, spots: SpotLists, groups: np.ndarray, options: argparse.Namespace
) -> Iterator[dict]:
    """Yield the share of systems that are right with one nuisance of the detector at a time."""
    rows = np.intersect1d(np.flatnonzero(np.diff(spots.material, prepend=-1)), of_some(spots, options.count))
    truth = system_index(groups[rows])
    for nuisance, size, detector in DetectorSettings().one_at_a_time():
        shown = detect(spots.take(rows), detector)
        system, _ = model.predict_proba(shown, threads=options.threads)
        name, unit = NUISANCES[nuisance]
        number = f"{100 * size:g}" if unit == "%" else f"{size:g}"
        share = 100 * accuracy(truth, system.argmax(axis=1))
        yield {"nuisance": name, "size": f"{number} {unit}".strip(), "system, %": f"{share:.1f}"}


def card(
    name: str,
    model: LatticeNetwork,
    runs: list[list[dict]],
    curves: list[dict],
    learned: SpotLists,
    validates: np.ndarray,
    options: argparse.Namespace,
) -> str:
    """Return the card, with the scores (runs of all seeds) of the first seed, and how seeds differ."""
    table, recall = [], []
    for rows in zip(*runs, strict=True):
        row = rows[0]
        n, case = row["materials"], {"spots": row["level"], "views": row["views"]}
        line = dict(case)
        for name, key in (("system", "system"), ("space group", "spacegroup")):
            line[f"{name}, %"] = f"{100 * row[key]:.1f} ({_interval(row[key], n)})"
            if len(rows) > 1:
                line[f"{name}, {len(rows)} seeds"] = _spread([one[key] for one in rows])
            macro = "macro" if key == "system" else f"macro_{key}"
            line[f"mean recall ({name}), %"] = f"{100 * row[macro]:.1f}"
        table.append(line | {"ECE, %": f"{100 * row['ece']:.1f}", "materials": n})
        recall.append(case | {system: f"{100 * row[system]:.0f}" for system in CRYSTAL_SYSTEMS})
    materials = [len(np.unique(learned.material[part])) for part in (~validates, validates)]
    patterns = int(np.bincount(learned.material).max())
    settings = model.settings["cell"]
    run = (
        f"{materials[0]:,} materials ({materials[1]:,} others validated): {settings.patterns} patterns\n"
        f"  of each as they are and as a detector of level {TRAINED} shows them, and several views together\n"
        f"  of {settings.sets:.1%} (edsym {version('edsym')}, torch {version('torch')})"
    )
    return CARD.format(
        name=name,
        run=run,
        zone_axes=patterns,
        parameters=model.facts()["n_parameters"],
        best=model.record["best_epoch"] + 1,
        epochs=model.record["epochs"],
        calibrating=options.calibrating,
        curve_materials=options.count,
        curves=_markdown(curves),
        seeds=SEEDS if len(runs) > 1 else "",
        scores=_markdown(table),
        recall=_markdown(recall),
    )


def _spread(shares: list[float]) -> str:
    return f"{100 * np.mean(shares):.1f} ± {100 * np.std(shares, ddof=1):.1f}"


def _interval(share: float, n: int) -> str:
    return "–".join(f"{100 * bound:.1f}" for bound in wilson_interval(share, n))


def _markdown(rows: list[dict]) -> str:
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(row.values() for row in rows)]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def write(path: Path, content: dict) -> None:
    """Write JSON."""
    write_text(path, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
