"""Every published number beside that of the run: table 20. All shares are percentages."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from edsym.evaluation.inputs import EvaluationInputs
from edsym.evaluation.metrics import accuracy_in_percent, class_metrics
from edsym.evaluation.products import SYSTEM_LABELS
from edsym.evaluation.table_writer import Column, Table
from edsym.models.registry import MODELS
from edsym.symmetry import CRYSTAL_SYSTEMS

QUANTITIES = {
    "crystal_system_accuracy": ("Crystal system", "system"),
    "spacegroup_accuracy": ("Space group", "spacegroup"),
}
METHODS = {"single": "one pattern", "vote": "vote of ten"}
_METRICS = {"precision": "precision", "f1": "F1"}
_ELSEWHERE = {"mvof_ml": "mvof", "forest_original": "forest"}
"""Published models that were measured on other data than the paper's, and ours that are the same method."""


def table20(inputs: EvaluationInputs) -> Table:
    """All published numbers, ours, their difference, and whether these can be compared."""
    names = ["quantity", "model", "method", "system", "published", "ours", "ours_low", "ours_high"]
    return Table(
        "table20",
        "Published and reproduced",
        pd.DataFrame(list(cells(inputs)), columns=[*names, "difference", "comparable"]).astype(
            {"published": object}
        ),
        (
            Column("quantity", "Quantity"),
            Column("model", "Model"),
            Column("method", "Decided by"),
            Column("system", "Crystal system"),
            Column("published", "Published, %", "published"),
            Column("ours", "This run, %", "interval"),
            Column("difference", "Difference, points", "percent"),
            Column("comparable", "Comparable"),
        ),
        inputs.run.line(),
        f"This run: on {inputs.run.published_level} spots. In brackets: 95 % interval (Wilson, with the "
        "materials as independent trials); precision and F1 have none. An en dash: no such pattern, or no "
        f"number to take a difference to. {inputs.told_left_out()}{_citations(inputs)}",
    )


def cells(inputs: EvaluationInputs) -> Iterator[dict]:
    """Yield a row for every published accuracy, precision and F1."""
    values = inputs.published.values
    for section, (quantity, target) in QUANTITIES.items():
        for model, block in values[section].items():
            for method in (name for name in METHODS if name in block):
                frame = _frame(inputs, _ELSEWHERE.get(model, model), method)
                for system, value in block[method].items():
                    scores = {} if frame is None else _scores(frame, system, target)
                    row = {"quantity": quantity, "method": METHODS[method]}
                    yield row | _cell(inputs, model, system, value, scores)
    for model, block in values["crystal_system_metrics"].items():
        frame = _frame(inputs, model, "single")
        for metric in (name for name in _METRICS if name in block):
            by_system = {} if frame is None else _metric(frame, metric)
            for system, value in block[metric].items():
                row = {"quantity": f"Crystal system, {_METRICS[metric]}", "method": METHODS["single"]}
                yield row | _cell(inputs, model, system, value, {"ours": by_system.get(system, np.nan)})


def _frame(inputs: EvaluationInputs, model: str, method: str) -> pd.DataFrame | None:
    return inputs.judged(model, method, inputs.run.published_level) if model in inputs.models else None


def _scores(frame: pd.DataFrame, system: str, target: str) -> dict[str, float]:
    """Return accuracy and interval on the decisions about a crystal system, or all."""
    own = frame if system == "all" else frame[frame.system == CRYSTAL_SYSTEMS.index(system)]
    return accuracy_in_percent(own, target, "ours")


def _metric(frame: pd.DataFrame, name: str) -> dict[str, float]:
    """Return precision or F1 in percent by crystal system, and their mean."""
    values = 100 * class_metrics(frame.system, frame.predicted_system, len(CRYSTAL_SYSTEMS))[name]
    return dict(zip(CRYSTAL_SYSTEMS, values, strict=True)) | {"all": values.mean()}


def _cell(inputs: EvaluationInputs, model: str, system: str, value: float | str, scores: dict) -> dict:
    """Return the columns of a published value of a model and system, with ours and why it may not compare."""
    own = {name: scores.get(name, np.nan) for name in ("ours", "ours_low", "ours_high")}
    stated = isinstance(value, int | float)
    if _ELSEWHERE.get(model, model) not in inputs.models:
        comparable = "no: not a model of this run"
    elif model in _ELSEWHERE:
        comparable = "no: measured on other data"
    elif not inputs.run.is_paper:
        comparable = "no: not the paper's run"
    else:
        comparable = "yes" if stated else "in part: not stated as a number"
    return {
        "model": MODELS[_ELSEWHERE.get(model, model)].title,
        "system": SYSTEM_LABELS.get(system, system),
        "published": value,
        **own,
        "difference": own["ours"] - value if stated else np.nan,
        "comparable": comparable,
    }


def _citations(inputs: EvaluationInputs) -> str:
    sections = (*QUANTITIES, "crystal_system_metrics")
    return inputs.published.citation(
        *((section, model) for section in sections for model in inputs.published.values[section])
    )
