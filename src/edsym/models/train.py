"""Training of a model, from files to files."""

import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from edsym.detector.levels import Detector
from edsym.models.model import Model
from edsym.spots.split import labelled_patterns, validating
from edsym.training.launch import rank


def train_model(
    model: Model,
    spots_paths: Iterable[str | Path],
    split_path: str | Path,
    folder: str | Path,
    *,
    validation: tuple[float, int] | None,
    left_out: bool = False,
    detector: str | Detector = "ideal",
    threads: int = 1,
    checkpoints: str | Path | None = None,
) -> None:
    """Train a model on the training patterns and save it.

    Parameters
    ----------
    model : Model
        With its settings.
    spots_paths : iterable of str or Path
        All shards of spot lists.
    split_path : str or Path
        The split.
    folder : str or Path
        Where the model goes.
    validation : (float, int) or None
        Share of the training materials that validate, and seed of their choice; None: all are learned from.
    left_out : bool
        Whether the model does not even meet the materials that validate. A forest knows by heart what it was
        grown on: how sure it is of that tells nothing of new materials. One that was grown without some
        materials tells it.
    detector : str or Detector
        What shows the spots that are learned from, see `Model.fit`.
    threads : int
        Threads, where neither settings nor results depend on them.
    checkpoints : str or Path, optional
        Folder of this training alone, to go on from; removed once the model is saved.

    Raises
    ------
    InputError
        If an input is unreadable or the training materials have no pattern.
    TrainingError
        If the training cannot go on.
    """
    spots, groups = labelled_patterns(spots_paths, split_path, "train")
    validates = None if validation is None else validating(spots, split_path, *validation)
    if left_out:
        seen = spots.material_id[np.unique(spots.material[~validates])]
        spots, groups, validates = spots.select(seen), groups[~validates], None
    checkpoints = None if checkpoints is None else Path(checkpoints)
    model.fit(spots, groups, validates, detector=detector, threads=threads, checkpoints=checkpoints)
    if rank() == 0:  # of several processes that train together
        model.save(folder)
        if checkpoints is not None and checkpoints.exists():
            shutil.rmtree(checkpoints)
