"""Decisions of a model on test patterns with one nuisance of the detector at a time, from files to files."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from edsym.detector.detect import detect
from edsym.detector.levels import Detector
from edsym.models.model import Model
from edsym.predictions.decisions import TARGETS, single_decisions, write_decisions
from edsym.predictions.draw import draw_materials, draw_views
from edsym.predictions.settings import EvaluationSettings
from edsym.predictions.table import Predictions
from edsym.predictions.views import aggregate
from edsym.spots.split import patterns_to_predict
from edsym.spots.store import SpotLists

COLUMNS = ("material_id", *TARGETS, *(f"predicted_{target}" for target in TARGETS))


def predict_curves(
    folder: str | Path,
    spots_paths: Iterable[str | Path],
    split_path: str | Path,
    output_path: str | Path,
    *,
    points: Iterable[tuple[str, float, Detector]],
    seed: int,
    materials: int,
    evaluation: EvaluationSettings,
    threads: int | None = None,
) -> None:
    """Write what a model decides on drawn views of drawn test materials, with one nuisance at a time.

    The table has a row for each nuisance, size and pattern (method "single"), and for each nuisance, size and
    material (method "logsum", the sum of log-probabilities over the views): nuisance, size, method and
    `COLUMNS`. So also for a model that reads views together, which would cost many times as much.

    Parameters
    ----------
    folder : str or Path
        Where the trained model is.
    spots_paths : iterable of str or Path
        All shards of spot lists.
    split_path : str or Path
        The split.
    output_path : str or Path
        The table to write.
    points : iterable of (str, float, Detector)
        The nuisances and their sizes, as `edsym.detector.settings.DetectorSettings.one_at_a_time` gives them.
    seed : int
        Seed of what detectors draw.
    materials : int
        How many test materials are drawn, if there are more.
    evaluation : EvaluationSettings
        How materials and their views are drawn.
    threads : int, optional
        Threads; without, as many as the libraries take by themselves.

    Raises
    ------
    InputError
        If an input is unreadable or there is no pattern to predict.
    """
    model = Model.load(folder)
    spots, groups = patterns_to_predict(spots_paths, split_path)
    chosen = draw_materials(spots.material_id, materials, evaluation)
    kept = np.flatnonzero(np.isin(spots.material_id, chosen)[spots.material])
    rows, _ = draw_views(spots.material_id[spots.material[kept]], spots.view[kept], evaluation)
    spots, groups = spots.take(kept[rows]), groups[kept[rows]]
    tables = []
    for nuisance, size, detector in points:
        decided = _decided(model, detect(spots, detector, seed), groups, evaluation, threads)
        tables.append(decided.assign(nuisance=nuisance, size=size))
    write_decisions(pd.concat(tables, ignore_index=True), output_path)


def _decided(
    model: Model, spots: SpotLists, groups: np.ndarray, evaluation: EvaluationSettings, threads: int | None
) -> pd.DataFrame:
    """Return the decisions on single patterns and, below them, on materials."""
    probabilities = model.predict_proba(spots, threads=threads)
    predictions = Predictions(spots.material_id[spots.material], spots.view, *probabilities, groups)
    single = single_decisions(predictions, conditional=False)
    views = aggregate(predictions, evaluation)
    views = views.rename(columns={f"logsum_predicted_{target}": f"predicted_{target}" for target in TARGETS})
    methods = {"single": single, "logsum": views}
    return pd.concat([frame[list(COLUMNS)].assign(method=name) for name, frame in methods.items()])
