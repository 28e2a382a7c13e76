"""From patterns to materials: decisions on single patterns and on several views of one material.

Two methods combine the drawn views of a material, for the crystal system and the space group alike:

``vote``
    Every view votes for its most probable class. Of classes with equally many votes, the one with
    the larger sum of probabilities over the views wins, then the one with the smaller index. The
    confidence is the share of views that voted for the winner.
``logsum``
    The class with the largest sum of log-probabilities wins. Probabilities are clipped at `MIN_PROBABILITY`
    first, so that one view cannot veto a class. The confidence is the winner's share of the normalised
    geometric mean over the views, not of the product: views of one material are not independent,
    and the product would be certain nearly always.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from edsym.errors import InputError
from edsym.evaluation.predictions import Predictions, read_predictions
from edsym.evaluation.settings import EvaluationSettings
from edsym.parquet import read_parquet, write_parquet
from edsym.seeds import generator

METHODS = ("vote", "logsum")
TARGETS = ("system", "spacegroup")
MIN_PROBABILITY = 1e-6
"""Smaller probabilities count as this one in the sum of logarithms."""


def single_decisions(predictions: Predictions) -> pd.DataFrame:
    """Return the decision on every single pattern.

    Returns
    -------
    pandas.DataFrame
        One row a pattern: material_id, view, system, spacegroup (the truth), predicted_system (index),
        predicted_spacegroup (number), system_confidence, spacegroup_confidence (largest probability).
    """
    frame = pd.DataFrame({"material_id": predictions.material_id, "view": predictions.view})
    for target in TARGETS:
        best = _probabilities(predictions, target).argmax(axis=1)
        frame[target] = getattr(predictions, target)
        frame[f"predicted_{target}"] = best + _first_class(target)
        frame[f"{target}_confidence"] = _probabilities(predictions, target)[np.arange(len(best)), best]
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
    logarithms = np.log(np.maximum(probabilities, MIN_PROBABILITY, dtype=np.float64))
    n_views = np.diff(np.append(start, len(probabilities)))
    mean = np.add.reduceat(logarithms, start) / n_views[:, None]
    decision = mean.argmax(axis=1)
    shares = np.exp(mean - mean.max(axis=1, keepdims=True))
    return decision, 1 / shares.sum(axis=1)


def aggregate(predictions: Predictions, settings: EvaluationSettings) -> pd.DataFrame:
    """Combine drawn views into decisions, one a material and method.

    Returns
    -------
    pandas.DataFrame
        One row a material, sorted by id: material_id, system, spacegroup (the truth), views (the drawn
        ones), and for both methods of this module {method}_system (index), {method}_spacegroup
        (number), {method}_system_confidence, {method}_spacegroup_confidence.
    """
    rows, start = draw_views(predictions, settings)
    first = rows[start]
    frame = pd.DataFrame({"material_id": predictions.material_id[first]})
    frame["system"], frame["spacegroup"] = predictions.system[first], predictions.spacegroup[first]
    frame["views"] = np.split(predictions.view[rows].astype(np.int32), start[1:])
    for target in TARGETS:
        drawn = _probabilities(predictions, target)[rows]
        for method, combine in zip(METHODS, (majority_vote, log_probability_sum), strict=True):
            decision, confidence = combine(drawn, start)
            frame[f"{method}_{target}"] = decision + _first_class(target)
            frame[f"{method}_{target}_confidence"] = confidence
    return frame


def aggregate_predictions(
    predictions_path: str | Path, views_path: str | Path, settings: EvaluationSettings
) -> None:
    """Read predictions of single patterns and write what `aggregate` makes of them, as parquet."""
    frame = aggregate(read_predictions(predictions_path), settings)
    write_parquet(pa.Table.from_pandas(frame, preserve_index=False), views_path)


def read_aggregated(path: str | Path, method: str) -> pd.DataFrame:
    """Read one method's decisions, in the columns of `single_decisions`: one row a material.

    Raises
    ------
    InputError
        If the file is not a table of decisions.
    """
    names = {"material_id": "material_id"} | {target: target for target in TARGETS}
    for target in TARGETS:
        names[f"{method}_{target}"] = f"predicted_{target}"
        names[f"{method}_{target}_confidence"] = f"{target}_confidence"
    try:
        return read_parquet(path, list(names)).to_pandas()[list(names)].rename(columns=names)
    except (OSError, KeyError, pa.ArrowException) as error:
        raise InputError(f"{path} is not a table of decisions over views: {error}") from error


def _probabilities(predictions: Predictions, target: str) -> np.ndarray:
    return getattr(predictions, f"p_{target}")


def _first_class(target: str) -> int:
    """Return the class of index 0: space groups are named by their numbers, from 1."""
    return int(target == "spacegroup")
