"""Grains of a scan: neighbouring positions whose patterns have the same spots, and their common pattern."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

SMALLEST = 3
"""Fewest positions of a grain."""
_ALIKE = 0.5
"""Similarity of neighbours of one grain: between 0 and 1, see `similarity`."""
_SHARE = 0.5
"""Share of a grain's patterns of which more must have a spot that is kept."""


def similarity(a: np.ndarray, b: np.ndarray, tolerance: float) -> float:
    """Return how alike two patterns (n, 3) of qx, qy and intensity are, from 0 to 1.

    The cosine of the two as vectors of amplitudes, of spots that are each other's nearest within `tolerance`
    (1/Å). Amplitudes, not intensities: the few brightest spots should not decide alone.
    """
    if not (len(a) and len(b)):
        return 0.0
    distance, mate = cKDTree(b[:, :2]).query(a[:, :2])
    back = cKDTree(a[:, :2]).query(b[:, :2])[1]
    pairs = (distance <= tolerance) & (back[mate] == np.arange(len(a)))
    common = np.sqrt(a[pairs, 2] * b[mate[pairs], 2]).sum()
    return float(common / np.sqrt(a[:, 2].sum() * b[:, 2].sum()))


def grains(
    patterns: list[np.ndarray], valid: np.ndarray, shape: tuple[int, int], tolerance: float
) -> np.ndarray:
    """Return which grain each position is of.

    Neighbours along rows and columns hang together where their patterns are alike. A grain is what hangs
    together so and is alike to its common pattern: twins hang together by positions that show both, and a
    bent crystal by its orientations between. What is not alike is looked at without the others. Two grains
    stay one if so many positions show both that most positions have the spots of either.

    Parameters
    ----------
    patterns : list of n arrays (m, 3)
        qx, qy (1/Å) and intensity, by position.
    valid : (n,) array of bool
        Positions with a pattern that can be used; others are of no grain.
    shape : (int, int)
        Rows and columns of the scan.
    tolerance : float
        Distance in 1/Å within which spots are the same.

    Returns
    -------
    (n,) array of int
        Number of the grain, from 0 for the largest; -1 where there is none of `SMALLEST` positions.
    """
    pairs = _alike_neighbours(patterns, valid, shape, tolerance)
    found, left = [], _pieces(np.flatnonzero(valid), pairs, len(patterns))
    while left:
        own = left.pop()
        if len(own) < SMALLEST:
            continue
        mine = [patterns[p] for p in own]
        common = common_pattern(mine, tolerance)
        if not any(_alike(pattern, common, tolerance) for pattern in mine):
            common = max(mine, key=lambda pattern: pattern[:, 2].sum())
        alike = np.array([_alike(pattern, common, tolerance) for pattern in mine])
        if alike.all():
            found.append(own)
        else:
            left += _pieces(own[alike], pairs, len(patterns)) + _pieces(own[~alike], pairs, len(patterns))
    grain = np.full(len(patterns), -1)
    for g, own in enumerate(sorted(found, key=lambda own: (-len(own), own[0]))):
        grain[own] = g
    return grain


def _alike(a: np.ndarray, b: np.ndarray, tolerance: float) -> bool:
    return similarity(a, b, tolerance) >= _ALIKE


def _alike_neighbours(
    patterns: list[np.ndarray], valid: np.ndarray, shape: tuple[int, int], tolerance: float
) -> np.ndarray:
    """Return pairs (N, 2) of neighbours along rows and columns whose patterns are alike."""
    number = np.arange(len(patterns)).reshape(shape)
    pairs = np.concatenate(
        [
            np.stack([number[:, :-1].ravel(), number[:, 1:].ravel()], axis=1),
            np.stack([number[:-1].ravel(), number[1:].ravel()], axis=1),
        ]
    )
    pairs = pairs[valid[pairs].all(axis=1)]
    return pairs[np.array([_alike(patterns[i], patterns[j], tolerance) for i, j in pairs], bool)]


def _pieces(positions: np.ndarray, pairs: np.ndarray, n: int) -> list[np.ndarray]:
    """Return the parts of some of n positions that hang together by pairs."""
    inside = np.zeros(n, bool)
    inside[positions] = True
    i, j = pairs[inside[pairs].all(axis=1)].T
    graph = coo_array((np.ones(len(i)), (i, j)), shape=(n, n))
    label = connected_components(graph, directed=False)[1][positions]
    order = np.argsort(label, kind="stable")
    return np.split(positions[order], np.flatnonzero(np.diff(label[order])) + 1) if len(order) else []


def common_pattern(patterns: list[np.ndarray], tolerance: float) -> np.ndarray:
    """Return the mean pattern (n, 3) of a grain, by decreasing intensity.

    A spot is what lies within `tolerance` (1/Å) of the brightest that is left, at most one of each pattern;
    its place is the mean by intensity, its intensity the mean over all patterns. Spots that no more than half
    of the patterns have are noise, and left out: speckles are elsewhere in every pattern.
    """
    spots = np.concatenate(patterns)
    owner = np.repeat(np.arange(len(patterns)), [len(pattern) for pattern in patterns])
    order = np.argsort(-spots[:, 2], kind="stable")
    spots, owner = spots[order], owner[order]
    tree, free, kept = cKDTree(spots[:, :2]), np.ones(len(spots), bool), []
    for s in range(len(spots)):
        if not free[s]:
            continue
        near = np.sort([k for k in tree.query_ball_point(spots[s, :2], tolerance) if free[k]])
        _, first = np.unique(owner[near], return_index=True)  # the brightest of each pattern
        free[near] = False
        mine = spots[near[first]]
        if len(mine) > 1 and len(mine) > _SHARE * len(patterns):
            weight = mine[:, 2:]
            total = weight.sum()
            kept.append([*(mine[:, :2] * weight).sum(axis=0) / total, total / len(patterns)])
    kept = np.array(kept).reshape(-1, 3)
    return kept[np.argsort(-kept[:, 2], kind="stable")]
