"""Fitted random forests as flat arrays: small, quick to load, without code in the file.

scikit-learn grows the trees. In its own objects every node carries a dense row of class shares, some 400
bytes for 40 classes: tens of gigabytes for the paper's run, and storing them takes pickle or an equivalent.
Here a node takes 14 bytes, and only leaves carry shares, only of the classes that they hold.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import h5py
import numpy as np
from numba import njit

from edsym.hdf5 import create_dataset


@dataclass(frozen=True)
class FlatForest:
    """The trees of one forest, one after the other.

    Node indices count from the root of their tree, leaves from the first of the forest. A node sends a
    sample to `left` if ``x[feature] <= threshold``, else to `right`. At a leaf `left` is -1 and `right`
    its number l; it holds the entries ``leaf_offset[l]`` to ``leaf_offset[l + 1]``.

    Attributes
    ----------
    classes : (C,) array of int
        The classes, in increasing order.
    tree_offset : (T + 1,) array of int64
        The nodes of each tree.
    feature, threshold, left, right : (N,) arrays of int16, float32, int32, int32
        The nodes.
    leaf_offset : (L + 1,) array of int64
        The entries of each leaf.
    entry_class, entry_share : (E,) arrays of uint8, float32
        Index of a class, and its share of the leaf's training samples.
    """

    classes: np.ndarray
    tree_offset: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    leaf_offset: np.ndarray
    entry_class: np.ndarray
    entry_share: np.ndarray

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return the mean class shares over all trees.

        Parameters
        ----------
        X : (P, F) array of float32
            Features.

        Returns
        -------
        (P, C) array of float32
            Probabilities of `classes`.
        """
        if X.shape[1] <= self.feature.max():
            raise ValueError(f"X has {X.shape[1]} features; the trees ask for number {self.feature.max()}")
        arrays = [getattr(self, field.name) for field in fields(self)]
        return _mean_shares(np.ascontiguousarray(X, dtype=np.float32), *arrays)

    def write(self, group: h5py.Group) -> None:
        """Write the arrays into an HDF5 group."""
        for field in fields(self):
            create_dataset(group, field.name, getattr(self, field.name))

    @classmethod
    def read(cls, group: h5py.Group) -> "FlatForest":
        """Read the arrays of an HDF5 group.

        Raises
        ------
        ValueError
            If they are no trees: compiled code follows their indices unchecked.
        """
        forest = cls(**{field.name: group[field.name][:] for field in fields(cls)})
        for what, right in forest._rules():
            if not right:
                raise ValueError(f"{group.name}: {what}")
        return forest

    def _rules(self) -> Iterator[tuple[str, bool]]:
        """Yield what trees need, and whether it is so; a rule is checked only if those before it hold."""
        is_leaf, leaves = self.left < 0, len(self.leaf_offset) - 1
        n, inner = len(is_leaf), ~is_leaf
        equal = {len(array) for array in (self.feature, self.threshold, self.right)} == {n}
        yield "nodes lack a feature, a threshold or a child", equal
        yield "trees do not share all nodes", _divides(self.tree_offset, n) and len(self.tree_offset) > 1
        yield "leaves do not share all entries", _divides(self.leaf_offset, len(self.entry_class))
        yield "entries lack a class or a share", len(self.entry_class) == len(self.entry_share)
        yield "an entry is of no class", (self.entry_class < len(self.classes)).all()
        yield "a node asks for a feature below 0", (self.feature[inner] >= 0).all()
        yield "a leaf has a number that is not there", _within(self.right[is_leaf], 0, leaves)
        # Children come after their parent, so that no path is without an end.
        sizes = np.diff(self.tree_offset)
        place = np.arange(n) - np.repeat(self.tree_offset[:-1], sizes)
        size = np.repeat(sizes, sizes)
        for children in (self.left, self.right):
            child = children[inner]
            yield "a node has a child that is not there", _within(child, place[inner] + 1, size[inner])


def joined(parts: list[FlatForest]) -> FlatForest:
    """Return the trees of several forests with the same classes as one."""
    arrays = {}
    for field in fields(FlatForest):
        columns = [getattr(part, field.name) for part in parts]
        if field.name in ("tree_offset", "leaf_offset"):
            counts = np.concatenate([np.diff(column) for column in columns])
            arrays[field.name] = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        else:
            arrays[field.name] = columns[0] if field.name == "classes" else np.concatenate(columns)
    leaves = np.cumsum([0] + [len(part.leaf_offset) - 1 for part in parts[:-1]])
    shift = np.repeat(leaves, [len(part.left) for part in parts]).astype(np.int32)
    arrays["right"] = np.where(arrays["left"] < 0, arrays["right"] + shift, arrays["right"])
    return FlatForest(**arrays)


def _divides(offset: np.ndarray, n: int) -> bool:
    return bool(len(offset) and offset[0] == 0 and offset[-1] == n and (np.diff(offset) > 0).all())


def _within(values: np.ndarray, first, stop) -> bool:
    return bool(((values >= first) & (values < stop)).all())


@njit(cache=True, nogil=True)
def _mean_shares(
    X, classes, tree_offset, feature, threshold, left, right, leaf_offset, entry_class, entry_share
):
    total = np.zeros((len(X), len(classes)))
    n_trees = len(tree_offset) - 1
    for t in range(n_trees):  # trees outside: the upper nodes of one tree stay in the cache
        root = tree_offset[t]
        for p in range(len(X)):
            node = root
            while left[node] >= 0:
                goes_left = X[p, feature[node]] <= threshold[node]
                node = root + (left[node] if goes_left else right[node])
            leaf = right[node]
            for entry in range(leaf_offset[leaf], leaf_offset[leaf + 1]):
                total[p, entry_class[entry]] += entry_share[entry]
    return (total / n_trees).astype(np.float32)
