"""A run of eight test patterns whose every result is worked out by hand in test_tables.py."""

import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import yaml

from edsym.cells.table import REGRESSED
from edsym.cells.table import SCHEMA as CELLS
from edsym.evaluation.run import write_run_description
from edsym.models.registry import MODELS
from edsym.parquet import write_parquet
from edsym.predictions.calibration import Calibration, write_calibration
from edsym.predictions.decisions import write_decisions
from edsym.predictions.settings import EvaluationSettings
from edsym.predictions.table import Predictions, write_predictions
from edsym.predictions.views import decide_file
from edsym.simulation.run.results import SimulatedMaterial
from edsym.simulation.run.store import write_patterns
from edsym.simulation.settings import SimulationSettings
from edsym.structures.table import write_materials
from edsym.symmetry import crystal_system, system_index

REPOSITORY = Path(__file__).parents[2]
PUBLISHED = REPOSITORY / "config" / "published.yaml"
TRUTH = {"a": 225, "b": 62, "c": 14}
TRAINING = {"d": 225, "e": 2}
N_PATTERNS = {"a": 3, "b": 3, "c": 2, "d": 4, "e": 1}

# Material, then the probabilities of space groups in each of its views.
NETWORK = {
    "a": ({225: 0.9, 62: 0.1}, {225: 0.8, 62: 0.2}, {62: 0.6, 225: 0.4}),
    "b": ({62: 0.98, 14: 0.02}, {14: 0.6, 62: 0.4}, {14: 0.55, 62: 0.45}),
    "c": ({14: 0.7, 15: 0.3}, {15: 0.6, 14: 0.4}),
}
MLP = {"a": ({225: 0.7, 62: 0.3},) * 3, "b": ({62: 0.8, 14: 0.2},) * 3, "c": ({62: 0.6, 14: 0.4},) * 2}
FOREST = {material: ({225: 0.9, 62: 0.1},) * N_PATTERNS[material] for material in TRUTH}
# Tested at random orientations: what was trained on the grid.
NETWORK_RANDOM = {"a": ({225: 0.9, 62: 0.1},) * 2, "b": ({14: 0.9, 62: 0.1},)}
MLP_RANDOM = {"a": ({225: 0.7, 62: 0.3},) * 2, "b": ({62: 0.8, 14: 0.2},)}
FOREST_RANDOM = {"a": ({62: 0.9, 225: 0.1},) * 2, "b": ({14: 0.9, 62: 0.1},)}
# On the grids of all Laue classes, three views on each: always what the grid is of.
GROUP_OF_CLASS = (2, 14, 62, 87, 139, 148, 166, 162, 176, 194, 205, 225)
LEAK = {material: tuple({group: 1.0} for group in GROUP_OF_CLASS for _ in range(3)) for material in "ab"}
# On typical spots the network takes all for halite.
NETWORK_TYPICAL = FOREST
# What a model says that reads views together: orthorhombic and cubic are right.
TOGETHER = {"a": {225: 0.8, 62: 0.2}, "b": {62: 0.6, 14: 0.4}, "c": {62: 0.7, 14: 0.3}}
# As if fitted elsewhere: the pool is the geometric mean, squared.
CALIBRATION = Calibration(
    materials=2,
    patterns=5,
    temperature={m: {"system": 2.0, "spacegroup": 1.0} for m in ("single", "logsum", "pooled", "together")},
    pooling={"system": [2.0, 0, 0], "spacegroup": [2.0, 0, 0]},
)


def configuration() -> dict:
    config = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text(encoding="utf-8"))
    config["structures"]["source"] = "prototypes"
    config["simulation"] |= {"zone_axes": 3, "orientations": "grid", "in_plane": "fixed"}
    config["evaluation"] |= {"protocols": ["random", "grid"], "protocols_trained": ["random"]}
    config["network"]["features"] = "harmonics"
    return config


def make_predictions(views_of: dict) -> Predictions:
    rows = [(m, view, p) for m, views in views_of.items() for view, p in enumerate(views)]
    p_spacegroup = np.zeros((len(rows), 230), np.float32)
    for i, (_, _, p) in enumerate(rows):
        p_spacegroup[i, np.array(list(p)) - 1] = list(p.values())
    systems = system_index(np.arange(1, 231))
    spacegroup = np.array([TRUTH[m] for m, _, _ in rows])
    return Predictions(
        material_id=np.array([m for m, _, _ in rows]),
        view=np.array([view for _, view, _ in rows]),
        spacegroup=spacegroup,
        p_system=np.stack([p_spacegroup[:, systems == i].sum(axis=1) for i in range(7)], axis=1),
        p_spacegroup=p_spacegroup,
    )


def write_run_files(folder: Path) -> dict[str, Path]:
    """Write all inputs of tables and figures; return them by their names in `products.REQUIRES`."""
    names = ("split.parquet", "materials.csv", "run.json", *(f"{model}_model" for model in MODELS))
    files = {name.partition(".")[0]: folder / name for name in names} | {"published": PUBLISHED}
    truth = TRUTH | TRAINING
    split = pd.DataFrame({"material_id": list(truth), "spacegroup_number": list(truth.values())})
    split["crystal_system"] = split.spacegroup_number.map(crystal_system)
    split["split"] = ["test" if material in TRUTH else "train" for material in truth]
    write_parquet(pa.Table.from_pandas(split, preserve_index=False), files["split"])
    counts = pd.DataFrame({"material_id": list(N_PATTERNS), "n_patterns": list(N_PATTERNS.values())})
    counts.to_csv(files["materials"], index=False)
    parameters = {"gmoe": {"n_parameters": 1234567}, "mlp": {"n_parameters": 765432}, "forest": {}}
    parameters |= dict.fromkeys(("cell", "mvof"), parameters["mlp"])
    for model, description in parameters.items():
        files[f"{model}_model"].mkdir()
        (files[f"{model}_model"] / "model.json").write_text(json.dumps(description))
    _write_predictions(files, folder)
    _write_curves(files, folder)
    files["cells"] = _write_cells(folder)
    files["regressed"] = _write_regressed(folder / "regressed.parquet")
    files["kinship"] = _write_kinship(folder / "kinship.parquet")
    files["patterns"] = [folder / "0000.h5", folder / "0001.h5"]
    for path, materials in zip(files["patterns"], ("ae", "bd"), strict=True):
        write_square_patterns(path, materials)
    write_structures(folder / "selected.parquet")
    write_run_description(
        configuration(),
        structures=folder / "selected.parquet",
        split=files["split"],
        materials=files["materials"],
        published=PUBLISHED,
        output=files["run"],
    )
    return files


def _write_predictions(files: dict[str, Path], folder: Path) -> None:
    own = {"gmoe": NETWORK, "mlp": MLP, "cell": MLP, "mvof": MLP, "forest": FOREST}
    random = {"gmoe": NETWORK_RANDOM, "forest": FOREST_RANDOM}
    random |= dict.fromkeys(("mlp", "cell", "mvof"), MLP_RANDOM)
    leak = dict.fromkeys(own, LEAK)
    # trained on the grid: tested there, and at random orientations; trained at these: as if on the grid
    parts = {"protocols0": own, "protocols1": random, "protocols2": own, "protocols3": own, "leak": leak}
    for model, level in product(own, ("ideal", "typical")):
        path = folder / f"{model}_{level}_calibration.json"
        write_calibration(CALIBRATION, path)
        files.setdefault(f"{model}_calibration", []).append(path)
    for part, level in product(parts, ("ideal", "typical")):
        for model, views_of in parts[part].items():
            if part == "protocols0" and (model, level) == ("gmoe", "typical"):
                views_of = NETWORK_TYPICAL
            outputs = _decided(folder, model, part, level, views_of)
            for kind, output in outputs.items():
                names = [f"{model}_{part.rstrip('0123')}_{kind}"]
                names += [f"{model}_{kind}"] if part == "protocols0" else []
                for name in names:
                    files.setdefault(name, []).append(output)


def _decided(folder: Path, model: str, part: str, level: str, views_of: dict) -> dict[str, Path]:
    """Write predictions and the decisions on them; return the paths of these."""
    path = folder / f"{model}_{part}_{level}.parquet"
    outputs = {kind: folder / f"{path.stem}_{kind}.parquet" for kind in ("single", "views")}
    write_predictions(make_predictions(views_of), path)
    together = None
    if MODELS[model].together and part == "protocols0":
        together = folder / f"{path.stem}_together.parquet"
        read = make_predictions({material: (TOGETHER[material],) for material in views_of})
        counts = np.array([len(views) for views in views_of.values()])
        write_predictions(replace(read, view=counts), together)
    settings = EvaluationSettings(views=10, seed=0)
    calibration = folder / f"{model}_{level}_calibration.json"
    decide_file(path, calibration, settings, **outputs, together=together)
    return outputs


def _write_curves(files: dict[str, Path], folder: Path) -> None:
    """Write decisions that are all right without a nuisance, and one of two with 5 % of the spots lost."""
    truth = pd.DataFrame({"material_id": ["a", "b"], "system": [6, 2], "spacegroup": [225, 62]})
    parts = []
    for (nuisance, size), method in product([("none", 0.0), ("lost", 0.05)], ["single", "logsum"]):
        systems = [6, 2] if nuisance == "none" else [6, 6]
        part = truth.assign(predicted_system=systems, predicted_spacegroup=[225, 62])
        parts.append(part.assign(nuisance=nuisance, size=size, method=method))
    for model in MODELS:
        files[f"{model}_curves"] = folder / f"{model}_curves.parquet"
        write_decisions(pd.concat(parts), files[f"{model}_curves"])


def _write_cells(folder: Path) -> list[Path]:
    """Write what the lattice finder says of three materials, in two files: of one pattern and of ten.

    Of ideal spots all cells are right; of typical ones that of b is 4 % off, 0.4 % up to a common factor,
    and c has none from one pattern.
    """
    truth = pd.DataFrame({"material_id": list("abc"), "system": ["cubic", "orthorhombic", "monoclinic"]})
    truth["lattice"], truth["volume"] = ["cF", "oP", "mP"], [40.0, 150.0, 300.0]
    parts = []
    for level, n in product(("ideal", "typical", "positions"), (1, 10)):
        scale = 0.01 if level == "typical" else 0.0
        part = truth.assign(level=level, scale_error=scale, views=n, spots=25 * n)
        part["probability"], part["failure"] = 0.9, ""
        part["position_error"] = 0.0 if level == "ideal" else 0.003
        part["deviation"], part["deviation_to_scale"] = 0.001, 0.0005
        part["predicted_lattice"], part["predicted_system"] = truth.lattice, truth.system
        if level == "typical":
            part.loc[1, ["deviation", "deviation_to_scale"]] = 0.04, 0.004
        if level == "typical" and n == 1:
            part.loc[2, ["deviation", "deviation_to_scale", "probability"]] = np.inf, np.inf, 0.0
            part.loc[2, ["predicted_lattice", "predicted_system", "failure"]] = "none", "none", "wrong"
        parts.append(part)
    cells, paths = pd.concat(parts), [folder / "cells1.parquet", folder / "cells0.parquet"]
    for path, names in zip(paths, ("c", "ab"), strict=True):
        frame = cells[cells.material_id.isin(list(names))]
        write_parquet(pa.Table.from_pandas(frame, schema=CELLS, preserve_index=False), path)
    return paths


def _write_regressed(path: Path) -> Path:
    """Write what the regressors say of a, 2 % off, and of b, 20 % off, from one pattern, at both levels."""
    rows = [
        {"material_id": m, "level": level, "scale_error": 0.0, "views": 1, "predicted_system": "cubic"}
        | {"deviation": off, "deviation_to_scale": 0.0}
        for level in ("ideal", "typical")
        for m, off in (("a", 0.02), ("b", 0.2))
    ]
    write_parquet(pa.Table.from_pandas(pd.DataFrame(rows), schema=REGRESSED, preserve_index=False), path)
    return path


def _write_kinship(path: Path) -> Path:
    """Write that a is of the prototype of d, and b of its elements; c has no kin in training."""
    columns = {"material_id": list("abcde"), "prototype": ["P", "Q", "R", "P", "S"]}
    columns["chemical_system"] = ["Po", "Cl-Na", "C", "Cl-Na", "Fe"]
    write_parquet(pa.table(columns), path)
    return path


def write_square_patterns(path: Path, materials: str) -> None:
    """Write patterns of cubic cells of 4 Å: all beams up to two lattice vectors off, seen along z."""
    hkl = np.array([(h, k, 0) for h in range(-2, 3) for k in range(-2, 3)], np.int16)
    intensity = np.exp(-np.linalg.norm(hkl, axis=1), dtype=np.float32)
    beams = np.eye(3) / 4, np.eye(3)[None], np.array([200.0]), np.array([len(hkl)]), hkl, intensity
    write_patterns(path, SimulationSettings(), [SimulatedMaterial(name, *beams) for name in materials])


def write_structures(path: Path) -> None:
    po = {"material_id": "a", "formula": "Po", "spacegroup_number": 221, "crystal_system": "cubic"}
    po |= {"volume": 27.0, "nsites": 1, "lattice": np.diag([3.0] * 3).ravel()}
    po |= {"numbers": [84], "frac_coords": [0.0, 0.0, 0.0]}
    write_materials(
        pd.DataFrame([po]), path, {"source": "prototypes", "version": "1_0", "date": "2026-01-02"}
    )
