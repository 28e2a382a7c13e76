"""The hierarchical forest: crystal system first, then the space group within the predicted system."""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from tqdm import tqdm

from edsym.errors import InputError
from edsym.files import write_text
from edsym.hdf5 import create_store, open_store
from edsym.models.forest.features import N_FEATURES
from edsym.models.forest.settings import ForestSettings
from edsym.models.forest.trees import FlatForest
from edsym.symmetry import CRYSTAL_SYSTEMS, N_SPACE_GROUPS

FORMAT = "edsym-forest"
VERSION = 2


class HierarchicalForest:
    """A random forest for the crystal system, and for each system one for its space groups.

    Parameters
    ----------
    settings : ForestSettings
        Sizes and seed.
    jobs : int
        Threads to fit with; the result does not depend on it.

    Attributes
    ----------
    system_forest_ : FlatForest
        Its classes are indices into `edsym.symmetry.CRYSTAL_SYSTEMS`.
    spacegroup_forests_ : dict of int to FlatForest
        By index of the crystal system, for those in the training set; classes are space-group numbers.
    """

    def __init__(self, settings: ForestSettings, jobs: int = 1):
        self.settings = settings
        self.jobs = jobs

    def fit(self, X: np.ndarray, system: np.ndarray, spacegroup: np.ndarray) -> "HierarchicalForest":
        """Grow the trees.

        Parameters
        ----------
        X : (P, F) array of float32
            Features.
        system : (P,) array of int
            Crystal systems, 0 to 6.
        spacegroup : (P,) array of int
            Space-group numbers, 1 to 230.

        Returns
        -------
        HierarchicalForest
            Itself.
        """
        s = self.settings
        with tqdm(desc="forest", total=1 + len(np.unique(system)), unit="forest") as progress:
            self.system_forest_ = self._grow(X, system, s.system_trees, s.system_depth)
            progress.update()
            self.spacegroup_forests_ = {}
            for index in self.system_forest_.classes:
                of_system = system == index
                forest = self._grow(
                    X[of_system], spacegroup[of_system], s.spacegroup_trees, s.spacegroup_depth
                )
                self.spacegroup_forests_[int(index)] = forest
                progress.update()
        return self

    def predict_proba(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the probabilities of crystal systems and, along the predicted system, of space groups.

        Parameters
        ----------
        X : (P, F) array of float32
            Features.

        Returns
        -------
        p_system : (P, 7) array of float32
            Mean class shares over the trees.
        p_spacegroup : (P, 230) array of float32
            The same within the predicted (most probable) system; 0 for all groups of other systems.
        """
        p_system = np.zeros((len(X), len(CRYSTAL_SYSTEMS)), dtype=np.float32)
        p_system[:, self.system_forest_.classes] = self.system_forest_.predict_proba(X)
        p_spacegroup = np.zeros((len(X), N_SPACE_GROUPS), dtype=np.float32)
        predicted = p_system.argmax(axis=1)
        for index in np.unique(predicted):
            rows = np.flatnonzero(predicted == index)
            forest = self.spacegroup_forests_[int(index)]
            p_spacegroup[np.ix_(rows, forest.classes - 1)] = forest.predict_proba(X[rows])
        return p_system, p_spacegroup

    def save(self, directory: str | Path) -> None:
        """Write forest.h5 (the trees) and model.json (settings, versions) into a directory."""
        directory = Path(directory)
        with create_store(directory / "forest.h5", FORMAT, VERSION) as file:
            self.system_forest_.write(file.create_group("system"))
            for index, forest in self.spacegroup_forests_.items():
                forest.write(file.create_group(f"spacegroup/{CRYSTAL_SYSTEMS[index]}"))
        model = {
            "model": "forest",
            "settings": self.settings.model_dump(),
            "features": N_FEATURES,
            "versions": {name: version(name) for name in ("edsym", "scikit-learn", "numpy")},
        }
        write_text(directory / "model.json", json.dumps(model, indent=2) + "\n")

    @classmethod
    def load(cls, directory: str | Path) -> "HierarchicalForest":
        """Read what `save` wrote.

        Raises
        ------
        InputError
            If a file is missing, unreadable or not a forest.
        """
        directory = Path(directory)
        try:
            model = json.loads((directory / "model.json").read_text(encoding="utf-8"))
            forest = cls(ForestSettings.stored(model["settings"], str(directory / "model.json")))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{directory / 'model.json'} does not describe a forest: {error}") from error
        with open_store(directory / "forest.h5", FORMAT, VERSION) as file:
            forest.system_forest_ = FlatForest.read(file["system"])
            forest.spacegroup_forests_ = {
                CRYSTAL_SYSTEMS.index(name): FlatForest.read(group)
                for name, group in file["spacegroup"].items()
            }
        return forest

    def _grow(self, X: np.ndarray, y: np.ndarray, trees: int, depth: int) -> FlatForest:
        """Fit a forest of scikit-learn and flatten it, so that its large form does not stay in memory."""
        forest = RandomForestClassifier(
            trees, max_depth=depth, max_features="sqrt", random_state=self.settings.seed, n_jobs=self.jobs
        )
        return FlatForest.from_sklearn(forest.fit(X, y))
