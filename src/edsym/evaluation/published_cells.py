"""Every published number beside that of the run: table 20 and figure 9. All shares are percentages."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from edsym.evaluation.inputs import EvaluationInputs
from edsym.evaluation.metrics import accuracy_in_percent, class_metrics
from edsym.evaluation.palette import BLUE, ORANGE, VERMILION, add_note
from edsym.evaluation.products import SYSTEM_LABELS
from edsym.evaluation.table_writer import Column, Table
from edsym.models.registry import MODELS
from edsym.symmetry import CRYSTAL_SYSTEMS

QUANTITIES = {
    "crystal_system_accuracy": ("Crystal system", "system"),
    "spacegroup_accuracy": ("Space group", "spacegroup"),
}
_METHODS = {"single": "one pattern", "vote": "vote of ten"}
_METRICS = {"precision": "precision", "f1": "F1"}
_ELSEWHERE = {"mvof_ml": "mvof", "forest_original": "forest"}
"""Published models that were measured on other data than the paper's, and ours that are the same method."""
_COLOURS, _MARKERS = {"gmoe": BLUE, "forest": VERMILION, "mvof": ORANGE}, {"single": "o", "vote": "s"}


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
        f"number to take a difference to. {_citations(inputs)}",
    )


def cells(inputs: EvaluationInputs) -> Iterator[dict]:
    """Yield a row for every published accuracy, precision and F1."""
    values, level = inputs.published.values, inputs.run.published_level
    for section, (quantity, target) in QUANTITIES.items():
        for model, block in values[section].items():
            for method in (name for name in _METHODS if name in block):
                frame = inputs.decisions(method, level).get(_ELSEWHERE.get(model, model))
                for system, value in block[method].items():
                    scores = {} if frame is None else _scores(frame, system, target)
                    row = {"quantity": quantity, "method": _METHODS[method]}
                    yield row | _cell(inputs, model, system, value, scores)
    for model, block in values["crystal_system_metrics"].items():
        frame = inputs.decisions("single", level).get(model)
        for metric in (name for name in _METRICS if name in block):
            by_system = {} if frame is None else _metric(frame, metric)
            for system, value in block[metric].items():
                row = {"quantity": f"Crystal system, {_METRICS[metric]}", "method": _METHODS["single"]}
                yield row | _cell(inputs, model, system, value, {"ours": by_system.get(system, np.nan)})


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


def fig9(inputs: EvaluationInputs) -> Figure:
    """Accuracies against the published ones, for crystal systems and for space groups."""
    frame = pd.DataFrame(list(cells(inputs)))
    figure = Figure(figsize=(7.2, 3.9), layout="constrained")
    panels = figure.subplots(1, len(QUANTITIES), sharex=True, sharey=True)
    for axes, (quantity, _) in zip(panels, QUANTITIES.values(), strict=True):
        _draw(axes, frame[(frame.quantity == quantity) & frame.difference.notna()])
        axes.set(title=quantity, xlabel="Published, %", xlim=(0, 102), ylim=(0, 102), aspect="equal")
    panels[0].set_ylabel(f"This run, {inputs.run.published_level} spots, %")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=3, fontsize=6)
    add_note(figure, inputs.run.line())
    return figure


def _draw(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw the values of each model and method with their intervals; large marks are of all patterns."""
    axes.plot((0, 102), (0, 102), color="0.8", lw=0.7, zorder=0)
    titles = {MODELS[model].title: colour for model, colour in _COLOURS.items()}
    markers = {_METHODS[method]: marker for method, marker in _MARKERS.items()}
    for (model, method), own in rows.groupby(["model", "method"], sort=False):
        x, y = own.published.astype(float), own.ours
        errors = (y - own.ours_low, own.ours_high - y)
        style = {"color": titles[model], "fmt": markers[method], "elinewidth": 0.4}
        axes.errorbar(x, y, errors, markersize=2.5, label=f"{model}, {method}", **style)
        whole = own[own.system == SYSTEM_LABELS["all"]]
        axes.plot(whole.published.astype(float), whole.ours, markers[method], color=titles[model], ms=6)
        for row in own.itertuples():
            if row.system != SYSTEM_LABELS["all"]:
                axes.annotate(
                    row.system[:5], (row.published, row.ours), (3, -5), textcoords="offset points", fontsize=4
                )
