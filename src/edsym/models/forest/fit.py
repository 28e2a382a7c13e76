"""Growing the forest: scikit-learn does it, and what it grew is flattened."""

from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from tqdm import tqdm

from edsym.detector.detect import detect
from edsym.models.forest.features import forest_features
from edsym.models.forest.trees import FlatForest
from edsym.models.model import Model
from edsym.spots.store import SpotLists, offsets
from edsym.symmetry import system_index


def fit(
    model: Model,
    spots: SpotLists,
    labels: np.ndarray,
    validation: np.ndarray | None,
    threads: int,
    checkpoints: Path | None,
) -> None:
    """Grow the trees, see `Model.fit`: nothing tells when to stop, and all patterns are learned from."""
    shown = detect(spots, model.detector, model.settings["forest"].seed)
    grow(model, forest_features(shown), labels, threads)
    model.record = {"training_patterns": len(spots)}


def grow(model: Model, X: np.ndarray, groups: np.ndarray, threads: int = 1) -> None:
    """Grow the trees of a model on features (P, F) of patterns of these space groups (P,)."""
    s = model.settings["forest"]
    system = system_index(groups)

    def forest(y: np.ndarray, rows: np.ndarray | slice, trees: int, depth: int) -> FlatForest:
        grown = RandomForestClassifier(
            trees, max_depth=depth, max_features="sqrt", random_state=s.seed, n_jobs=threads
        )
        flat = flattened(grown.fit(X[rows], y[rows]))  # its large form does not stay in memory
        progress.update()
        return flat

    with tqdm(desc="forest", total=1 + len(np.unique(system)), unit="forest") as progress:
        model.systems = forest(system, slice(None), s.system_trees, s.system_depth)
        model.groups = {
            int(index): forest(groups, system == index, s.spacegroup_trees, s.spacegroup_depth)
            for index in model.systems.classes
        }


def flattened(forest: RandomForestClassifier) -> FlatForest:
    """Return a fitted forest of scikit-learn as flat arrays."""
    trees = [estimator.tree_ for estimator in forest.estimators_]
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
