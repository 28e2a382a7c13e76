"""Tables of what goes beyond the paper: calibration (table 8) and decision rules (table 9). In percent."""

from collections.abc import Iterator
from itertools import product

import numpy as np
import pandas as pd

from edsym.evaluation.accuracy_tables import LEVEL
from edsym.evaluation.inputs import EvaluationInputs
from edsym.evaluation.methods import COUNTED, METHODS, methods_of
from edsym.evaluation.metrics import (
    accuracy_columns,
    accuracy_in_percent,
    expected_calibration_error,
    sizes,
)
from edsym.evaluation.table_writer import Column, Table
from edsym.models.registry import MODELS
from edsym.symmetry import system_index

TARGETS = {"system": "Crystal system", "spacegroup": "Space group"}
_SIZES = (Column("patterns", "Test decisions", "count"), Column("materials", "Test materials", "count"))


def table8(inputs: EvaluationInputs) -> Table:
    """Calibration error of all models before and after temperature scaling."""
    names = ("model", "spots", "target", "method", "accuracy", "confidence", "ece", "temperature")
    names += ("calibrated_confidence", "calibrated_ece", "patterns", "materials")
    return Table(
        "table8",
        "Calibration: confidence against accuracy, before and after temperature scaling",
        pd.DataFrame(list(_calibration_rows(inputs)), columns=list(names)),
        (
            Column("model", "Model"),
            LEVEL,
            Column("target", "Target"),
            Column("method", "Decided by"),
            Column("accuracy", "Accuracy, %", "percent"),
            Column("confidence", "Mean confidence, %", "percent"),
            Column("ece", "ECE, %", "percent"),
            Column("temperature", "Temperature", "number"),
            Column("calibrated_confidence", "Mean confidence, scaled, %", "percent"),
            Column("calibrated_ece", "ECE, scaled, %", "percent"),
            *_SIZES,
        ),
        inputs.run.line(),
        "Expected calibration error (ECE) over 15 bins of equal width (Guo et al., ICML 2017). Temperatures "
        "and pool are fitted at each level of the detector on the validation part of the training materials. "
        f"{_trained_again(inputs)}No published counterpart.",
    )


def _trained_again(inputs: EvaluationInputs) -> str:
    """Say which models are fitted to another one of their kind, as they know the validation part by heart."""
    names = [MODELS[model].title.lower() for model in inputs.models if not MODELS[model].holds_out]
    if not names:
        return ""
    others = "".join(f", {name}" for name in names[:-1])
    return f"Those of {others[2:]}{' and ' if others else ''}{names[-1]} are of one trained without these. "


def _calibration_rows(inputs: EvaluationInputs) -> Iterator[dict]:
    for model, level in product(inputs.models, inputs.run.test_levels):
        temperatures = inputs.calibration(model, level).temperature
        about = {"model": MODELS[model].title, "spots": level}
        for target, title in TARGETS.items():
            for method in methods_of(model, inputs.configuration, counted=False):
                frame = inputs.decisions(method, level)[model]
                row = about | {"target": title, "method": METHODS[method]}
                row["temperature"] = temperatures[method][target] if temperatures else np.nan
                yield row | _calibration(frame, target) | sizes(frame)


def _calibration(frame: pd.DataFrame, target: str) -> dict[str, float]:
    right = (frame[target] == frame[f"predicted_{target}"]).to_numpy()
    before, after = frame[f"{target}_confidence"].to_numpy(), frame[f"{target}_calibrated"].to_numpy()
    return {
        "accuracy": 100 * right.mean(),
        "confidence": 100 * before.mean(),
        "ece": 100 * expected_calibration_error(before, right),
        "calibrated_confidence": 100 * after.mean(),
        "calibrated_ece": 100 * expected_calibration_error(after, right),
    }


def table9(inputs: EvaluationInputs) -> Table:
    """Accuracy by the paper's ways to decide and by those beyond it, a row each."""
    names = ("model", "spots", "method", "rule", *accuracy_columns(TARGETS))
    names += ("impossible", "patterns", "materials")
    return Table(
        "table9",
        "Accuracy by ways to combine views and to decide on the space group",
        pd.DataFrame(list(_decision_rows(inputs)), columns=list(names)),
        (
            Column("model", "Model"),
            LEVEL,
            Column("method", "Decided by"),
            Column("rule", "Space group"),
            Column("system", "System, %", "interval"),
            Column("system_macro", "System, mean recall, %", "percent"),
            Column("spacegroup", "Space group, %", "interval"),
            Column("spacegroup_macro", "Space group, mean recall, %", "percent"),
            Column("impossible", "Impossible pairs, %", "percent"),
            *_SIZES,
        ),
        inputs.run.line(),
        "Given the system: p(system) · p(group | system), the system decided first. An impossible pair is a "
        "space group that is not of the crystal system decided on. In brackets: 95 % interval (Wilson), with "
        "the materials as independent trials.",
    )


def _decision_rows(inputs: EvaluationInputs) -> Iterator[dict]:
    for model, level in product(inputs.models, inputs.run.test_levels):
        for method in methods_of(model, inputs.configuration, counted=True):
            frame = inputs.decisions(method, level)[model]
            row = {"model": MODELS[model].title, "spots": level, "method": METHODS[method]} | sizes(frame)
            yield row | {"rule": "independent"} | _scores(frame)
            if inputs.configuration["evaluation"]["conditional"] and method not in COUNTED:
                given = frame.assign(predicted_spacegroup=frame.given_spacegroup)
                yield row | {"rule": "given the system"} | _scores(given)


def _scores(frame: pd.DataFrame) -> dict[str, float]:
    possible = system_index(frame.predicted_spacegroup.to_numpy()) == frame.predicted_system
    scores = {"impossible": 100 * (1 - possible.mean())}
    for target in TARGETS:
        scores |= accuracy_in_percent(frame, target, target)
    return scores
