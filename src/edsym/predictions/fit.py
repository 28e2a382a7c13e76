"""Fitting temperatures and pooling weights on validation materials: never on those that test."""

from pathlib import Path

import numpy as np

from edsym.errors import InputError
from edsym.predictions.calibration import Calibration, fit_temperature, write_calibration
from edsym.predictions.decisions import TARGETS, class_indices, probabilities_of
from edsym.predictions.draw import draw_views
from edsym.predictions.loglinear import fit_weights
from edsym.predictions.pooling import geometric_mean, pool, pool_scores, view_features
from edsym.predictions.settings import EvaluationSettings
from edsym.predictions.table import Predictions, check_together, read_predictions


def fit_calibration(
    predictions: Predictions, settings: EvaluationSettings, together: Predictions | None = None
) -> Calibration:
    """Fit what `settings` ask for to predictions on validation materials.

    As many views of each material are drawn for the pools as of a test material; `together` has what a model
    says of them that reads them together.
    """
    rows, start = draw_views(predictions.material_id, predictions.view, settings)
    features = view_features(predictions, rows)
    methods = ("single", "logsum", "pooled")
    if together is not None:
        check_together(together, predictions, rows, start)
        methods += ("together",)
    weights, temperature = {}, {method: {} for method in methods}
    for target in TARGETS:
        p, truth = probabilities_of(predictions, target), class_indices(predictions, target)
        drawn, truth_drawn = p[rows], truth[rows[start]]
        weights[target] = fit_weights(pool_scores(drawn, features, start), truth_drawn).tolist()
        temperature["single"][target] = fit_temperature(p, truth)
        pools = {"logsum": geometric_mean(drawn, start)}
        pools["pooled"] = pool(drawn, features, start, np.array(weights[target]))
        if together is not None:
            pools["together"] = probabilities_of(together, target)
        for method, distribution in pools.items():
            temperature[method][target] = fit_temperature(distribution, truth_drawn)
    return Calibration(
        materials=len(start),
        patterns=len(predictions),
        temperature=temperature if settings.calibration == "temperature" else None,
        pooling=weights if settings.pooling == "learned" else None,
    )


def fit_calibration_file(
    predictions_path: str | Path | None,
    output_path: str | Path,
    settings: EvaluationSettings,
    together_path: str | Path | None = None,
) -> None:
    """Fit to a file of predictions on validation materials and write the result as JSON.

    Parameters
    ----------
    predictions_path : str or Path or None
        Predictions on validation materials; None, where the settings fit nothing, gives an empty result.
    output_path : str or Path
        The file to write, see `edsym.predictions.calibration.read_calibration`.
    settings : EvaluationSettings
        What to fit, and how views are drawn.
    together_path : str or Path or None
        Predictions of the drawn views read together, for a model that can.

    Raises
    ------
    InputError
        If the predictions are unreadable or come without the truth.
    """
    if predictions_path is None:
        write_calibration(Calibration(), output_path)
    else:
        predictions = read_predictions(predictions_path)
        if predictions.spacegroup is None:
            raise InputError(f"{predictions_path} has no space-group numbers: nothing can be fitted to it")
        together = None if together_path is None else read_predictions(together_path)
        write_calibration(fit_calibration(predictions, settings, together), output_path)
