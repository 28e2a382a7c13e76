"""Accuracy by classes of space groups, and where wrong space groups lie: table 13. In percent."""

from collections.abc import Iterator
from itertools import product

import numpy as np
import pandas as pd

from edsym.evaluation.accuracy_tables import LEVEL
from edsym.evaluation.inputs import EvaluationInputs
from edsym.evaluation.methods import METHODS, methods_of
from edsym.evaluation.metrics import accuracy_columns, accuracy_in_percent, sizes
from edsym.evaluation.table_writer import Column, Table
from edsym.models.registry import MODELS
from edsym.symmetry import system_index
from edsym.symmetry.classes import CLASSES
from edsym.symmetry.subgroups import steps_down

TARGETS = {
    "system": "System",
    "laue": "Laue class",
    "bravais": "Bravais lattice",
    "powder": "Powder group",
    "extinction": "Extinction group",
    "spacegroup": "Space group",
}
_STEPS = {"steps_1": "1 step", "steps_2": "2 steps", "steps_3": "3 or 4 steps", "unrelated": "unrelated"}
_P1BAR = 2


def table13(inputs: EvaluationInputs) -> Table:
    """Accuracy by classes of space groups, and steps of errors between groups and t-subgroups."""
    names = ["model", "spots", "method", "predictions", *accuracy_columns(TARGETS), *_STEPS]
    return Table(
        "table13",
        "Accuracy by classes of space groups, and where wrong space groups lie",
        pd.DataFrame(list(_rows(inputs)), columns=[*names, "errors", "patterns", "materials"]),
        (
            Column("model", "Model"),
            LEVEL,
            Column("method", "Decided by"),
            Column("predictions", "Predictions"),
            *(
                column
                for name, title in TARGETS.items()
                for column in (
                    Column(name, f"{title}, %", "percent"),
                    Column(f"{name}_macro", f"{title}, mean recall, %", "percent"),
                )
            ),
            *(Column(name, f"Errors: {title}, %", "percent") for name, title in _STEPS.items()),
            Column("errors", "Errors", "count"),
            Column("patterns", "Test decisions", "count"),
            Column("materials", "Test materials", "count"),
        ),
        inputs.run.line(),
        "Classes between crystal system and space group are decided by sums of the probabilities of space "
        "groups. Steps: between the true and the predicted space group on the graph of maximal "
        "translationengleiche subgroups, where one is a subgroup of the other; else they are unrelated. "
        "Nulls: the model's predictions in another order, always P-1, and always the space group with most "
        "training patterns. Few steps alone say little: P-1 is a subgroup of every centrosymmetric group. "
        "No published counterpart.",
    )


def _rows(inputs: EvaluationInputs) -> Iterator[dict]:
    training = inputs.materials[inputs.materials.split == "train"]
    most = int(training.groupby("spacegroup_number").n_patterns.sum().idxmax())
    constants = {"always P-1": _P1BAR, "most frequent": most}
    for model, level in product(inputs.models, inputs.run.test_levels):
        for method in methods_of(model, inputs.configuration, counted=False):
            frame = _with_truth(inputs.decisions(method, level)[model])
            about = {"model": MODELS[model].title, "spots": level, "method": METHODS[method]}
            rivals = {"as predicted": frame, "permuted": _permuted(frame, inputs)}
            rivals |= {name: frame.assign(**_constant(group)) for name, group in constants.items()}
            for name, rival in rivals.items():
                yield about | {"predictions": name} | _scores(rival) | sizes(rival)


def _with_truth(frame: pd.DataFrame) -> pd.DataFrame:
    """Return decisions with the true classes of each kind."""
    return frame.assign(**{kind: _of_groups(kind, frame.spacegroup.to_numpy()) for kind in CLASSES})


def _of_groups(kind: str, spacegroup: np.ndarray) -> np.ndarray:
    return CLASSES[kind]().index[spacegroup - 1]


def _permuted(frame: pd.DataFrame, inputs: EvaluationInputs) -> pd.DataFrame:
    """Return decisions that are dealt out anew among all rows."""
    order = np.random.default_rng(inputs.configuration["evaluation"]["seed"]).permutation(len(frame))
    names = [f"predicted_{target}" for target in TARGETS]
    return frame.assign(**{name: frame[name].to_numpy()[order] for name in names})


def _constant(group: int) -> dict[str, int]:
    """Return the decisions of what always says one space group."""
    classes = {kind: _of_groups(kind, np.array(group)) for kind in CLASSES}
    classes |= {"system": system_index(group), "spacegroup": group}
    return {f"predicted_{target}": int(classes[target]) for target in TARGETS}


def _scores(frame: pd.DataFrame) -> dict[str, float]:
    scores = {}
    for target in TARGETS:
        scores |= accuracy_in_percent(frame, target, target)
    wrong = frame[frame.spacegroup != frame.predicted_spacegroup]
    true, predicted = wrong.spacegroup.to_numpy() - 1, wrong.predicted_spacegroup.to_numpy() - 1
    steps = np.maximum(steps_down()[true, predicted], steps_down()[predicted, true])
    found = (steps == 1, steps == 2, steps > 2, steps < 0)
    shares = [100 * hits.mean() if len(hits) else np.nan for hits in found]
    return scores | dict(zip(_STEPS, shares, strict=True)) | {"errors": len(wrong)}
