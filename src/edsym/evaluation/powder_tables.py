"""Tables of the powder network: accuracy beside other methods, and calibration."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from edsym.errors import InputError
from edsym.evaluation.metrics import expected_calibration_error, wilson_interval
from edsym.evaluation.table_writer import Column, Table
from edsym.parquet import read_parquet
from edsym.powder.methods import METHODS

_LEAST_P = 1e-6


def powder1(scores: Mapping[str, Path], models: Mapping[str, Path]) -> Table:
    """Accuracy of the network and of what stands beside it: powder groups, systems, space groups."""
    rows = []
    for place, frame in _parts(scores):
        shares = {
            "top1": frame["rank"] == 1,
            "top5": frame["rank"] <= 5,
            "system": frame.system_right,
            "spacegroup": frame.spacegroup_right,
        }
        recall = shares["top1"].groupby(frame.group).mean().mean()
        row = place | {"number": len(frame), "macro": 100 * recall}
        for name, right in shares.items():
            low, high = wilson_interval(float(right.mean()), len(frame))
            row |= {name: 100 * right.mean(), f"{name}_low": 100 * low, f"{name}_high": 100 * high}
        rows.append(row)
    return Table(
        "powder1",
        "Powder patterns: right answers in %",
        pd.DataFrame(rows),
        (
            *_PLACE,
            Column("number", "Number", "count"),
            Column("top1", "Group, first", "interval"),
            Column("top5", "Among five", "interval"),
            Column("macro", "Mean recall", "percent"),
            Column("system", "Crystal system", "interval"),
            Column("spacegroup", "Space group", "interval"),
        ),
        _note(models),
        "Groups are the 97 that systematic absences tell apart. Simulated patterns are of test materials; of "
        "measured ones, some materials may be among those of the training. Intervals are at 95 %, of "
        "independent patterns: several of one mineral make them too narrow.",
    )


def powder2(scores: Mapping[str, Path], models: Mapping[str, Path]) -> Table:
    """How far probabilities are right: likelihood, Brier score, calibration error."""
    rows = []
    for place, frame in _parts(scores):
        right = (frame["rank"] == 1).to_numpy()
        error = expected_calibration_error(frame.confidence.to_numpy(), right)
        nll = -np.log(np.maximum(frame.p_true, _LEAST_P)).mean()
        values = {"nll": nll, "brier": frame.brier.mean(), "error": 100 * error}
        rows.append(place | values | {"confidence": 100 * frame.confidence.mean()})
    return Table(
        "powder2",
        "Powder patterns: how far probabilities of groups can be believed",
        pd.DataFrame(rows),
        (
            *_PLACE,
            Column("nll", "−ln p of the truth", "number"),
            Column("brier", "Brier", "number"),
            Column("confidence", "Mean confidence, %", "percent"),
            Column("error", "Calibration error, %", "percent"),
        ),
        _note(models),
        f"Probabilities below {_LEAST_P:g} count as this in the logarithm. Temperature and power of the "
        "prior are fitted to validation materials, or to the other half of the measured patterns.",
    )


BUILDERS = {table.__name__: table for table in (powder1, powder2)}
"""Functions from the files of scores and the folders of models, by division, to tables."""

_PLACE = (
    Column("division", "Divided by"),
    Column("patterns", "Patterns"),
    Column("method", "Method"),
)


def _parts(scores: Mapping[str, Path]):
    """Yield division, patterns and method, and the rows of these."""
    for division, path in scores.items():
        frame = read_parquet(path).to_pandas()
        for patterns in ("simulated", "measured"):
            for method, title in METHODS.items():
                own = frame[(frame.patterns == patterns) & (frame.method == method)]
                if len(own):
                    yield {"division": division, "patterns": patterns, "method": title}, own


def _note(models: Mapping[str, Path]) -> str:
    """Say what the networks were trained on, and how they are calibrated."""
    parts = []
    for division, folder in models.items():
        path = Path(folder) / "powder.json"
        try:
            model = json.loads(path.read_text(encoding="utf-8"))
            training, calibration = model["training"], model["calibration"]
            parts.append(
                f"by {division}: {training['materials']:,} training materials, {training['epochs']:,} "
                f"epochs, temperature {1 / calibration['scores']:.2f}, "
                f"power of the prior {calibration['prior']:.2f}"
            )
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise InputError(f"{path} is not what stands beside a powder model: {error}") from error
    return f"Divided {'; '.join(parts)}."
