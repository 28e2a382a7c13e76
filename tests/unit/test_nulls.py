"""What knows nothing is worth no more than the prior, under every split; what leaks through one is seen."""

import numpy as np
import pytest
from test_mlp import SETTINGS as MLP
from test_mvof import SETTINGS as MVOF
from test_training import NETWORK, TRAINING

from edsym.evaluation.metrics import wilson_interval
from edsym.models.cell.model import LatticeNetwork
from edsym.models.cell.settings import CellSettings
from edsym.models.forest.fit import grow
from edsym.models.forest.model import Forest
from edsym.models.forest.settings import ForestSettings
from edsym.models.gmoe.model import GMoE
from edsym.models.mlp.model import Perceptron
from edsym.models.mvof.model import OpinionFusion
from edsym.spots.division import _sides
from edsym.spots.settings import SplitSettings
from edsym.spots.split import validation_patterns
from edsym.spots.store import SpotLists
from edsym.symmetry import system_index
from edsym.training.settings import TrainingSettings

pytestmark = pytest.mark.usefixtures("quick_lattices")
SETTINGS = ForestSettings(system_trees=20, spacegroup_trees=2)
CELL = CellSettings(patterns=4, sets=0, width=32, hidden=32, epochs=6, batch_size=64, threads=1)
SMALL = NETWORK.replace(
    graph="none", layers=1, experts=0, top_k=0, width=16, point_channels=[16], heads=2, spectra_width=8
)
SHORT = TrainingSettings(
    **TRAINING | {"epochs": 3, "batch_size": 96, "accumulation": 1, "averaging": 0, "label_smoothing": 0}
)
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


def spots_of(X):
    """Return patterns that show each feature as length and intensity of a spot."""
    material, view = np.repeat(np.arange(N), PATTERNS), np.tile(np.arange(PATTERNS), N)
    n = X.shape[1]
    q, angle = 0.12 * np.arange(1, n + 1) + 0.1 * X, np.arange(n)
    places = ((q * turn(angle)).ravel().astype(np.float32) for turn in (np.cos, np.sin))
    names = np.array([f"m{i:03}" for i in range(N)])
    return SpotLists(names, material, view, n * np.arange(len(X) + 1), *places, np.exp(X).ravel() / 100)


def grown(X, groups, tests, thresholds="best"):
    """Return the systems that trees answer, grown on all but the test rows."""
    forest = Forest(forest=SETTINGS.replace(thresholds=thresholds))
    grow(forest, X[~tests], groups[~tests])
    return forest.probabilities(X[tests])[0].argmax(axis=1)


def trained(model):
    """Return a function that trains a network and answers as `grown`."""

    def answer(X, groups, tests):
        spots = spots_of(X)
        learned = spots.take(np.flatnonzero(~tests))
        validates = validation_patterns(learned.material, 0.2, 0)
        model.fit(learned, groups[~tests], validates)
        return model.predict_proba(spots.take(np.flatnonzero(tests)))[0].argmax(axis=1)

    return answer


ANSWERS = {
    "forest": grown,
    "extra trees": lambda *data: grown(*data, thresholds="random"),
    "mlp": trained(Perceptron(mlp=MLP.replace(epochs=6, batch_size=64))),
    "cell": trained(LatticeNetwork(cell=CELL)),
    "gmoe": trained(GMoE(network=SMALL, training=SHORT)),
    "mvof": trained(OpinionFusion(mvof=MVOF.replace(epochs=6, batch_size=64))),
}


def score(groups, strategy, model="forest", shown=0.0):
    """Return the interval of a model's accuracy, and the accuracy of the most frequent system.

    `shown` is added to half of the features that it sees.
    """
    systems = system_index(groups)
    names = np.array([f"k{key:03}" for key in KIN[strategy]])
    tests = _sides(names, systems, SplitSettings(strategy=strategy, test_fraction=0.3)) == "test"
    X, rows = features(np.random.default_rng(1)), tests.repeat(PATTERNS)
    X[:, :6] += shown
    answered = ANSWERS[model](X, groups.repeat(PATTERNS), rows)
    hits = answered == systems[tests].repeat(PATTERNS)
    most = np.bincount(systems[~tests]).argmax()
    return wilson_interval(hits.mean(), tests.sum()), (systems[tests] == most).mean()


@pytest.mark.parametrize("model", ANSWERS)
@pytest.mark.parametrize("strategy", KIN)
def test_shuffled_labels_bring_models_to_the_prior_under_every_split(strategy, model):
    groups = np.random.default_rng(0).choice(GROUPS, N)
    (low, high), prior = score(groups, strategy, model)
    assert low <= prior and high >= 1 / 7


# that mvof learns takes more epochs: see test_mvof
@pytest.mark.parametrize("model", [name for name in ANSWERS if name != "mvof"])
def test_every_model_learns_what_such_patterns_show(model):
    groups = np.random.default_rng(2).choice([62, 225], N)
    shown = 2.0 * (groups == 225).repeat(PATTERNS)[:, None]
    (low, _), prior = score(groups, "material", model, shown)
    assert low > 1.3 * prior


@pytest.mark.parametrize("shared", ["prototype", "chemistry"])
def test_labels_that_kin_share_are_guessed_unless_kin_are_kept_together(shared):
    groups = np.random.default_rng(2).choice(GROUPS, N)[KIN[shared]]
    (low, _), prior = score(groups, "material")
    assert low > 2 * prior
    (low, high), prior = score(groups, shared)
    assert low <= prior and high >= 1 / 7
