"""From patterns to materials: decisions on several views of one material.

These methods combine the drawn views of a material, for the crystal system and the space group alike:

``vote``
    Every view votes for its most probable class. Of classes with equally many votes, the one with
    the larger sum of probabilities over the views wins, then the one with the smaller index. The
    confidence is the share of views that voted for the winner.
``weighted``, ``difference``, ``histogram``
    The published forest's other ways to count, see `edsym.predictions.ballots`: every view gives its
    probability, or its lead over the second class, to its most probable class, or all its probabilities to
    all classes, and the class with the largest sum wins. The confidence is its share of the sums.
``logsum``
    The class with the largest sum of log-probabilities wins (product of experts). Probabilities are
    clipped at `loglinear.MIN_PROBABILITY` first, so that one view cannot veto a class. The confidence is
    the winner's share of the normalised geometric mean over the views, not of the product: views of one
    material are not independent, and the product would be certain nearly always.
``pooled``
    The most probable class of the learned pool of `edsym.predictions.pooling`, beyond the paper. The
    confidence is its probability.
``together``
    The most probable class of what the model says of all of them when it reads them together, which only
    some models can (`edsym.models.model.Model.together`). The confidence is its probability.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from edsym.predictions.ballots import BALLOTS, count
from edsym.predictions.calibration import Calibration, read_calibration
from edsym.predictions.decisions import (
    TARGETS,
    UNFITTED,
    decide,
    decision,
    probabilities_of,
    single_decisions,
    truth_of,
    write_decisions,
)
from edsym.predictions.draw import draw_views
from edsym.predictions.pooling import geometric_mean, pool, view_features
from edsym.predictions.settings import EvaluationSettings
from edsym.predictions.table import Predictions, check_together, read_predictions


def majority_vote(probabilities: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Decide for each material by the votes of its views.

    Parameters
    ----------
    probabilities : (K, C) array
        Probabilities of the views, those of one material one after the other.
    start : (M,) array of int
        Where each material starts.

    Returns
    -------
    decision : (M,) array of int
        Class indices.
    confidence : (M,) array
        Share of the material's views that voted for the decision.
    """
    ballots = np.zeros(probabilities.shape, dtype=np.int32)
    ballots[np.arange(len(probabilities)), probabilities.argmax(axis=1)] = 1
    votes = np.add.reduceat(ballots, start)
    total = np.add.reduceat(probabilities, start, dtype=np.float64)
    most = votes.max(axis=1, keepdims=True)
    decision = np.where(votes == most, total, -np.inf).argmax(axis=1)
    return decision, most[:, 0] / votes.sum(axis=1)


def aggregate(
    predictions: Predictions,
    settings: EvaluationSettings,
    calibration: Calibration = UNFITTED,
    together: Predictions | None = None,
) -> pd.DataFrame:
    """Combine drawn views into decisions, one a material and method.

    Parameters
    ----------
    predictions : Predictions
        What a model says of the patterns.
    settings : EvaluationSettings
        How views are drawn, and whether space groups are decided given the system as well.
    calibration : Calibration
        What was fitted to the model on validation materials; without pooling weights no ``pooled``.
    together : Predictions, optional
        What the model says of the drawn views of each material read together; without, no ``together``.

    Returns
    -------
    pandas.DataFrame
        One row a material, sorted by id: material_id; system and spacegroup, the truth where it is known;
        views (the drawn ones); and for each of the methods of this module the columns of
        `edsym.predictions.decisions.decide` with the prefix ``{method}_``. Votes and other counts have
        classes and confidences only.

    Raises
    ------
    InputError
        If `together` is not of the drawn views.
    """
    rows, start = draw_views(predictions.material_id, predictions.view, settings)
    first = rows[start]
    frame = pd.DataFrame({"material_id": predictions.material_id[first], **truth_of(predictions, first)})
    frame["views"] = np.split(predictions.view[rows].astype(np.int32), start[1:])
    methods = {name: {} for name in ("vote", *BALLOTS)}
    for target in TARGETS:
        p = probabilities_of(predictions, target)[rows]
        methods["vote"] |= decision(target, *majority_vote(p, start))
        for name, giving in BALLOTS.items():
            methods[name] |= decision(target, *count(giving(p), start))
    distributions = _pools(predictions, rows, start, calibration)
    if together is not None:
        check_together(together, predictions, rows, start)
        distributions["together"] = {target: probabilities_of(together, target) for target in TARGETS}
    for method, pools in distributions.items():
        methods[method] = decide(pools, calibration, method, settings.conditional)
    columns = {f"{m}_{name}": values for m, decided in methods.items() for name, values in decided.items()}
    return frame.assign(**columns)


def _pools(
    predictions: Predictions, rows: np.ndarray, start: np.ndarray, calibration: Calibration
) -> dict[str, dict[str, np.ndarray]]:
    """Return the distribution over classes of each material, (M, C), by method and target."""
    drawn = {target: probabilities_of(predictions, target)[rows] for target in TARGETS}
    pools = {"logsum": {target: geometric_mean(p, start) for target, p in drawn.items()}}
    if calibration.pooling is not None:
        features = view_features(predictions, rows)
        pools["pooled"] = {
            target: pool(p, features, start, np.array(calibration.pooling[target]))
            for target, p in drawn.items()
        }
    return pools


def decide_file(
    predictions_path: str | Path,
    calibration_path: str | Path,
    settings: EvaluationSettings,
    *,
    single: str | Path,
    views: str | Path,
    together: str | Path | None = None,
) -> None:
    """Read predictions and write the decisions on single patterns and on drawn views.

    Parameters
    ----------
    predictions_path : str or Path
        Predictions, see `edsym.predictions.table`.
    calibration_path : str or Path
        What was fitted to the model, see `edsym.predictions.calibration`.
    settings : EvaluationSettings
        How views are drawn, and whether space groups are decided given the system as well.
    single, views : str or Path
        The tables to write, of `single_decisions` and `aggregate`.
    together : str or Path, optional
        Predictions of the drawn views read together, for a model that can.

    Raises
    ------
    InputError
        If an input is unreadable.
    """
    predictions, calibration = read_predictions(predictions_path), read_calibration(calibration_path)
    read = None if together is None else read_predictions(together)
    write_decisions(single_decisions(predictions, calibration, settings.conditional), single)
    write_decisions(aggregate(predictions, settings, calibration, read), views)
