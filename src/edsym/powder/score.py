"""Scores of the powder network and of what stands beside it: one row a method and pattern."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from edsym.parquet import write_parquet
from edsym.powder.baselines import forest, nearest
from edsym.powder.division import divide
from edsym.powder.measured import PatternSet
from edsym.powder.model import Calibration, PowderModel, smoothed
from edsym.powder.render import render
from edsym.powder.settings import PowderEvaluationSettings
from edsym.powder.store import PowderStore
from edsym.symmetry import N_SPACE_GROUPS, SYSTEM_OF_GROUP
from edsym.symmetry.classes import powder_groups


def score_powder(
    store: PowderStore,
    model: PowderModel,
    kind: str,
    settings: PowderEvaluationSettings,
    measured: PatternSet | None,
    output_path: str | Path,
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
    output_path : str or Path
        Parquet: method, patterns ("simulated" or "measured"), name, spacegroup_number, group (its powder
        group), rank of that (from 1), p_true, confidence, brier, system_right, spacegroup_right.
    """
    training, _, test = divide(store, kind, settings, model.settings.validation_fraction)
    sets = {"simulated": _simulated(store, test, model, settings)}
    if measured is not None:
        sets["measured"] = measured
    shown = render(store.lines, training, model.powder, settings.seed, "baselines")
    groups = store.spacegroup_number[training]
    frames = []
    for name, patterns in sets.items():
        for method, p in _answers(model, patterns, shown, groups, settings, name == "measured"):
            frames.append(_scored(p, patterns).assign(method=method, patterns=name))
    frame = pd.concat(frames, ignore_index=True)
    write_parquet(pa.Table.from_pandas(frame, preserve_index=False), output_path)


def _simulated(store: PowderStore, test: np.ndarray, model: PowderModel, settings) -> PatternSet:
    patterns = render(store.lines, test, model.powder, settings.seed, "test")
    return PatternSet(patterns, store.spacegroup_number[test], store.material_id[test])


def _answers(
    model: PowderModel, patterns: PatternSet, shown: np.ndarray, groups: np.ndarray, settings, halves: bool
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each method and its probabilities (n, 230)."""
    yield "prior", np.broadcast_to(smoothed(model.counts), (len(patterns.profiles), N_SPACE_GROUPS))
    yield "nearest", nearest(shown, groups, patterns.profiles, model.powder)
    yield "forest", forest(shown, groups, patterns.profiles, model, settings)
    scores = model.scores(patterns.profiles)
    yield "network", model.probabilities(scores)
    yield "network uniform", model.probabilities(scores, "uniform")
    if halves:
        yield "network fitted", fitted_on_halves(model, scores, patterns.spacegroup_number)


def fitted_on_halves(model: PowderModel, scores: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return probabilities (n, 230), each half calibrated, with its prior, on the other half.

    The halves are the first and the second: patterns of one mineral stand together in a list by names.
    """
    p = np.empty_like(scores)
    middle = len(scores) // 2
    for own, other in ((slice(middle), slice(middle, None)), (slice(middle, None), slice(middle))):
        calibration: Calibration = model.fit_calibration(scores[other], groups[other])
        p[own] = model.probabilities(scores[own], calibration=calibration)
    return p


def _scored(p: np.ndarray, patterns: PatternSet) -> pd.DataFrame:
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
