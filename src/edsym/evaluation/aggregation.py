"""From patterns to materials: decisions on single patterns and on several views of one material.

Three methods combine the drawn views of a material, for the crystal system and the space group alike:

``vote``
    Every view votes for its most probable class. Of classes with equally many votes, the one with
    the larger sum of probabilities over the views wins, then the one with the smaller index. The
    confidence is the share of views that voted for the winner.
``logsum``
    The class with the largest sum of log-probabilities wins (product of experts). Probabilities are
    clipped at `loglinear.MIN_PROBABILITY` first, so that one view cannot veto a class. The confidence is
    the winner's share of the normalised geometric mean over the views, not of the product: views of one
    material are not independent, and the product would be certain nearly always.
``pooled``
    The most probable class of the learned pool of `edsym.evaluation.pooling`, beyond the paper. The
    confidence is its probability.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from edsym.errors import InputError
from edsym.evaluation.calibration import Calibration, read_calibration
from edsym.evaluation.conditional import decide_given_system
from edsym.evaluation.pooling import geometric_mean, pool, view_features
from edsym.evaluation.predictions import Predictions, read_predictions
from edsym.evaluation.settings import EvaluationSettings
from edsym.parquet import read_parquet, write_parquet
from edsym.seeds import generator

TARGETS = ("system", "spacegroup")
_UNFITTED = Calibration()


def single_decisions(predictions: Predictions, calibration: Calibration = _UNFITTED) -> pd.DataFrame:
    """Return the decision on every single pattern.

    Parameters
    ----------
    predictions : Predictions
        What a model says of the patterns.
    calibration : Calibration
        What was fitted to the model on validation materials.

    Returns
    -------
    pandas.DataFrame
        One row a pattern: material_id, view, system, spacegroup (the truth), predicted_system (index),
        predicted_spacegroup (number), system_confidence, spacegroup_confidence (largest probability),
        system_calibrated, spacegroup_calibrated (the same after temperature scaling),
        given_spacegroup (number of the most probable group of the predicted system).
    """
    frame = pd.DataFrame({"material_id": predictions.material_id, "view": predictions.view})
    for target in TARGETS:
        p = probabilities_of(predictions, target)
        best = p.argmax(axis=1)
        frame[target] = getattr(predictions, target)
        frame[f"predicted_{target}"] = best + _first_class(target)
        frame[f"{target}_confidence"] = p[np.arange(len(best)), best]
        frame[f"{target}_calibrated"] = calibration.confidence(p, "single", target)
    frame["given_spacegroup"] = decide_given_system(predictions.p_spacegroup, frame.predicted_system)
    return frame


def draw_views(predictions: Predictions, settings: EvaluationSettings) -> tuple[np.ndarray, np.ndarray]:
    """Draw views of every material at random, without replacement.

    A material with no more than `settings.views` patterns gives all of them. What is drawn depends on
    the seed, the material's id and which of its views there are, and on nothing else: models that are
    tested on the same patterns are judged by the same views.

    Returns
    -------
    rows : (K,) array of int
        The drawn patterns, as rows of `predictions`: by material_id, then view.
    start : (M,) array of int
        Where the rows of each material start; materials are sorted by id.
    """
    order = np.lexsort((predictions.view, predictions.material_id))
    ids, first = np.unique(predictions.material_id[order], return_index=True)
    drawn = [
        np.sort(_draw(rows, str(material), settings))
        for material, rows in zip(ids, np.split(np.arange(len(order)), first[1:]), strict=True)
    ]
    start = np.cumsum([0] + [len(rows) for rows in drawn[:-1]])
    return order[np.concatenate(drawn)], start


def _draw(rows: np.ndarray, material_id: str, settings: EvaluationSettings) -> np.ndarray:
    if len(rows) <= settings.views:
        return rows
    return generator(settings.seed, "views", material_id).choice(rows, settings.views, replace=False)


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


def log_probability_sum(probabilities: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Decide for each material by the sum of its views' log-probabilities.

    Parameters and returns are those of `majority_vote`; the confidence is the decision's share of the
    normalised geometric mean of the views' probabilities.
    """
    return _most_probable(geometric_mean(probabilities, start))


def _most_probable(distribution: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return distribution.argmax(axis=1), distribution.max(axis=1)


def aggregate(
    predictions: Predictions, settings: EvaluationSettings, calibration: Calibration = _UNFITTED
) -> pd.DataFrame:
    """Combine drawn views into decisions, one a material and method.

    Parameters
    ----------
    predictions : Predictions
        What a model says of the patterns.
    settings : EvaluationSettings
        How views are drawn.
    calibration : Calibration
        What was fitted to the model on validation materials; without pooling weights no ``pooled``.

    Returns
    -------
    pandas.DataFrame
        One row a material, sorted by id: material_id, system, spacegroup (the truth), views (the drawn
        ones), and for the methods of this module {method}_system (index), {method}_spacegroup
        (number), {method}_system_confidence, {method}_spacegroup_confidence; for all but the vote
        {method}_system_calibrated and {method}_spacegroup_calibrated (the confidence after temperature
        scaling) and {method}_given_spacegroup (the most probable group of the decided system).
    """
    rows, start = draw_views(predictions, settings)
    first = rows[start]
    frame = pd.DataFrame({"material_id": predictions.material_id[first]})
    frame["system"], frame["spacegroup"] = predictions.system[first], predictions.spacegroup[first]
    frame["views"] = np.split(predictions.view[rows].astype(np.int32), start[1:])
    columns = {}
    for target in TARGETS:
        drawn = probabilities_of(predictions, target)[rows]
        columns |= _decision("vote", target, *majority_vote(drawn, start))
        for method, distribution in _pools(predictions, rows, start, target, calibration).items():
            columns |= _decision(method, target, *_most_probable(distribution))
            confidence = calibration.confidence(distribution, method, target)
            columns[f"{method}_{target}_calibrated"] = confidence
            if target == "spacegroup":
                given = decide_given_system(distribution, columns[f"{method}_system"])
                columns[f"{method}_given_spacegroup"] = given
    return frame.assign(**columns)


def _pools(
    predictions: Predictions, rows: np.ndarray, start: np.ndarray, target: str, calibration: Calibration
) -> dict[str, np.ndarray]:
    """Return the distribution over classes of each material, (M, C), by method."""
    drawn = probabilities_of(predictions, target)[rows]
    pools = {"logsum": geometric_mean(drawn, start)}
    if calibration.pooling is not None:
        weights = np.array(calibration.pooling[target])
        pools["pooled"] = pool(drawn, view_features(predictions, rows), start, weights)
    return pools


def _decision(method: str, target: str, best: np.ndarray, confidence: np.ndarray) -> dict[str, np.ndarray]:
    name = f"{method}_{target}"
    return {name: best + _first_class(target), f"{name}_confidence": confidence}


def aggregate_predictions(
    predictions_path: str | Path,
    calibration_path: str | Path,
    views_path: str | Path,
    settings: EvaluationSettings,
) -> None:
    """Read predictions of single patterns and write what `aggregate` makes of them, as parquet."""
    frame = aggregate(read_predictions(predictions_path), settings, read_calibration(calibration_path))
    write_parquet(pa.Table.from_pandas(frame, preserve_index=False), views_path)


def read_aggregated(path: str | Path, method: str) -> pd.DataFrame:
    """Read one method's decisions, in the columns of `single_decisions`: one row a material.

    A vote has no probabilities, and so none of the columns that are made of them.

    Raises
    ------
    InputError
        If the file is not a table of decisions.
    """
    names = {"material_id": "material_id"} | {target: target for target in TARGETS}
    for target in TARGETS:
        names[f"{method}_{target}"] = f"predicted_{target}"
        names[f"{method}_{target}_confidence"] = f"{target}_confidence"
        if method != "vote":
            names[f"{method}_{target}_calibrated"] = f"{target}_calibrated"
    if method != "vote":
        names[f"{method}_given_spacegroup"] = "given_spacegroup"
    try:
        return read_parquet(path, list(names)).to_pandas()[list(names)].rename(columns=names)
    except (OSError, KeyError, pa.ArrowException) as error:
        raise InputError(f"{path} is not a table of decisions over views: {error}") from error


def probabilities_of(predictions: Predictions, target: str) -> np.ndarray:
    """Return the probabilities of a target's classes, (P, C)."""
    return getattr(predictions, f"p_{target}")


def class_indices(predictions: Predictions, target: str) -> np.ndarray:
    """Return the true classes as columns of `probabilities_of`, (P,)."""
    return getattr(predictions, target) - _first_class(target)


def _first_class(target: str) -> int:
    """Return the class of index 0: space groups are named by their numbers, from 1."""
    return int(target == "spacegroup")
