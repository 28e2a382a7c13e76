"""Decisions: the most probable classes of distributions, how sure they are, and the tables that hold them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from edsym.errors import InputError
from edsym.parquet import read_parquet, write_parquet
from edsym.predictions.calibration import Calibration
from edsym.predictions.conditional import decide_given_system
from edsym.predictions.table import Predictions
from edsym.symmetry.classes import CLASSES

TARGETS = ("system", "spacegroup")
SINGLE = "single"
UNFITTED = Calibration()
_NEEDED = ("material_id", *(f"predicted_{target}" for target in TARGETS))


def single_decisions(
    predictions: Predictions, calibration: Calibration = UNFITTED, conditional: bool = True
) -> pd.DataFrame:
    """Return the decision on every single pattern.

    Parameters
    ----------
    predictions : Predictions
        What a model says of the patterns.
    calibration : Calibration
        What was fitted to the model on validation materials.
    conditional : bool
        Whether to decide on a space group given the crystal system as well.

    Returns
    -------
    pandas.DataFrame
        One row a pattern: material_id, view; system and spacegroup, the truth where it is known; and what
        `decide` returns.
    """
    frame = pd.DataFrame({"material_id": predictions.material_id, "view": predictions.view})
    distributions = {target: probabilities_of(predictions, target) for target in TARGETS}
    decided = decide(distributions, calibration, SINGLE, conditional)
    return frame.assign(**truth_of(predictions), **decided)


def decide(
    distributions: Mapping[str, np.ndarray], calibration: Calibration, method: str, conditional: bool
) -> dict[str, np.ndarray]:
    """Return the most probable classes of distributions.

    Parameters
    ----------
    distributions : mapping of str to (N, C) array
        Distributions over crystal systems (N, 7) and space groups (N, 230).
    calibration : Calibration
        What was fitted to the model on validation materials.
    method : str
        What made the distributions: "single", "logsum", "pooled" or "together".
    conditional : bool
        Whether to decide on a space group given the crystal system as well.

    Returns
    -------
    dict of str to (N,) array
        predicted_system (index), predicted_spacegroup (number), system_confidence, spacegroup_confidence
        (largest probability), system_calibrated, spacegroup_calibrated (the same after temperature scaling,
        NaN without a temperature), predicted_{kind} (index) for each kind of `edsym.symmetry.classes.CLASSES`
        by sums of the probabilities of space groups, and if `conditional` given_spacegroup (number of the
        most probable group of the predicted system).
    """
    columns = {}
    for target, p in distributions.items():
        columns |= decision(target, p.argmax(axis=1), p.max(axis=1))
        columns[f"{target}_calibrated"] = calibration.confidence(p, method, target)
    p = distributions["spacegroup"]
    columns |= {f"predicted_{kind}": classes().sums(p).argmax(axis=1) for kind, classes in CLASSES.items()}
    if conditional:
        given = decide_given_system(p, columns["predicted_system"])
        columns["given_spacegroup"] = given
    return columns


def decision(target: str, best: np.ndarray, confidence: np.ndarray) -> dict[str, np.ndarray]:
    """Return the two columns of a decision on class indices (N,), which is so sure (N,)."""
    return {f"predicted_{target}": best + _first_class(target), f"{target}_confidence": confidence}


def write_decisions(frame: pd.DataFrame, path: str | Path) -> None:
    """Write decisions as a parquet table."""
    write_parquet(pa.Table.from_pandas(frame, preserve_index=False), path)


def read_decisions(path: str | Path, method: str = SINGLE) -> pd.DataFrame:
    """Read decisions in the columns of `single_decisions`: on patterns, or by one method on materials.

    Votes and other counts have no probabilities, and so none of the columns that are made of them.

    Raises
    ------
    InputError
        If the file is not a table of such decisions.
    """
    frame = read_parquet(path).to_pandas()
    if method != SINGLE:
        own = {name: name.removeprefix(f"{method}_") for name in frame if name.startswith(f"{method}_")}
        frame = frame[[name for name in ("material_id", *TARGETS, *own) if name in frame]].rename(columns=own)
    missing = [name for name in _NEEDED if name not in frame]
    if missing:
        raise InputError(
            f"{path} is not a table of decisions by the method {method!r}: it lacks {', '.join(missing)}"
        )
    return frame


def probabilities_of(predictions: Predictions, target: str) -> np.ndarray:
    """Return the probabilities of a target's classes, (P, C)."""
    return getattr(predictions, f"p_{target}")


def truth_of(predictions: Predictions, rows: np.ndarray | slice = slice(None)) -> dict[str, np.ndarray]:
    """Return the true system and spacegroup of rows; nothing where they are not known."""
    if predictions.spacegroup is None:
        return {}
    return {target: getattr(predictions, target)[rows] for target in TARGETS}


def class_indices(predictions: Predictions, target: str) -> np.ndarray:
    """Return the true classes as columns of `probabilities_of`, (P,)."""
    return getattr(predictions, target) - _first_class(target)


def _first_class(target: str) -> int:
    """Return the class of index 0: space groups are named by their numbers, from 1."""
    return int(target == "spacegroup")
