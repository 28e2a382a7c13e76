"""Models beside what knows nothing, beside each other, and without twins: tables 16 to 18. In percent."""

from collections.abc import Iterator
from itertools import combinations, product

import numpy as np
import pandas as pd

from edsym.evaluation.accuracy_tables import LEVEL
from edsym.evaluation.bootstrap import Bootstrap, interval_in_percent, mcnemar, of_nulls
from edsym.evaluation.inputs import EvaluationInputs
from edsym.evaluation.methods import METHODS, methods_of
from edsym.evaluation.metrics import sizes
from edsym.evaluation.table_writer import Column, Table
from edsym.models.registry import MODELS
from edsym.symmetry import system_index

TARGETS = {"system": "Crystal system", "spacegroup": "Space group"}
NULLS = {"majority": "Most frequent class", "prior": "Drawn by the training's shares"}
KIN = {"prototype": "Prototype", "chemical_system": "Elements"}
_PAIRED = ("single", "logsum", "together")
_SIZES = (Column("patterns", "Test decisions", "count"), Column("materials", "Test materials", "count"))
_BOOTSTRAP = "In brackets: 95 % interval by a bootstrap over materials ({} draws). "


def table16(inputs: EvaluationInputs) -> Table:
    """Accuracy and mean recall of models and nulls, with intervals by a bootstrap over materials."""
    values = {
        f"{target}{end}": f"{title}{name}, %"
        for target, title in TARGETS.items()
        for end, name in {"": "", "_macro": ", mean recall"}.items()
    }
    names = ["model", "spots", "method", *(f"{v}{end}" for v in values for end in ("", "_low", "_high"))]
    return Table(
        "table16",
        "Models beside what knows nothing, with intervals over materials",
        pd.DataFrame(list(_null_rows(inputs)), columns=[*names, "patterns", "materials"]),
        (
            Column("model", "Model"),
            LEVEL,
            Column("method", "Decided by"),
            *(Column(name, heading, "interval") for name, heading in values.items()),
            *_SIZES,
        ),
        inputs.run.line(),
        f"{_drawn(inputs)}Materials are drawn with all their decisions. Mean recall is that of the classes "
        "that occur. What knows nothing says the class of most training patterns, or one that is drawn by "
        "their shares, of which the expectation is stated. No published counterpart.",
    )


def _null_rows(inputs: EvaluationInputs) -> Iterator[dict]:
    training = _training(inputs)
    for level, method in product(inputs.run.test_levels, METHODS):
        if not any(
            method in methods_of(model, inputs.configuration, counted=True) for model in inputs.models
        ):
            continue
        frames = inputs.decisions(method, level)
        reference = next(iter(frames.values()))
        boot = _bootstrap(inputs, reference.material_id)
        hits = {MODELS[model].title: _hits(frame) for model, frame in frames.items()}
        if method in ("single", "vote"):
            nulls = {t: of_nulls(reference[t], training[t]) for t in TARGETS}
            hits |= {title: {t: nulls[t][name] for t in TARGETS} for name, title in NULLS.items()}
        for title, right in hits.items():
            row = {"model": title, "spots": level, "method": METHODS[method], **sizes(reference)}
            for target in TARGETS:
                row |= interval_in_percent(boot.share(right[target]), target)
                recall = boot.recall(right[target], reference[target])
                row |= interval_in_percent(recall, f"{target}_macro")
            yield row


def _training(inputs: EvaluationInputs) -> dict[str, dict[int, int]]:
    """Return the number of training patterns of each class, by target."""
    frame = inputs.materials[inputs.materials.split == "train"]
    of_target = {"system": system_index(frame.spacegroup_number), "spacegroup": frame.spacegroup_number}
    return {t: frame.n_patterns.groupby(np.asarray(c)).sum().to_dict() for t, c in of_target.items()}


def table17(inputs: EvaluationInputs) -> Table:
    """Pairs of models on the same materials: difference, its interval, and McNemar's exact test."""
    names = ["first", "second", "spots", "target", "method", "accuracy_first", "accuracy_second"]
    names += ["difference", "difference_low", "difference_high", "only_first", "only_second", "p"]
    return Table(
        "table17",
        "Models beside each other on the same materials",
        pd.DataFrame(list(_pair_rows(inputs)), columns=[*names, "patterns", "materials"]),
        (
            Column("first", "First model"),
            Column("second", "Second model"),
            LEVEL,
            Column("target", "Target"),
            Column("method", "Decided by"),
            Column("accuracy_first", "First, %", "percent"),
            Column("accuracy_second", "Second, %", "percent"),
            Column("difference", "First less second, points", "interval"),
            Column("only_first", "Only the first right", "count"),
            Column("only_second", "Only the second right", "count"),
            Column("p", "p", "size"),
            *_SIZES,
        ),
        inputs.run.line(),
        f"{_drawn(inputs)}Both models meet the same draws. p: two-sided exact test of McNemar on one "
        "decision a material, of single patterns the first; not corrected for the number of pairs. No "
        "published counterpart.",
    )


def _pair_rows(inputs: EvaluationInputs) -> Iterator[dict]:
    for level, method in product(inputs.run.test_levels, _PAIRED):
        frames = inputs.decisions(method, level)
        if len(frames) < 2:
            continue
        boot = _bootstrap(inputs, next(iter(frames.values())).material_id)
        for (a, b), target in product(combinations(inputs.models_of(method), 2), TARGETS):
            first, second = (_hits(frames[model])[target] for model in (a, b))
            one, other = first[boot.first], second[boot.first]
            only = int((one & ~other).sum()), int((other & ~one).sum())
            row = {"first": MODELS[a].title, "second": MODELS[b].title, "spots": level}
            row |= {"target": TARGETS[target], "method": METHODS[method], **sizes(frames[a])}
            row |= {"accuracy_first": 100 * first.mean(), "accuracy_second": 100 * second.mean()}
            row |= interval_in_percent(boot.share(first) - boot.share(second), "difference")
            yield row | {"only_first": only[0], "only_second": only[1], "p": mcnemar(*only)}


def table18(inputs: EvaluationInputs) -> Table:
    """Accuracy on test materials with and without kin in the training part."""
    sides = {
        f"{t}_{side}": f"{title}, {side}, %" for t, title in TARGETS.items() for side in ("with", "without")
    }
    values = (f"{side}{end}" for side in sides for end in ("", "_low", "_high"))
    names = ["model", "spots", "kin", "method", *values]
    return Table(
        "table18",
        "Test materials with and without kin among the training materials",
        pd.DataFrame(list(_kin_rows(inputs)), columns=[*names, "share", "materials"]),
        (
            Column("model", "Model"),
            LEVEL,
            Column("kin", "Shared"),
            Column("method", "Decided by"),
            *(Column(name, heading, "interval") for name, heading in sides.items()),
            Column("share", "Materials with kin, %", "percent"),
            Column("materials", "Test materials", "count"),
        ),
        inputs.run.line(),
        f"{_drawn(inputs)}With: the training part has a material of the same prototype (space group, "
        "anonymous formula, sites), or of the same elements. Where the split keeps these apart none has kin. "
        "No published counterpart.",
    )


def _kin_rows(inputs: EvaluationInputs) -> Iterator[dict]:
    kinship, split = inputs.kinship, inputs.materials
    training = kinship.loc[split.material_id[split.split == "train"]]
    for level, method, kin in product(inputs.run.test_levels, ("single", "logsum"), KIN):
        frames = inputs.decisions(method, level)
        materials = next(iter(frames.values())).material_id
        akin = kinship[kin].loc[materials].isin(training[kin]).to_numpy()
        sides = {"with": akin, "without": ~akin}
        boots = {side: _bootstrap(inputs, materials[rows]) for side, rows in sides.items() if rows.any()}
        share = 100 * materials[akin].nunique() / materials.nunique()
        for model, frame in frames.items():
            row = {"model": MODELS[model].title, "spots": level, "kin": KIN[kin], "method": METHODS[method]}
            row |= {"share": share, "materials": materials.nunique()}
            for (side, boot), (target, hits) in product(boots.items(), _hits(frame).items()):
                row |= interval_in_percent(boot.share(hits[sides[side]]), f"{target}_{side}")
            yield row


def _hits(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return which decisions are right, by target."""
    return {target: (frame[target] == frame[f"predicted_{target}"]).to_numpy() for target in TARGETS}


def _bootstrap(inputs: EvaluationInputs, material_id: pd.Series) -> Bootstrap:
    settings = inputs.configuration["evaluation"]
    return Bootstrap(material_id.to_numpy(), settings["bootstrap"], settings["seed"])


def _drawn(inputs: EvaluationInputs) -> str:
    return _BOOTSTRAP.format(f"{inputs.configuration['evaluation']['bootstrap']:,}")
