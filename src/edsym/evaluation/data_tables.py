"""Tables of what went in: the split (table 5) and the hyperparameters (table 6)."""

import numpy as np
import pandas as pd

from edsym.evaluation.inputs import EvaluationInputs
from edsym.evaluation.products import CONFIGURED, SYSTEM_LABELS
from edsym.evaluation.table_writer import Column, Table
from edsym.models.registry import MODELS
from edsym.symmetry import CRYSTAL_SYSTEMS

# What the code has no setting for, because the paper fixes it.
_FIXED = {"shared_experts": 1, "aggregator_layers": 2, "loss_weights": "1 : 1"}


def table5(inputs: EvaluationInputs) -> Table:
    """Materials, patterns and space groups of each crystal system in both parts of the split."""
    materials = inputs.materials
    total = materials.groupby("split").n_patterns.sum()
    rows = [
        {"system": system, **_part_sizes(materials[materials.crystal_system == system], total)}
        for system in CRYSTAL_SYSTEMS
    ]
    rows.append({"system": SYSTEM_LABELS["all"], **_part_sizes(materials, total)})
    rows.append({"system": "All, published", **(inputs.published.get("dataset") or {})})
    parts = {"train": "Training", "test": "Test"}
    columns = [Column("system", "Crystal system")]
    for part, name in parts.items():
        columns += [
            Column(f"materials_{part}", f"{name} materials", "count"),
            Column(f"patterns_{part}", f"{name} patterns", "count"),
            Column(f"share_{part}", f"Share of {name.lower()} patterns, %", "percent"),
            Column(f"spacegroups_{part}", f"Space groups, {name.lower()}", "count"),
        ]
    columns.append(Column("spacegroups", "Space groups, both", "count"))
    return Table(
        "table5",
        "The split into training and test materials",
        pd.DataFrame([{c.name: row.get(c.name) for c in columns} for row in rows]),
        tuple(columns),
        inputs.run.line(),
        inputs.published.citation(("dataset",)),
    )


def _part_sizes(materials: pd.DataFrame, total: pd.Series) -> dict[str, float]:
    sizes = {"spacegroups": materials.spacegroup_number.nunique()}
    for part in ("train", "test"):
        chosen = materials[materials.split == part]
        patterns, whole = int(chosen.n_patterns.sum()), total.get(part, 0)
        sizes |= {
            f"materials_{part}": len(chosen),
            f"patterns_{part}": patterns,
            f"share_{part}": 100 * patterns / whole if whole else np.nan,
            f"spacegroups_{part}": chosen.spacegroup_number.nunique(),
        }
    return sizes


def table6(inputs: EvaluationInputs) -> Table:
    """Every hyperparameter of the run, and whether the paper states it or it is our choice."""
    settings = [
        (section, name, value)
        for section in CONFIGURED["table6"]
        for name, value in inputs.configuration.get(section, {}).items()
    ]
    settings += [("fixed", name, value) for name, value in _FIXED.items()]
    rows = [_hyperparameter(inputs, *setting) for setting in settings]
    for model in inputs.models:
        count = inputs.model(model).get("n_parameters")
        if count is not None:
            row = {"section": MODELS[model].title, "setting": "parameters", "value": f"{count:,}"}
            rows.append(row | {"published": None, "origin": "result"})
    stated = inputs.published.get("hyperparameters") or {}
    return Table(
        "table6",
        "Hyperparameters",
        pd.DataFrame(rows),
        (
            Column("section", "Section"),
            Column("setting", "Setting"),
            Column("value", "Value"),
            Column("published", "Published"),
            Column("origin", "Origin"),
        ),
        inputs.run.line(),
        "Section and setting are those of the configuration; fixed is what the code has no setting for. "
        + inputs.published.citation(*(("hyperparameters", section) for section in stated)),
    )


def _hyperparameter(inputs: EvaluationInputs, section: str, name: str, value) -> dict[str, str | None]:
    published = inputs.published.get("hyperparameters", section, "values", name)
    if published is None:
        origin = "our choice: not stated"
    elif published == value:
        origin = "published"
    elif isinstance(published, str) and not isinstance(value, str):
        # words in place of a number or a list: the paper tells some of it
        origin = "published in part"
    else:
        origin = "differs from published"
    row = {"section": section, "setting": name, "value": _text(value)}
    return row | {"published": None if published is None else _text(published), "origin": origin}


def _text(value) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return "none" if value is None else str(value)
