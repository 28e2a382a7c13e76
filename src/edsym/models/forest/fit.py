"""Growing the forest: scikit-learn does it, and what it grew is flattened."""

from pathlib import Path

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from tqdm import tqdm

from edsym.detector.detect import detect
from edsym.errors import InputError
from edsym.models.forest.features import features_of
from edsym.models.forest.settings import ForestSettings
from edsym.models.forest.trees import FlatForest, joined
from edsym.models.model import Model
from edsym.spots.store import SpotLists, offsets
from edsym.symmetry import CRYSTAL_SYSTEMS, system_index

# Trees that are grown before they are flattened, or as many as there are threads.
_AT_ONCE = 8
Trees = RandomForestClassifier | ExtraTreesClassifier


def fit(
    model: Model,
    spots: SpotLists,
    labels: np.ndarray,
    validation: np.ndarray | None,
    threads: int,
    checkpoints: Path | None,
) -> None:
    """Grow the trees, see `Model.fit`: nothing tells when to stop, and all patterns are learned from."""
    settings = model.settings["forest"]
    shown = detect(spots, model.detector, settings.seed)
    grow(model, features_of(shown, settings.features), labels, threads)
    model.record = {"training_patterns": len(spots)}


def grow(model: Model, X: np.ndarray, groups: np.ndarray, threads: int = 1) -> None:
    """Grow the trees of a model on features (P, F) of patterns of these space groups (P,)."""
    s = model.settings["forest"]
    system = system_index(groups)
    learned = ~np.isin(system, [CRYSTAL_SYSTEMS.index(name) for name in s.exclude])
    if not learned.any():
        raise InputError(
            f"forest.exclude: all training patterns are {', '.join(s.exclude)}, and none is left"
        )
    with tqdm(desc="forest", total=1 + len(np.unique(system[learned])), unit="forest") as progress:

        def forest(y: np.ndarray, rows: np.ndarray, trees: int, depth: int) -> FlatForest:
            grown = untrained(s, depth, len(rows)).set_params(n_jobs=threads)
            # features of all rows are not copied
            flat = grown_flat(grown, X if len(rows) == len(X) else X[rows], y[rows], trees, threads)
            progress.update()
            return flat

        model.systems = forest(system, np.flatnonzero(learned), s.system_trees, s.system_depth)
        model.groups = {
            int(i): forest(groups, np.flatnonzero(system == i), s.spacegroup_trees, s.spacegroup_depth)
            for i in model.systems.classes
        }


def untrained(settings: ForestSettings, depth: int, rows: int) -> Trees:
    """Return scikit-learn's trees of these settings, of a depth and for so many patterns."""
    few = None if settings.max_rows is None else min(settings.max_rows, rows)
    same = {"max_depth": depth, "max_features": "sqrt", "max_samples": few, "random_state": settings.seed}
    if settings.thresholds == "random":
        return ExtraTreesClassifier(bootstrap=few is not None, **same)
    return RandomForestClassifier(**same)


def grown_flat(forest: Trees, X: np.ndarray, y: np.ndarray, trees: int, threads: int) -> FlatForest:
    """Grow so many trees, a few at once, and return them flat.

    A tree of scikit-learn takes some hundred bytes a node, and only a few lie in memory at a time. They are
    those that would be grown all at once, as a tree's seed hangs on its number.
    """
    forest.set_params(warm_start=True)
    parts, at_once = [], max(threads, _AT_ONCE)
    for stop in (*range(at_once, trees, at_once), trees):
        forest.set_params(n_estimators=stop).fit(X, y)
        parts.append(flattened(forest))
        forest.estimators_ = [None] * stop  # their number is all that the next ones ask for
    return joined(parts)


def flattened(forest: Trees) -> FlatForest:
    """Return the trees of a fitted forest of scikit-learn as flat arrays; some may be None."""
    trees = [estimator.tree_ for estimator in forest.estimators_ if estimator is not None]
    left = np.concatenate([tree.children_left for tree in trees]).astype(np.int32)
    right = np.concatenate([tree.children_right for tree in trees]).astype(np.int32)
    leaves = left < 0
    right[leaves] = np.arange(leaves.sum())
    shares = [tree.value[tree.children_left < 0, 0] for tree in trees]
    entries = [np.nonzero(values) for values in shares]
    return FlatForest(
        classes=forest.classes_,
        tree_offset=offsets([tree.node_count for tree in trees]),
        feature=np.concatenate([tree.feature for tree in trees]).astype(np.int16),
        threshold=_round_down(np.concatenate([tree.threshold for tree in trees])),
        left=left,
        right=right,
        leaf_offset=offsets(np.concatenate([np.count_nonzero(values, axis=1) for values in shares])),
        entry_class=np.concatenate([column for _, column in entries]).astype(np.uint8),
        entry_share=np.concatenate(
            [values[entry] for values, entry in zip(shares, entries, strict=True)]
        ).astype(np.float32),
    )


def _round_down(threshold: np.ndarray) -> np.ndarray:
    """Return the greatest float32 at or below each threshold: for float32 features the same decision."""
    rounded = threshold.astype(np.float32)
    return np.where(rounded > threshold, np.nextafter(rounded, np.float32(-np.inf)), rounded)
