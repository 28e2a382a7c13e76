"""Runs of the workflow whose materials are divided anew: what is read of them, and how answers are scored."""

import json
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from edsym.detector.settings import DetectorSettings
from edsym.evaluation.bootstrap import Bootstrap, interval_in_percent, of_nulls
from edsym.evaluation.rival_tables import KIN, TARGETS
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
from edsym.symmetry import system_index

STRATEGIES = ("material", "prototype", "chemistry")
METHODS = ("single", "vote", "logsum")


class Run:
    """Spots of a run, by the kinship of their materials."""

    def __init__(self, folder: Path, config: dict):
        self.folder, self.config = folder, config
        self.paths = sorted((folder / "spots").glob("*.h5"))
        self.detector = DetectorSettings(**config["detector"])
        self.evaluation = EvaluationSettings(**config["evaluation"])

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

    def divided(self, strategy: str) -> "Divided":
        """Return the materials as they are divided by a strategy."""
        path = self.folder / f"splits/{strategy}.parquet"
        if not path.exists():
            structures = self.folder / "structures"
            tables = structures / "selected.parquet", structures / "kinship.parquet"
            settings = SplitSettings(**self.config["split"] | {"strategy": strategy})
            split_materials(self.paths, *tables, path, settings)
        split = read_split(path).set_index("material_id").loc[self.spots.material_id]
        return Divided(self, strategy, split)


class Divided:
    """M materials of a run with P patterns, divided by a strategy.

    Attributes
    ----------
    train : (M,) array of bool
        Which materials are learned from; the others are tested.
    groups : (M,) array of int
        Their space groups, 1 to 230.
    kin : (M,) array of int
        The same for what the strategy keeps together.
    learning : (P,) array of bool
        Which patterns are learned from.
    """

    def __init__(self, run: Run, strategy: str, split: pd.DataFrame):
        self.run, self.strategy, self._split = run, strategy, split
        self.train = (split.split == "train").to_numpy()
        self.groups = split.spacegroup_number.to_numpy(dtype=int)
        self.kin = np.unique(split.kin.to_numpy(dtype=str), return_inverse=True)[1]
        self.learning = self.train[run.spots.material]

    def labels(self, shuffled: int | None = None) -> np.ndarray:
        """Return the space groups (P,) to learn; dealt out anew among the training materials, with a seed."""
        groups = self.groups.copy()
        if shuffled is not None:
            dealt = generator(shuffled, "shuffled").permutation(groups[self.train])
            groups[self.train] = dealt
        return groups[self.run.spots.material]

    def predictions(self, patterns: np.ndarray, answers: tuple[np.ndarray, np.ndarray]) -> Predictions:
        """Return what a model answers on some patterns, with the truth."""
        spots = self.run.spots
        of = spots.material[patterns]
        return Predictions(spots.material_id[of], spots.view[patterns], *answers, self.groups[of])

    def rows(self, patterns: np.ndarray, answers_at: Callable[[str], tuple]) -> Iterator[dict]:
        """Yield the scores on test patterns by level, method and kin, beside what the nulls have.

        Parameters
        ----------
        patterns : (T,) array of int
            Which patterns are tested.
        answers_at : callable
            Returns the probabilities (T, 7), (T, 230) at a level of the detector.
        """
        for level in self.run.detector.tests:
            told = self.predictions(patterns, answers_at(level))
            single, views = single_decisions(told), aggregate(told, self.run.evaluation)
            for method in METHODS:
                frame = single if method == "single" else _of_method(views, method)
                for row in self.scores(frame):
                    yield {"spots": level, "method": method} | row

    def scores(self, frame: pd.DataFrame) -> Iterator[dict]:
        """Yield accuracies with intervals over materials, mean recalls and nulls of decisions, by kin."""
        evaluation = self.run.evaluation
        learned = self.groups[self.run.spots.material[self.learning]]
        shares = {"system": np.bincount(system_index(learned)), "spacegroup": np.bincount(learned)}
        for side, chosen in self._sides(frame.material_id):
            own = frame[chosen]
            boot = Bootstrap(own.material_id.to_numpy(), evaluation.bootstrap, evaluation.seed)
            row = {"test": side, "materials": len(boot.materials), "decisions": len(own)}
            for target in TARGETS:
                hits = (own[target] == own[f"predicted_{target}"]).to_numpy()
                row |= interval_in_percent(boot.share(hits), target)
                row[f"{target}_recall"] = 100 * boot.recall(hits, own[target])[0]
                nulls = of_nulls(own[target], dict(enumerate(shares[target])))
                row |= {f"{target}_{name}": 100 * values.mean() for name, values in nulls.items()}
            yield row

    def _sides(self, ids: pd.Series) -> Iterator[tuple[str, np.ndarray]]:
        """Yield all decisions and, where the split does not keep kin apart, those with and without them."""
        yield "all", np.ones(len(ids), dtype=bool)
        kinship = self.run.kinship
        known = kinship.loc[self._split.index[self.train]]
        for kin in KIN if self.strategy == "material" else ():
            akin = kinship[kin].loc[ids].isin(known[kin]).to_numpy()
            for text, chosen in (("in training", akin), ("not in training", ~akin)):
                if chosen.any():
                    yield f"{kin} {text}", chosen


def rank(material: np.ndarray) -> np.ndarray:
    """Return which pattern of its material each is (P,), from 0; those of a material stand together."""
    first = np.flatnonzero(np.diff(material, prepend=-1))
    return np.arange(len(material)) - np.repeat(first, np.diff(np.append(first, len(material))))


def _of_method(views: pd.DataFrame, method: str) -> pd.DataFrame:
    """Return the decisions of one way to combine views, in the columns of single decisions."""
    names = {f"{method}_predicted_{target}": f"predicted_{target}" for target in TARGETS}
    return views[["material_id", *TARGETS, *names]].rename(columns=names)
