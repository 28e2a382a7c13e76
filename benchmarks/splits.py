"""Trees and what knows less on materials that are divided in three ways, at the orientations of several runs.

Structures and spots are those of runs of the workflow that differ in their orientations; nothing else of
them is read. Materials are divided anew by each strategy, and every model is grown on the training part as
the detector of the overlay shows it. What the output has already is not computed again.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from learning_curve import merged_configuration
from sklearn.ensemble import HistGradientBoostingClassifier
from spglib import niggli_reduce

from edsym.detector.detect import detect
from edsym.detector.settings import DetectorSettings
from edsym.evaluation.bootstrap import Bootstrap, interval_in_percent, of_nulls
from edsym.evaluation.rival_tables import KIN, NULLS, TARGETS
from edsym.files import atomic_path
from edsym.models.forest.features import features_of
from edsym.models.forest.fit import grow
from edsym.models.forest.model import Forest
from edsym.models.forest.settings import ForestSettings
from edsym.predictions.decisions import single_decisions
from edsym.predictions.settings import EvaluationSettings
from edsym.predictions.table import Predictions
from edsym.predictions.views import aggregate
from edsym.seeds import generator
from edsym.spots.division import split_materials
from edsym.spots.settings import SplitSettings
from edsym.spots.split import read_split
from edsym.spots.store import SpotLists, materials_with_patterns, read_spots
from edsym.structures.kinship_table import read_kinship
from edsym.structures.table import read_materials
from edsym.symmetry import system_index

STRATEGIES = ("material", "prototype", "chemistry")
METHODS = ("single", "vote", "logsum")
SHORT = {"single": "one pattern", "logsum": "log-sum of ten"}


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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="+", help="folders of runs, one for each orientations")
    parser.add_argument("--config", type=Path, required=True, help="overlay that the runs were made with")
    parser.add_argument("--models", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument(
        "--seeds", type=int, nargs="+", help="seeds of the trees; the overlay's, if none is given"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True, help="table (csv)")
    options = parser.parse_args()
    config = merged_configuration(options.config)
    done = pd.read_csv(options.output) if options.output.exists() else pd.DataFrame()
    for folder in options.results:
        run = Run(folder, config)
        seeds = options.seeds or [run.forest.seed]
        for seed, name, strategy in product(seeds, options.models, STRATEGIES):
            about = {"orientations": run.orientations, "split": strategy, "model": VARIANTS[name].title}
            about["seed"] = seed
            if len(done) and (done[list(about)] == pd.Series(about)).all(axis=1).any():
                continue
            start = time.process_time()
            rows = pd.DataFrame(run.rows(VARIANTS[name], strategy, seed, options.threads)).assign(**about)
            done = pd.concat([done, rows], ignore_index=True)
            with atomic_path(options.output) as temporary:
                done.to_csv(temporary, index=False, float_format="%.2f")
            print(about, f"{time.process_time() - start:.0f} s of a core", flush=True)
    print(summary(done))


def summary(table: pd.DataFrame) -> str:
    """Return Markdown: accuracy with its interval, and mean recall, by target, orientations and model."""
    # all patterns of a material have one lattice, and its answers are alike
    useful = (table.method == "single") | (table.model != VARIANTS["lattice"].title)
    table, texts = table[(table.test == "all") & table.method.isin(SHORT) & useful], []
    first = table.groupby("model", sort=False).seed.transform("min")
    for (target, title), (plan, own) in product(
        TARGETS.items(), table[table.seed == first].groupby("orientations", sort=False)
    ):
        shown = own[["spots", "split"]].assign(model=own.model + ", " + own.method.map(SHORT))
        shown["text"] = [_cell(row, target) for row in own.to_dict("records")]
        pivot = shown.pivot(index="model", columns=["split", "spots"], values="text")
        pivot = pivot.reindex(shown.model.unique())[list(product(STRATEGIES, own.spots.unique()))]
        for null in ("majority", "prior"):
            values = own[own.method == "single"].groupby(["split", "spots"])[f"{target}_{null}"].first()
            pivot.loc[NULLS[null]] = [f"{values[column]:.1f}" for column in pivot]
        pivot.columns = [", ".join(column) for column in pivot]
        texts += [f"{title}, {plan} orientations, %", "", pivot.rename_axis("").to_markdown(), ""]
    return "\n".join(texts)


def _cell(row: dict, target: str) -> str:
    low, high, recall = (row[f"{target}_{name}"] for name in ("low", "high", "recall"))
    return f"{row[target]:.1f} ({low:.1f}–{high:.1f}); {recall:.1f}"


class Run:
    """Structures and spots of a run, and the features of its patterns."""

    def __init__(self, folder: Path, config: dict):
        self.folder, self.config = folder, config
        self.paths = sorted((folder / "spots").glob("*.h5"))
        self.forest = ForestSettings(**config["forest"])
        self.detector = DetectorSettings(**config["detector"])
        self.evaluation = EvaluationSettings(**config["evaluation"])
        self._features: tuple[tuple, dict[str, np.ndarray]] = ((), {})

    @cached_property
    def spots(self) -> SpotLists:
        """All patterns."""
        return read_spots(self.paths, materials_with_patterns(self.paths))

    @cached_property
    def kinship(self) -> pd.DataFrame:
        """Prototype and elements of each material."""
        return read_kinship(self.folder / "structures/kinship.parquet")

    @cached_property
    def orientations(self) -> str:
        """What directions the patterns were simulated along, as the stores say."""
        with h5py.File(next((self.folder / "patterns").glob("*.h5"))) as file:
            return json.loads(file.attrs["settings"])["orientations"]

    def split(self, strategy: str) -> pd.DataFrame:
        """Return the materials as they are divided by a strategy, by id."""
        path = self.folder / f"splits/{strategy}.parquet"
        if not path.exists():
            structures = self.folder / "structures"
            tables = structures / "selected.parquet", structures / "kinship.parquet"
            settings = SplitSettings(**self.config["split"] | {"strategy": strategy})
            split_materials(self.paths, *tables, path, settings)
        return read_split(path).set_index("material_id").loc[self.spots.material_id]

    def features(self, kind: str, seed: int) -> dict[str, np.ndarray]:
        """Return features of all patterns, as training and tests see them; those of one kind are kept."""
        if kind == "lattice":
            return dict.fromkeys(("training", *self.detector.tests), self.lattices()[self.spots.material])
        if self._features[0] != (kind, seed):
            test = self.config["detector"]["seed"]
            drawn = [("training", self.detector.training, seed), *((x, x, test) for x in self.detector.tests)]
            shown = {name: detect(self.spots, self.detector.at(level), s) for name, level, s in drawn}
            self._features = (kind, seed), {name: features_of(spots, kind) for name, spots in shown.items()}
        return self._features[1]

    def lattices(self) -> np.ndarray:
        """Return lengths in Å and cosines of the angles of the materials' Niggli cells, (M, 6)."""
        structures = read_materials(self.folder / "structures/selected.parquet").set_index("material_id")
        cells = np.stack(structures.lattice.loc[self.spots.material_id]).reshape(-1, 3, 3)
        reduced = [niggli_reduce(cell) for cell in cells]
        metric = np.stack([cell @ cell.T for cell in reduced])
        lengths = np.sqrt(np.diagonal(metric, axis1=1, axis2=2))
        i, j = np.triu_indices(3, 1)
        return np.hstack([lengths, metric[:, i, j] / (lengths[:, i] * lengths[:, j])]).astype(np.float32)

    def rows(self, variant: Variant, strategy: str, seed: int, threads: int) -> Iterator[dict]:
        """Grow and yield the scores of a model and of what knows nothing, by level, method and kin."""
        split, of_pattern = self.split(strategy), self.spots.material
        train = (split.split == "train").to_numpy()
        groups = split.spacegroup_number.to_numpy(dtype=int)
        learned = groups.copy()
        if variant.shuffled:
            learned[train] = generator(seed, "shuffled").permutation(groups[train])
        forest = Forest(forest=self.forest.replace(thresholds=variant.thresholds, seed=seed))
        X, rows = self.features(variant.sees, seed), train[of_pattern]
        grow(forest, X["training"][rows], learned[of_pattern[rows]], threads)
        if variant.boosted:
            forest.systems = _Boosted(X["training"][rows], system_index(groups[of_pattern[rows]]), seed)
        ids, tested = self.spots.material_id[of_pattern[~rows]], of_pattern[~rows]
        shares = {"system": np.bincount(system_index(groups[of_pattern[rows]]))}
        shares["spacegroup"] = np.bincount(groups[of_pattern[rows]])
        for level in self.detector.tests:
            answers = forest.probabilities(X[level][~rows])
            told = Predictions(ids, self.spots.view[~rows], *answers, groups[tested])
            single, views = single_decisions(told), aggregate(told, self.evaluation)
            for method in METHODS:
                frame = single if method == "single" else _of_method(views, method)
                for side, chosen in self._sides(frame.material_id, split, strategy):
                    yield {"spots": level, "method": method, "test": side} | self._scores(
                        frame[chosen], shares
                    )

    def _sides(self, ids: pd.Series, split: pd.DataFrame, strategy: str) -> Iterator[tuple[str, np.ndarray]]:
        """Yield all decisions and, where the split does not keep kin apart, those with and without them."""
        yield "all", np.ones(len(ids), dtype=bool)
        known = self.kinship.loc[split.index[split.split == "train"]]
        for kin in KIN if strategy == "material" else ():
            akin = self.kinship[kin].loc[ids].isin(known[kin]).to_numpy()
            for text, chosen in (("in training", akin), ("not in training", ~akin)):
                if chosen.any():
                    yield f"{kin} {text}", chosen

    def _scores(self, frame: pd.DataFrame, shares: dict[str, np.ndarray]) -> dict:
        """Return accuracies with intervals over materials, mean recalls, and what the nulls have."""
        boot = Bootstrap(frame.material_id.to_numpy(), self.evaluation.bootstrap, self.evaluation.seed)
        row = {"materials": len(boot.materials), "decisions": len(frame)}
        for target in TARGETS:
            hits = (frame[target] == frame[f"predicted_{target}"]).to_numpy()
            row |= interval_in_percent(boot.share(hits), target)
            row[f"{target}_recall"] = 100 * boot.recall(hits, frame[target])[0]
            nulls = of_nulls(frame[target], dict(enumerate(shares[target])))
            row |= {f"{target}_{name}": 100 * values.mean() for name, values in nulls.items()}
        return row


class _Boosted:
    """Histogram gradient boosting of the crystal systems, with scikit-learn's own settings."""

    def __init__(self, X: np.ndarray, systems: np.ndarray, seed: int):
        chosen = generator(seed, "boosted").permutation(len(X))[:BOOSTED_PATTERNS]
        self._grown = HistGradientBoostingClassifier(early_stopping=False, random_state=seed)
        self._grown.fit(X[chosen], systems[chosen])
        self.classes = self._grown.classes_

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return self._grown.predict_proba(X)


def _of_method(views: pd.DataFrame, method: str) -> pd.DataFrame:
    """Return the decisions of one way to combine views, in the columns of single decisions."""
    names = {f"{method}_predicted_{target}": f"predicted_{target}" for target in TARGETS}
    return views[["material_id", *TARGETS, *names]].rename(columns=names)


if __name__ == "__main__":
    main()
