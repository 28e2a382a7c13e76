"""What knows nothing is worth no more than the prior, under every split; what leaks through one is seen."""

import numpy as np
import pytest

from edsym.evaluation.metrics import wilson_interval
from edsym.models.forest.fit import grow
from edsym.models.forest.model import Forest
from edsym.models.forest.settings import ForestSettings
from edsym.spots.division import _sides
from edsym.spots.settings import SplitSettings
from edsym.symmetry import system_index

SETTINGS = ForestSettings(system_trees=20, spacegroup_trees=2)
GROUPS = np.array([2, 14, 62, 139, 166, 194, 225])
N, PATTERNS = 240, 4
KIN = {
    "material": np.arange(N),
    "prototype": np.repeat(np.arange(N // 4), 4),
    "chemistry": np.arange(N) % (N // 6),
}


def features(rng):
    """Return features that tell the material's prototype and chemical system, (N · PATTERNS, F)."""
    marks = [rng.normal(size=(N, 6))[KIN[kind]] for kind in ("prototype", "chemistry")]
    of_material = np.concatenate(marks, axis=1).repeat(PATTERNS, axis=0)
    return (of_material + 0.1 * rng.normal(size=of_material.shape)).astype(np.float32)


def score(groups, strategy):
    """Return the interval of a forest's accuracy, and the accuracy of the most frequent system."""
    systems = system_index(groups)
    names = np.array([f"k{key:03}" for key in KIN[strategy]])
    tests = _sides(names, systems, SplitSettings(strategy=strategy, test_fraction=0.3)) == "test"
    X, rows = features(np.random.default_rng(1)), tests.repeat(PATTERNS)
    forest = Forest(forest=SETTINGS)
    grow(forest, X[~rows], groups[~tests].repeat(PATTERNS))
    hits = forest.probabilities(X[rows])[0].argmax(axis=1) == systems[tests].repeat(PATTERNS)
    most = np.bincount(systems[~tests]).argmax()
    return wilson_interval(hits.mean(), tests.sum()), (systems[tests] == most).mean()


@pytest.mark.parametrize("strategy", KIN)
def test_shuffled_labels_bring_the_forest_to_the_prior_under_every_split(strategy):
    groups = np.random.default_rng(0).choice(GROUPS, N)
    (low, high), prior = score(groups, strategy)
    assert low <= prior and high >= 1 / 7


@pytest.mark.parametrize("shared", ["prototype", "chemistry"])
def test_labels_that_kin_share_are_guessed_unless_kin_are_kept_together(shared):
    groups = np.random.default_rng(2).choice(GROUPS, N)[KIN[shared]]
    (low, _), prior = score(groups, "material")
    assert low > 2 * prior
    (low, high), prior = score(groups, shared)
    assert low <= prior and high >= 1 / 7
