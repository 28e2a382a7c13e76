"""Prediction with a trained model, from files to files."""

from collections.abc import Iterable
from pathlib import Path

from edsym.detector.detect import detect
from edsym.detector.levels import Detector
from edsym.models.model import Model
from edsym.predictions.table import Predictions, write_predictions
from edsym.spots.split import patterns_to_predict


def predict_model(
    folder: str | Path,
    spots_paths: Iterable[str | Path],
    split_path: str | Path,
    output_paths: Iterable[str | Path],
    *,
    validation: tuple[float, int] | None = None,
    detectors: Iterable[str | Detector] = ("ideal",),
    seed: int = 0,
    threads: int | None = None,
) -> None:
    """Write a model's predictions for the test patterns, or for those of the materials that validate.

    Parameters
    ----------
    folder : str or Path
        Where the trained model is.
    spots_paths : iterable of str or Path
        All shards of spot lists.
    split_path : str or Path
        The split.
    output_paths : iterable of str or Path
        The tables to write, one for each detector: see `edsym.predictions.table`.
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
    ids = spots.material_id[spots.material]
    for detector, path in zip(detectors, output_paths, strict=True):
        probabilities = model.predict_proba(detect(spots, detector, seed), threads=threads, progress=True)
        write_predictions(Predictions(ids, spots.view, *probabilities, groups), path)
