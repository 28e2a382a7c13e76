"""Tables of the powder network: accuracy beside other methods and published ones, and calibration."""

import numpy as np
import pandas as pd

from edsym.evaluation.metrics import expected_calibration_error, wilson_interval
from edsym.evaluation.powder_inputs import PLACE, PowderInputs
from edsym.evaluation.published import read_published
from edsym.evaluation.table_writer import Column, Table
from edsym.powder.methods import WEIGHTS

_LEAST_P = 1e-6


def powder1(inputs: PowderInputs) -> Table:
    """Accuracy of the network and of what stands beside it: powder groups, systems, space groups."""
    rows = []
    for place, frame in inputs.parts():
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
            *PLACE,
            Column("number", "Number", "count"),
            Column("top1", "Group, first", "interval"),
            Column("top5", "Among five", "interval"),
            Column("macro", "Mean recall", "percent"),
            Column("system", "Crystal system", "interval"),
            Column("spacegroup", "Space group", "interval"),
        ),
        inputs.note(),
        "Groups are the 97 that systematic absences tell apart. Simulated patterns are of test materials; of "
        "measured ones, some materials may be among those of the training. Intervals are at 95 %, of "
        "independent patterns: several of one mineral make them too narrow.",
    )


def powder2(inputs: PowderInputs) -> Table:
    """How far probabilities are right: likelihood, Brier score, calibration error."""
    rows = []
    for place, frame in inputs.parts():
        right = (frame["rank"] == 1).to_numpy()
        error = expected_calibration_error(frame.confidence.to_numpy(), right)
        nll = -np.log(np.maximum(frame.p_true, _LEAST_P)).mean()
        values = {"nll": nll, "brier": frame.brier.mean(), "error": 100 * error}
        scores, prior = (frame[name].mean() for name in WEIGHTS)
        values |= {"temperature": 1 / scores, "power": prior}
        rows.append(place | values | {"confidence": 100 * frame.confidence.mean()})
    return Table(
        "powder2",
        "Powder patterns: how far probabilities of groups can be believed",
        pd.DataFrame(rows),
        (
            *PLACE,
            Column("temperature", "Temperature", "number"),
            Column("power", "Power of the prior", "number"),
            Column("nll", "−ln p of the truth", "number"),
            Column("brier", "Brier", "number"),
            Column("confidence", "Mean confidence, %", "percent"),
            Column("error", "Calibration error, %", "percent"),
        ),
        inputs.note(),
        f"Probabilities below {_LEAST_P:g} count as this in the logarithm. Temperature and power of the "
        "prior are fitted to validation materials, or to the other half of the measured patterns; a power of "
        "0 is the network without a prior of groups.",
    )


def powder3(inputs: PowderInputs) -> Table:
    """Measured patterns beside what the publication reports of others of the same project."""
    published = read_published(inputs.published)
    block = published.get("powder")
    rows = [
        place
        | {"number": len(frame), "classes": 97, "spacegroup": 100 * frame.spacegroup_right.mean()}
        | {"top1": 100 * (frame["rank"] == 1).mean(), "top5": 100 * (frame["rank"] <= 5).mean()}
        | {"system": 100 * frame.system_right.mean()}
        for place, frame in inputs.parts()
        if place["patterns"] == "measured"
    ]
    for values in block["measured"]:
        rows.append({"division": "published"} | values)
    columns = (
        *PLACE,
        Column("number", "Number", "count"),
        Column("classes", "Groups", "count"),
        Column("top1", "Group, first", "percent"),
        Column("top5", "Among five", "percent"),
        Column("system", "Crystal system", "percent"),
        Column("spacegroup", "Space group", "percent"),
    )
    return Table(
        "powder3",
        "Measured powder patterns beside published ones: right answers in %",
        # the published rows alone, without a measured set, have not all columns
        pd.DataFrame(rows, columns=[column.name for column in columns]),
        columns,
        f"{inputs.note()} {published.citation(('powder',))}",
        "The published patterns are other selections than these, and have 99 groups, of which two pairs "
        "cannot be told apart; minerals of either may be among the materials of a training.",
    )


BUILDERS = {table.__name__: table for table in (powder1, powder2, powder3)}
"""Functions from `PowderInputs` to tables."""
