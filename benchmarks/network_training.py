"""Train PE-AG-GMoE on spots as a detector shows them, test it on other materials, and write what came out.

The test materials are those of `lattice_network.py`. The folder gets the model, its curves and scores.json.
Start it again and it goes on from the last checkpoint.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from lattice_network import sides

from edsym.detector.detect import detect
from edsym.evaluation.metrics import accuracy, class_metrics, wilson_interval
from edsym.files import write_text
from edsym.models.gmoe.model import GMoE
from edsym.models.gmoe.settings import NetworkSettings
from edsym.predictions.pooling import geometric_mean
from edsym.spots.split import validation_patterns
from edsym.spots.store import SpotLists
from edsym.symmetry import CRYSTAL_SYSTEMS, N_SPACE_GROUPS, system_index
from edsym.training.settings import TrainingSettings

LEVELS = ("ideal", "typical")
TRAINED = "typical"


def main() -> None:
    """Train, test and write."""
    options = parsed()
    learned, groups, test, test_groups = sides(options)
    network, training = json.loads(options.network), json.loads(options.training)
    model = GMoE(network=NetworkSettings(**network), training=TrainingSettings(**training))
    write(options.output, trained(model, learned, groups, test, test_groups, options))


def parsed() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spots", type=Path, nargs="+", help="stores of spots")
    parser.add_argument("--structures", type=Path, required=True, help="their materials (Parquet)")
    parser.add_argument("--output", type=Path, required=True, help="folder of the model")
    parser.add_argument("--checkpoints", type=Path, help="folder to go on from")
    parser.add_argument("--network", default="{}", help="settings of the section network as JSON")
    parser.add_argument("--training", default="{}", help="settings of the section training as JSON")
    parser.add_argument("--test", type=int, default=1200, help="materials that are kept for the test")
    return parser.parse_args()


def trained(
    model: GMoE,
    learned: SpotLists,
    groups: np.ndarray,
    test: SpotLists,
    test_groups: np.ndarray,
    options: argparse.Namespace,
) -> dict:
    """Train and save a model, and return what it took and what it is worth."""
    settings = model.settings["training"]
    validates = validation_patterns(learned.material, settings.validation_fraction, settings.seed)
    began = time.perf_counter()
    model.fit(learned, groups, validates, detector=TRAINED, checkpoints=options.checkpoints)
    seconds = time.perf_counter() - began
    model.save(options.output)
    shown = len(model.curves) * int((~validates).sum())
    result = {
        "patterns": int((~validates).sum()),
        "materials": len(np.unique(learned.material[~validates])),
        "epochs": len(model.curves),
        "seconds": seconds,
        "patterns_per_second": shown / seconds,
        "parameters": model.facts()["n_parameters"],
        "scores": [],
    }
    for level in LEVELS:
        seen = detect(test, level)
        began = time.perf_counter()
        systems, spacegroups = model.predict_proba(seen)
        result[f"predicted_per_second_{level}"] = len(seen) / (time.perf_counter() - began)
        result["scores"] += scores(level, seen, test_groups, systems, spacegroups)
    return result


def scores(
    level: str, spots: SpotLists, groups: np.ndarray, systems: np.ndarray, spacegroups: np.ndarray
) -> list[dict]:
    """Return what single patterns and the logarithms' sum of all of a material are worth."""
    order = np.argsort(spots.material, kind="stable")
    start = np.flatnonzero(np.diff(spots.material[order], prepend=-1))
    pooled = [geometric_mean(p[order], start) for p in (systems, spacegroups)]
    rows = []
    for views, system, group, truth in (
        ("one", systems, spacegroups, groups),
        ("all, log-sum", *pooled, groups[order][start]),
    ):
        row = {"level": level, "views": views, "materials": len(start)}
        for name, guess, true, count in (
            ("system", system.argmax(1), system_index(truth), len(CRYSTAL_SYSTEMS)),
            ("spacegroup", group.argmax(1), truth - 1, N_SPACE_GROUPS),
        ):
            row[name] = accuracy(true, guess)
            row[f"{name}_interval"] = list(wilson_interval(row[name], len(start)))
            recall = class_metrics(true, guess, count).recall.to_numpy()
            row[f"{name}_macro"] = float(np.nanmean(recall))
            if name == "system":
                row["recall"] = dict(zip(CRYSTAL_SYSTEMS, map(float, recall), strict=True))
        rows.append(row)
    return rows


def write(folder: Path, result: dict) -> None:
    """Write the scores beside the model, and print them."""
    text = json.dumps(result, indent=1) + "\n"
    write_text(folder / "scores.json", text)
    print(text)


if __name__ == "__main__":
    main()
