"""Trees and what knows less on materials that are divided in three ways, at the orientations of several runs.

Structures and spots are those of runs of the workflow that differ in their orientations; nothing else of
them is read. Materials are divided anew by each strategy, and every model is grown on the training part as
the detector of the overlay shows it. What the output has already is not computed again.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from spglib import niggli_reduce
from split_runs import Divided, Run
from split_tables import complete, parser, summary

from edsym.detector.detect import detect
from edsym.models.forest.features import features_of
from edsym.models.forest.fit import grow
from edsym.models.forest.model import Forest
from edsym.models.forest.settings import ForestSettings
from edsym.seeds import generator
from edsym.structures.table import read_materials
from edsym.symmetry import system_index


@dataclass(frozen=True)
class Variant:
    """What is grown.

    Attributes
    ----------
    title : str
        What the table calls it.
    thresholds : str
        Those of the forest's settings.
    sees : str
        Features, see `edsym.models.forest.features.features_of`, or "lattice": lengths and cosines of the
        true reduced cell, which tell what a perfect lattice and nothing else is worth.
    shuffled : bool
        Whether the labels of the training materials are dealt out anew among them.
    boosted : bool
        Whether histogram gradient boosting tells the systems; the groups within them are the trees'.
    """

    title: str
    thresholds: str = "random"
    sees: str = "spots"
    shuffled: bool = False
    boosted: bool = False


VARIANTS = {
    "forest": Variant("Random forest", "best"),
    "extra": Variant("Extra trees"),
    "boosting": Variant("Histogram gradient boosting", boosted=True),
    "shuffled": Variant("Extra trees, shuffled labels", shuffled=True),
    "positions": Variant("Extra trees, positions alone", sees="positions"),
    "intensities": Variant("Extra trees, intensities alone", sees="intensities"),
    "lattice": Variant("Extra trees, true lattice alone", sees="lattice"),
}
BOOSTED_PATTERNS = 20_000


def main() -> None:
    """Grow and test what is missing, and write the table after each."""
    options = parser(__doc__, VARIANTS).parse_args()
    titles = {name: variant.title for name, variant in VARIANTS.items()}
    table = complete(options, titles, lambda name, config: [config["forest"]["seed"]], Growing(options))
    print(summary(table, VARIANTS["lattice"].title))


class Growing:
    """Grows and tests a variant on a run that is divided; the features of a run are kept for the next one."""

    def __init__(self, options: argparse.Namespace):
        self.threads = options.threads
        self._features: tuple[tuple, dict[str, np.ndarray]] = ((), {})

    def __call__(self, divided: Divided, name: str, seed: int) -> Iterator[dict]:
        """Yield the scores."""
        variant, run, learning = VARIANTS[name], divided.run, divided.learning
        settings = ForestSettings(**run.config["forest"])
        forest = Forest(forest=settings.replace(thresholds=variant.thresholds, seed=seed))
        X = self._seen(run, variant.sees, seed)
        labels = divided.labels(seed if variant.shuffled else None)[learning]
        grow(forest, X["training"][learning], labels, self.threads)
        if variant.boosted:
            forest.systems = _Boosted(X["training"][learning], system_index(labels), seed)
        yield from divided.rows(
            np.flatnonzero(~learning), lambda level: forest.probabilities(X[level][~learning])
        )

    def _seen(self, run: Run, kind: str, seed: int) -> dict[str, np.ndarray]:
        """Return features of all patterns, as training and tests see them."""
        if self._features[0] != (run, kind, seed):
            self._features = (run, kind, seed), features(run, kind, seed)
        return self._features[1]


def features(run: Run, kind: str, seed: int) -> dict[str, np.ndarray]:
    """Return features of a kind of all patterns of a run, as training and tests see them."""
    if kind == "lattice":
        return dict.fromkeys(("training", *run.detector.tests), lattices(run)[run.spots.material])
    test = run.detector.seed
    drawn = [("training", run.detector.training, seed), *((x, x, test) for x in run.detector.tests)]
    shown = {name: detect(run.spots, run.detector.at(level), s) for name, level, s in drawn}
    return {name: features_of(spots, kind) for name, spots in shown.items()}


def lattices(run: Run) -> np.ndarray:
    """Return lengths in Å and cosines of the angles of the materials' Niggli cells, (M, 6)."""
    structures = read_materials(run.folder / "structures/selected.parquet").set_index("material_id")
    cells = np.stack(structures.lattice.loc[run.spots.material_id]).reshape(-1, 3, 3)
    reduced = [niggli_reduce(cell) for cell in cells]
    metric = np.stack([cell @ cell.T for cell in reduced])
    lengths = np.sqrt(np.diagonal(metric, axis1=1, axis2=2))
    i, j = np.triu_indices(3, 1)
    return np.hstack([lengths, metric[:, i, j] / (lengths[:, i] * lengths[:, j])]).astype(np.float32)


class _Boosted:
    """Histogram gradient boosting of the crystal systems, with scikit-learn's own settings."""

    def __init__(self, X: np.ndarray, systems: np.ndarray, seed: int):
        chosen = generator(seed, "boosted").permutation(len(X))[:BOOSTED_PATTERNS]
        self._grown = HistGradientBoostingClassifier(early_stopping=False, random_state=seed)
        self._grown.fit(X[chosen], systems[chosen])
        self.classes = self._grown.classes_

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return self._grown.predict_proba(X)


if __name__ == "__main__":
    main()
