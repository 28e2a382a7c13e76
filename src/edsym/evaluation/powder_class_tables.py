"""Tables of the powder groups: how well each is known, where wrong ones lie, and what is memory."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pandas as pd

from edsym.evaluation.metrics import wilson_interval
from edsym.evaluation.powder_inputs import PLACE, SIMILARITIES, PowderInputs
from edsym.evaluation.table_writer import Column, Table
from edsym.powder.methods import POWDER_RIVALS
from edsym.seeds import generator
from edsym.symmetry.classes import powder_groups
from edsym.symmetry.subgroups import powder_group_distances

_PERMUTATIONS = 300
_NEAR = (1, 2)


def powder4(inputs: PowderInputs) -> Table:
    """Give the size of each powder group in training and test, and its share that the network finds."""
    classes = powder_groups()
    rows = pd.DataFrame({"members": classes.names})
    columns = [Column("members", "Space groups")]
    for division in inputs.models:
        rows[f"{division}_training"] = np.bincount(classes.index, inputs.counts(division)).astype(int)
        columns.append(Column(f"{division}_training", f"By {division}: training materials", "count"))
    for place, frame in inputs.parts("network"):
        name = f"{place['division']}_{place['patterns']}"
        found = (frame["rank"] == 1).groupby(frame.group).agg(["size", "mean"]).reindex(rows.index)
        rows[f"{name}_number"] = found["size"].fillna(0).astype(int)
        rows[f"{name}_recall"] = 100 * found["mean"]
        title = f"By {place['division']}: {place['patterns']}"
        columns += [
            Column(f"{name}_number", title, "count"),
            Column(f"{name}_recall", "Right, %", "percent"),
        ]
    return Table(
        "powder4",
        "The groups of space groups that powder patterns tell apart, and how well the network knows each",
        rows,
        tuple(columns),
        inputs.note(),
        "Space groups of one group have the same crystal family and the same conditions of reflection.",
    )


def powder5(inputs: PowderInputs) -> Table:
    """Tell where wrong groups lie on the graph of t-subgroups, beside what says nothing about the pattern."""
    return Table(
        "powder5",
        "Distance of wrong powder groups from the true ones on the graph of t-subgroups",
        pd.DataFrame(list(_rows(inputs))),
        (
            *PLACE,
            Column("predictions", "Predictions"),
            Column("errors", "Errors", "count"),
            Column("distance", "Mean distance", "number"),
            Column("spread", "Its spread", "number"),
            *(Column(f"within_{n}", f"Within {n}, %", "percent") for n in _NEAR),
            Column("skill", "Skill, %", "percent"),
        ),
        inputs.note(),
        "Groups are joined where a space group of one is a maximal translationengleiche subgroup of one of "
        "the other. Permuted: the same answers dealt out among the patterns anew, mean and spread of "
        f"{_PERMUTATIONS} times. Skill: by how much the distance is below that of the permuted answers. "
        "Always P-1 has short distances as well, as P-1 is a subgroup of every centrosymmetric group.",
    )


def powder6(inputs: PowderInputs) -> Table:
    """Tell how much is memory: accuracy by the similarity of the most similar training pattern."""
    rows = []
    for place, frame in inputs.parts("network", *POWDER_RIVALS, "nearest", "forest", "prior"):
        right = frame["rank"].to_numpy()
        among = np.digitize(frame.similarity, SIMILARITIES[1:-1])
        for i, (low, high) in enumerate(pairwise(SIMILARITIES)):
            own = right[among == i]
            if len(own):
                interval = np.multiply(100, wilson_interval(float((own == 1).mean()), len(own)))
                values = {
                    "number": len(own),
                    "top1": 100 * (own == 1).mean(),
                    "top5": 100 * (own <= 5).mean(),
                }
                values |= {"top1_low": interval[0], "top1_high": interval[1]}
                rows.append(place | {"similarity": f"{low:g} to {high:g}"} | values)
    return Table(
        "powder6",
        "Right powder groups by the similarity of the most similar training pattern, in %",
        pd.DataFrame(rows),
        (
            *PLACE,
            Column("similarity", "Similarity"),
            Column("number", "Number", "count"),
            Column("top1", "Group, first", "interval"),
            Column("top5", "Among five", "percent"),
        ),
        inputs.note(),
        "Similarity is the cosine of the roots of intensities without background, to one pattern of each "
        "training material. What is right where it is low was read out of the pattern, not remembered.",
    )


def _rows(inputs: PowderInputs) -> Iterator[dict]:
    lowest = int(powder_groups().index[1])  # of P-1
    for place, frame in inputs.parts("network", "nearest", "forest", *POWDER_RIVALS):
        truth, predicted = frame.group.to_numpy(), frame.predicted_group.to_numpy()
        rng = generator(0, "powder permutations", *place.values())
        dealt = [_distances(truth, rng.permutation(predicted)) for _ in range(_PERMUTATIONS)]
        null = pd.DataFrame(dealt)
        own = _distances(truth, predicted)
        skill = 100 * (1 - own["distance"] / null["distance"].mean())
        yield place | {"predictions": "as predicted", "skill": skill} | own
        spread = null["distance"].std(ddof=0)
        yield place | {"predictions": "permuted", "spread": spread} | null.mean().to_dict()
        if place["method"] == "Network":
            yield place | {"predictions": "always P-1"} | _distances(truth, np.full(len(truth), lowest))


def _distances(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Return the number of errors, their mean distance and the shares that are near; NaN without any."""
    wrong = truth != predicted
    distance = powder_group_distances()[truth[wrong], predicted[wrong]].astype(float)
    known = len(distance) > 0
    shares = {f"within_{n}": 100 * (distance <= n).mean() if known else np.nan for n in _NEAR}
    return {"errors": int(wrong.sum()), "distance": distance.mean() if known else np.nan} | shares


BUILDERS = {table.__name__: table for table in (powder4, powder5, powder6)}
"""Functions from `PowderInputs` to tables."""
