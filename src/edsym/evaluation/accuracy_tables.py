"""Tables of how well the models do: tables 1 to 4. All shares are percentages."""

from collections.abc import Iterator

import pandas as pd

from edsym.evaluation.inputs import EvaluationInputs
from edsym.evaluation.methods import decides
from edsym.evaluation.metrics import accuracy_in_percent, class_metrics, sizes
from edsym.evaluation.products import SYSTEM_LABELS
from edsym.evaluation.table_writer import Column, Table
from edsym.models.registry import MODELS
from edsym.symmetry import CRYSTAL_SYSTEMS

LEVEL = Column("spots", "Spots")
"""The level of the detector that shows the spots that a row is about."""

_METHODS = ("single", "vote", "logsum", "together")
_SIZES = (Column("patterns", "Test patterns", "count"), Column("materials", "Test materials", "count"))
_INTERVAL = (
    "In brackets: 95 % interval (Wilson), with the materials as independent trials, since patterns of one "
    "material are not; for single patterns it is therefore rather too wide than too narrow."
)


def table1(inputs: EvaluationInputs) -> Table:
    """Crystal-system accuracy on single patterns, beside published methods."""
    published = inputs.published
    literature = {"method": "MVOF-ML (literature)", "origin": "literature"}
    literature["published"] = published.get("crystal_system_accuracy", "mvof_ml", "single", "all")
    rows = [literature]
    for model in reversed(inputs.models):
        for level in inputs.run.test_levels:
            frame = inputs.judged(model, "single", level)
            row = {"method": MODELS[model].title, "spots": level, "origin": "this run", **sizes(frame)}
            row |= accuracy_in_percent(frame, "system", "accuracy")
            if level == inputs.run.published_level:
                row["published"] = published.get("crystal_system_accuracy", model, "single", "all")
            rows.append(row)
    names = (
        "method",
        "spots",
        "origin",
        "accuracy",
        "accuracy_low",
        "accuracy_high",
        "accuracy_macro",
        "published",
    )
    return Table(
        "table1",
        "Crystal-system accuracy on single patterns",
        _frame(rows, (*names, "patterns", "materials")),
        (
            Column("method", "Method"),
            LEVEL,
            Column("accuracy", "This run, %", "interval"),
            Column("accuracy_macro", "Mean recall of systems, %", "percent"),
            Column("published", "Published, %", "published"),
            *_SIZES,
        ),
        inputs.run.line(),
        f"{_INTERVAL} {inputs.told_left_out()}"
        f"{_citations(inputs, 'crystal_system_accuracy', 'mvof_ml', *inputs.models)}",
    )


def table2(inputs: EvaluationInputs) -> Table:
    """Precision, recall and F1 of each crystal system on single patterns."""
    rows = [
        row
        for model in inputs.models
        for level in inputs.run.test_levels
        for row in _class_rows(inputs, model, level)
    ]
    names = ("model", "spots", "system", "precision", "published_precision", "recall", "f1", "published_f1")
    return Table(
        "table2",
        "Precision, recall and F1 of the crystal systems on single patterns",
        _frame(rows, (*names, "patterns", "materials", "spacegroups")),
        (
            Column("model", "Model"),
            LEVEL,
            Column("system", "Crystal system"),
            Column("precision", "Precision, %", "percent"),
            Column("published_precision", "Precision, published, %", "published"),
            Column("recall", "Recall, %", "percent"),
            Column("f1", "F1, %", "percent"),
            Column("published_f1", "F1, published, %", "published"),
            *_SIZES,
            Column("spacegroups", "Space groups", "count"),
        ),
        inputs.run.line(),
        "The mean is over the systems for which the value is known: systems without test patterns, and for "
        "the precision systems that were never predicted, are left out. "
        f"{inputs.told_left_out()}{_citations(inputs, 'crystal_system_metrics', *inputs.models)}",
    )


def _class_rows(inputs: EvaluationInputs, model: str, level: str) -> Iterator[dict]:
    frame = inputs.judged(model, "single", level)
    scores = class_metrics(frame.system, frame.predicted_system, len(CRYSTAL_SYSTEMS))
    scores = 100 * scores[["precision", "recall", "f1"]]
    about = {"model": MODELS[model].title, "spots": level}
    for i, system in enumerate(CRYSTAL_SYSTEMS):
        row = about | {"system": system, **scores.loc[i], **sizes(frame[frame.system == i])}
        if level == inputs.run.published_level:
            for name in ("precision", "f1"):
                row[f"published_{name}"] = inputs.published.get("crystal_system_metrics", model, name, system)
        yield row
    yield about | {"system": "macro", **scores.mean(), **sizes(frame)}


def table3(inputs: EvaluationInputs) -> Table:
    """Crystal-system accuracy by crystal system, on single patterns and over several views."""
    title = "Crystal-system accuracy on single patterns and over several views of a material"
    return _accuracy_table(inputs, "table3", title, "system", "crystal_system_accuracy")


def table4(inputs: EvaluationInputs) -> Table:
    """Space-group accuracy by crystal system, on single patterns and over several views."""
    title = "Space-group accuracy on single patterns and over several views of a material"
    return _accuracy_table(inputs, "table4", title, "spacegroup", "spacegroup_accuracy")


def _accuracy_table(inputs: EvaluationInputs, name: str, title: str, target: str, section: str) -> Table:
    rows = [
        row
        for model in inputs.models
        for level in inputs.run.test_levels
        for row in _system_rows(inputs, model, level, target, section)
    ]
    values = [f"{method}{end}" for method in _METHODS for end in ("", "_low", "_high")]
    names = (
        "model",
        "spots",
        "system",
        *values,
        "published_single",
        "published_vote",
        "patterns",
        "materials",
    )
    return Table(
        name,
        title,
        _frame(rows, names),
        (
            Column("model", "Model"),
            LEVEL,
            Column("system", "Crystal system"),
            Column("single", "One pattern, %", "interval"),
            Column("published_single", "One pattern, published, %", "published"),
            Column("vote", "Vote, %", "interval"),
            Column("published_vote", "Vote, published, %", "published"),
            Column("logsum", "Log-probability sum, %", "interval"),
            Column("together", "Views together, %", "interval"),
            *_SIZES,
        ),
        inputs.run.line(),
        f"{_INTERVAL} Only some models read views together. {inputs.told_left_out()}"
        f"{_citations(inputs, section, *inputs.models)}",
    )


def _system_rows(
    inputs: EvaluationInputs, model: str, level: str, target: str, section: str
) -> Iterator[dict]:
    """Yield a row for each crystal system, one for all, and one for the mean of the classes that occur."""
    about = {"model": MODELS[model].title, "spots": level}
    for i, system in enumerate((*CRYSTAL_SYSTEMS, "all")):
        row = about | {"system": system}
        for method in _METHODS:
            if not decides(model, method):
                continue
            frame = inputs.judged(model, method, level)
            chosen = frame if system == "all" else frame[frame.system == i]
            row |= accuracy_in_percent(chosen, target, method, interval=system == "all")
            row |= sizes(chosen) if method == "single" else {}
            if method in ("single", "vote") and level == inputs.run.published_level:
                row[f"published_{method}"] = inputs.published.get(section, model, method, system)
        yield row
    yield about | {"system": f"macro {target}"} | {method: row.get(f"{method}_macro") for method in _METHODS}


def _frame(rows: list[dict], names: tuple[str, ...]) -> pd.DataFrame:
    """Return rows as a frame; values that a row lacks are unknown."""
    values = {name: [row.get(name) for row in rows] for name in names}
    # Published values stay as they are in the text: 62 does not become 62.0.
    kinds = {name: object if name.startswith("published") else None for name in names}
    frame = pd.DataFrame({name: pd.Series(values[name], dtype=kinds[name]) for name in names})
    if "system" in frame:
        frame["system"] = frame["system"].replace(SYSTEM_LABELS)
    return frame


def _citations(inputs: EvaluationInputs, section: str, *models: str) -> str:
    return inputs.published.citation(*((section, model) for model in models))
