"""What a model says of drawn views of each material, read together: from files to files."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from edsym.detector.detect import detect
from edsym.detector.levels import Detector
from edsym.models.model import Model
from edsym.predictions.draw import draw_views
from edsym.predictions.settings import EvaluationSettings
from edsym.predictions.table import Predictions, write_predictions
from edsym.spots.split import patterns_to_predict


def predict_views(
    folder: str | Path,
    spots_paths: Iterable[str | Path],
    split_path: str | Path,
    output_paths: Iterable[str | Path],
    *,
    evaluation: EvaluationSettings,
    validation: tuple[float, int] | None = None,
    detectors: Iterable[str | Detector] = ("ideal",),
    seed: int = 0,
    threads: int | None = None,
) -> None:
    """Write what a model says of drawn views of the test materials, or of those that validate.

    The views are those that `edsym.predictions.views` combines of any model, and their spots those that
    `edsym.models.predict.predict_model` shows it one by one.

    Parameters
    ----------
    folder : str or Path
        Where the trained model is: one that is `together`.
    spots_paths : iterable of str or Path
        All shards of spot lists.
    split_path : str or Path
        The split.
    output_paths : iterable of str or Path
        The tables to write, one for each detector, with a row a material: see `edsym.predictions.table`.
    evaluation : EvaluationSettings
        How views are drawn.
    validation : (float, int) or None
        Share of the training materials that validate, and seed of their choice: predict them, not the test.
    detectors : iterable of str or Detector
        What shows the spots: draw 0 of `edsym.detector.detect.detect`.
    seed : int
        Seed of what it draws.
    threads : int, optional
        Threads; without, as many as the libraries take by themselves.

    Raises
    ------
    InputError
        If an input is unreadable or there is no pattern to predict.
    """
    model = Model.load(folder)
    spots, groups = patterns_to_predict(spots_paths, split_path, validation)
    rows, start = draw_views(spots.material_id[spots.material], spots.view, evaluation)
    spots, groups = spots.take(rows), groups[rows]
    ids = spots.material_id[spots.material[start]]
    counts = np.diff(np.append(start, len(spots))).astype(np.int32)
    for detector, path in zip(detectors, output_paths, strict=True):
        shown = detect(spots, detector, seed)
        probabilities = model.predict_views(shown, start, threads=threads, progress=True)
        write_predictions(Predictions(ids, counts, *probabilities, groups[start]), path)
