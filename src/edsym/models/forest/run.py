"""Training and prediction of the forest, from files to files."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from tqdm import tqdm

from edsym.models.forest.features import forest_features
from edsym.models.forest.forest import HierarchicalForest
from edsym.models.forest.settings import ForestSettings
from edsym.predictions.table import Predictions, write_predictions
from edsym.spots.split import labelled_patterns, validation_patterns
from edsym.spots.store import SpotLists
from edsym.symmetry import system_index

# Patterns whose features are held at once by a thread: 17 MB.
_PATTERNS_AT_ONCE = 4096


def train_forest(
    spots_paths: Iterable[str | Path],
    split_path: str | Path,
    output_dir: str | Path,
    settings: ForestSettings,
    jobs: int,
) -> None:
    """Fit the forest to the training patterns and save it.

    Parameters
    ----------
    spots_paths : iterable of str or Path
        All shards of spot lists.
    split_path : str or Path
        The split.
    output_dir : str or Path
        Where forest.h5 and model.json go.
    settings : ForestSettings
        Sizes and seed.
    jobs : int
        Threads; the result does not depend on it.

    Raises
    ------
    InputError
        If an input is unreadable or the training materials have no pattern.
    """
    spots, groups = labelled_patterns(spots_paths, split_path, "train")
    X = forest_features(spots)
    HierarchicalForest(settings, jobs).fit(X, system_index(groups), groups).save(output_dir)


def predict_forest(
    spots_paths: Iterable[str | Path],
    split_path: str | Path,
    model_dir: str | Path,
    output_path: str | Path,
    jobs: int,
) -> None:
    """Write the forest's predictions for the test patterns.

    Parameters
    ----------
    spots_paths : iterable of str or Path
        All shards of spot lists.
    split_path : str or Path
        The split.
    model_dir : str or Path
        Where the trained forest is.
    output_path : str or Path
        The table to write, see `edsym.predictions.table`.
    jobs : int
        Threads; the result does not depend on it.

    Raises
    ------
    InputError
        If an input is unreadable or the test materials have no pattern.
    """
    spots, groups = labelled_patterns(spots_paths, split_path, "test")
    _write(HierarchicalForest.load(model_dir), spots, groups, output_path, jobs)


def validate_forest(
    spots_paths: Iterable[str | Path],
    split_path: str | Path,
    output_path: str | Path,
    settings: ForestSettings,
    validation: tuple[float, int],
    jobs: int,
) -> None:
    """Write predictions for the validation materials by a forest that has not seen them.

    The forest itself is grown on all training materials and knows them by heart: how sure it is of them
    tells nothing of new ones. So a second one is grown on the others, predicts, and is let go.

    Parameters
    ----------
    spots_paths : iterable of str or Path
        All shards of spot lists.
    split_path : str or Path
        The split.
    output_path : str or Path
        The table to write, see `edsym.predictions.table`.
    settings : ForestSettings
        Sizes and seed, as of the forest itself.
    validation : (float, int)
        Share of the training materials that validate, and seed of their choice.
    jobs : int
        Threads; the result does not depend on it.

    Raises
    ------
    InputError
        If an input is unreadable or the training materials have no pattern.
    """
    spots, groups = labelled_patterns(spots_paths, split_path, "train")
    validates = validation_patterns(spots.material, *validation)
    X = forest_features(spots)[~validates]
    forest = HierarchicalForest(settings, jobs).fit(X, system_index(groups[~validates]), groups[~validates])
    chosen = spots.select(spots.material_id[np.unique(spots.material[validates])])
    _write(forest, chosen, groups[validates], output_path, jobs)


def _write(
    forest: HierarchicalForest, spots: SpotLists, groups: np.ndarray, output_path: str | Path, jobs: int
) -> None:
    p_system, p_spacegroup = predict_patterns(forest, spots, jobs)
    ids = spots.material_id[spots.material]
    predictions = Predictions(ids, spots.view, p_system, p_spacegroup, groups)
    write_predictions(predictions, output_path)


def predict_patterns(
    forest: HierarchicalForest, spots: SpotLists, jobs: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Return the forest's probabilities for all patterns, a bounded number of them at once.

    Returns
    -------
    p_system, p_spacegroup : (P, 7), (P, 230) arrays of float32
        See `HierarchicalForest.predict_proba`.
    """
    starts = range(0, len(spots), _PATTERNS_AT_ONCE)
    chunks = [slice(start, start + _PATTERNS_AT_ONCE) for start in starts]
    run = Parallel(n_jobs=jobs, prefer="threads", return_as="generator")
    parts = run(delayed(_predict_chunk)(forest, spots, chunk) for chunk in chunks)
    parts = list(tqdm(parts, total=len(chunks), desc="forest", unit="chunk"))
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))


def _predict_chunk(
    forest: HierarchicalForest, spots: SpotLists, chunk: slice
) -> tuple[np.ndarray, np.ndarray]:
    return forest.predict_proba(forest_features(spots, chunk))
