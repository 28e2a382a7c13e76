"""Scores of the powder network and of what stands beside it: one row a method and pattern."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from edsym.parquet import write_parquet
from edsym.powder.baselines import forest, nearest
from edsym.powder.division import divide
from edsym.powder.measured import PatternSet
from edsym.powder.methods import WEIGHTS
from edsym.powder.model import Calibration, PowderModel, smoothed
from edsym.powder.render import render
from edsym.powder.rival_settings import PowderTransformerSettings
from edsym.powder.settings import PowderEvaluationSettings
from edsym.powder.store import PowderStore
from edsym.seeds import generator
from edsym.symmetry import N_SPACE_GROUPS, SYSTEM_OF_GROUP
from edsym.symmetry.classes import powder_groups

_EXAMPLES, _ANSWERS = 9, 3


def score_powder(
    store: PowderStore,
    model: PowderModel,
    kind: str,
    settings: PowderEvaluationSettings,
    measured: PatternSet | None,
    rivals: Mapping[str, PowderModel],
    output_path: str | Path,
    examples_path: str | Path,
) -> None:
    """Score all methods on the test materials of a division, and on measured patterns.

    Parameters
    ----------
    store : PowderStore
        All materials.
    model : PowderModel
        Trained on the training part of the same division.
    kind : {"material", "prototype"}
        The division.
    settings : PowderEvaluationSettings
        Of the division, the forest and the patterns that test.
    measured : PatternSet, optional
        Measured patterns with known space groups.
    rivals : mapping of str to PowderModel
        By their names in `PowderEvaluationSettings.rivals` networks that were trained on the same part.
    output_path : str or Path
        Parquet: method, patterns ("simulated" or "measured"), name, spacegroup_number, group (its powder
        group), predicted_group, rank of the true one (from 1), p_true, confidence, brier, system_right,
        spacegroup_right; weights of scores and prior in the probabilities (NaN where there are none);
        similarity, the cosine to the most similar training pattern.
    examples_path : str or Path
        Parquet of a few patterns, measured ones where there are, drawn by lot: patterns, name,
        spacegroup_number, start and step of the axis in degrees, profile, answers (powder groups from the
        most probable one on) and p_answers.
    """
    training, _, test = divide(store, kind, settings, model.settings.validation_fraction)
    sets = {"simulated": _simulated(store, test, model, settings)}
    if measured is not None:
        sets["measured"] = measured
    profiles = np.concatenate([patterns.profiles for patterns in sets.values()])
    shown = render(store.lines, training, model.powder, settings.seed, "baselines")
    groups = store.spacegroup_number[training]
    by_nearest, similarity = nearest(shown, groups, profiles, model.powder)
    baselines = {
        "nearest": by_nearest,
        "forest": forest(shown, groups, profiles, model, settings),
    }
    frames, end = [], 0
    for name, patterns in sets.items():
        start, end = end, end + len(patterns.name)
        answers = {method: (p[start:end], np.full(2, np.nan)) for method, p in baselines.items()}
        answers |= _own_answers(model, patterns, halves=name == "measured")
        for rival, other in rivals.items():
            answers |= _rival_answers(rival, other, patterns, halves=name == "measured")
        for method, (p, weights) in answers.items():
            columns = dict(zip(WEIGHTS, np.broadcast_to(weights, (len(p), 2)).T, strict=True))
            columns |= {"method": method, "patterns": name, "similarity": similarity[start:end]}
            frames.append(scored(p, patterns).assign(**columns))
    _write(pd.concat(frames, ignore_index=True), output_path)
    _write(_examples(model, patterns, settings.seed).assign(patterns=name), examples_path)


def _write(frame: pd.DataFrame, path: str | Path) -> None:
    write_parquet(pa.Table.from_pandas(frame, preserve_index=False), path)


def _examples(model: PowderModel, patterns: PatternSet, seed: int) -> pd.DataFrame:
    """Return some patterns and the first answers of the network."""
    drawn = generator(seed, "powder examples").permutation(len(patterns.name))[:_EXAMPLES]
    p = powder_groups().sums(model.probabilities(model.scores(patterns.profiles[drawn])))
    first = np.argsort(-p, axis=1)[:, :_ANSWERS]
    return pd.DataFrame(
        {
            "name": patterns.name[drawn],
            "spacegroup_number": patterns.spacegroup_number[drawn],
            "start": model.powder.two_theta_min,
            "step": model.powder.step,
            "profile": list(patterns.profiles[drawn]),
            "answers": list(first),
            "p_answers": list(np.take_along_axis(p, first, axis=1)),
        }
    )


def _simulated(store: PowderStore, test: np.ndarray, model: PowderModel, settings) -> PatternSet:
    patterns = render(store.lines, test, model.powder, settings.seed, "test")
    return PatternSet(patterns, store.spacegroup_number[test], store.material_id[test])


def _own_answers(
    model: PowderModel, patterns: PatternSet, halves: bool
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return by method the probabilities (n, 230), and the weights of scores and prior, (2,) or (n, 2)."""
    scores, weights = model.scores(patterns.profiles), model.calibration
    prior = np.broadcast_to(smoothed(model.counts), (len(scores), N_SPACE_GROUPS))
    found = {
        "prior": (prior, np.full(2, np.nan)),
        "network": (model.probabilities(scores), np.array([weights.scores, weights.prior])),
        "network uniform": (model.probabilities(scores, "uniform"), np.array([weights.scores, 0])),
    }
    if halves:
        found["network fitted"] = fitted_on_halves(model, scores, patterns.spacegroup_number)
    return found


def _rival_answers(
    name: str, model: PowderModel, patterns: PatternSet, halves: bool
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the same of a rival; the published decoder joins no prior, as published."""
    scores, weights, plain = model.scores(patterns.profiles), model.calibration, Calibration(1.0, 0.0)
    found = {name: (model.probabilities(scores), np.array([weights.scores, weights.prior]))}
    if isinstance(model.settings, PowderTransformerSettings):
        decoded = model.probabilities(model.decoded(patterns.profiles), "uniform", plain)
        found[f"{name} structured"] = decoded, np.array([plain.scores, plain.prior])
    if halves:
        found[f"{name} fitted"] = fitted_on_halves(model, scores, patterns.spacegroup_number)
    return found


def fitted_on_halves(
    model: PowderModel, scores: np.ndarray, groups: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities (n, 230), each half calibrated, with its prior, on the other half.

    The halves are the first and the second: patterns of one mineral stand together in a list by names.
    The weights (n, 2) of scores and prior come with them.
    """
    p, weights = np.empty_like(scores), np.empty((len(scores), 2))
    middle = len(scores) // 2
    for own, other in ((slice(middle), slice(middle, None)), (slice(middle, None), slice(middle))):
        calibration: Calibration = model.fit_calibration(scores[other], groups[other])
        p[own] = model.probabilities(scores[own], calibration=calibration)
        weights[own] = calibration.scores, calibration.prior
    return p, weights


def scored(p: np.ndarray, patterns: PatternSet) -> pd.DataFrame:
    """Return what tables need to know of the answers (n, 230) on patterns."""
    groups = patterns.spacegroup_number
    classes = powder_groups()
    p_group, truth = classes.sums(p), classes.index[groups - 1]
    each = np.arange(len(truth))
    p_true = p_group[each, truth]
    p_system = p @ (SYSTEM_OF_GROUP[:, None] == np.arange(7))
    return pd.DataFrame(
        {
            "name": patterns.name,
            "spacegroup_number": groups,
            "group": truth,
            "predicted_group": p_group.argmax(1),
            # of groups with the same probability, half are above
            "rank": 1
            + (p_group > p_true[:, None]).sum(1)
            + ((p_group == p_true[:, None]).sum(1) - 1 + each % 2) // 2,
            "p_true": p_true,
            "confidence": p_group.max(1),
            "brier": (p_group**2).sum(1) - 2 * p_true + 1,
            "system_right": p_system.argmax(1) == SYSTEM_OF_GROUP[groups - 1],
            "spacegroup_right": p.argmax(1) == groups - 1,
        }
    )
