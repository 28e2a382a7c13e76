"""Patterns with their space groups that tests of several models learn from."""

import numpy as np

from edsym.spots.store import SpotLists, offsets


def labelled_spots():
    """Return spot lists of 24 materials with 5 views each, and the space group of every material."""
    rng = np.random.default_rng(5)
    ids = np.array([f"m{i:02}" for i in range(24)])
    groups = np.repeat([2, 1, 225, 227, 221, 194], 4)
    material, view = np.repeat(np.arange(24), 5), np.tile(np.arange(5), 24)
    counts = rng.integers(5, 20, len(material))
    q = rng.normal(0, 0.3, (counts.sum(), 2)) + 0.1 * np.repeat(material // 4, counts)[:, None]
    intensity = rng.random(counts.sum(), dtype="f4")
    return SpotLists(ids, material, view, offsets(counts), *q.T.astype("f4"), intensity), groups
