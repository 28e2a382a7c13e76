"""The hierarchical forest: crystal system first, then the space group within the predicted system."""

from pathlib import Path
from typing import ClassVar

import numpy as np
from joblib import Parallel, delayed
from tqdm import tqdm

from edsym.errors import InputError
from edsym.hdf5 import create_store, open_store
from edsym.models.forest.features import features_of
from edsym.models.forest.settings import ForestSettings
from edsym.models.forest.trees import FlatForest
from edsym.models.model import Model
from edsym.spots.store import SpotLists
from edsym.symmetry import CRYSTAL_SYSTEMS, N_SPACE_GROUPS, space_groups

FORMAT = "edsym-forest"
VERSION = 2
# Patterns whose features are held at once by a thread: 17 MB.
_PATTERNS_AT_ONCE = 4096


class Forest(Model):
    """A random forest for the crystal system, and for each system one for its space groups.

    Attributes
    ----------
    systems : FlatForest
        Its classes are indices into `edsym.symmetry.CRYSTAL_SYSTEMS`.
    groups : dict of int to FlatForest
        By index of the crystal system, for those in the training set; classes are space-group numbers.
    """

    kind: ClassVar[str] = "forest"
    sections: ClassVar[dict[str, type]] = {"forest": ForestSettings}
    weights: ClassVar[str] = "forest.h5"
    systems: FlatForest
    groups: dict[int, FlatForest]

    def predict_proba(
        self, spots: SpotLists, *, threads: int | None = None, progress: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the probabilities of all patterns, see `Model.predict_proba`.

        Space groups are those within the predicted system: others have probability 0.
        """
        # of no pattern there is one chunk, too, and so arrays of the right shape
        starts = range(0, max(len(spots), 1), _PATTERNS_AT_ONCE)
        run = Parallel(n_jobs=threads or 1, prefer="threads", return_as="generator")
        parts = run(delayed(self._predict_chunk)(spots, start) for start in starts)
        parts = tqdm(parts, total=len(starts), desc="forest", unit="chunk", disable=not progress)
        return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))

    def _predict_chunk(self, spots: SpotLists, start: int) -> tuple[np.ndarray, np.ndarray]:
        chunk = slice(start, start + _PATTERNS_AT_ONCE)
        return self.probabilities(features_of(spots, self.settings["forest"].features, chunk))

    def probabilities(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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
        p_system[:, self.systems.classes] = self.systems.predict_proba(X)
        p_spacegroup = np.zeros((len(X), N_SPACE_GROUPS), dtype=np.float32)
        predicted = p_system.argmax(axis=1)
        for index in np.unique(predicted):
            rows = np.flatnonzero(predicted == index)
            forest = self.groups[int(index)]
            p_spacegroup[np.ix_(rows, forest.classes - 1)] = forest.predict_proba(X[rows])
        return p_system, p_spacegroup

    def write_weights(self, path: Path) -> None:
        """Write the trees."""
        with create_store(path, FORMAT, VERSION) as file:
            self.systems.write(file.create_group("system"))
            for index, forest in self.groups.items():
                forest.write(file.create_group(f"spacegroup/{CRYSTAL_SYSTEMS[index]}"))

    def read_weights(self, path: Path) -> None:
        """Read the trees."""
        with open_store(path, FORMAT, VERSION) as file:
            try:
                self.systems = FlatForest.read(file["system"])
                groups = file["spacegroup"].items()
                self.groups = {CRYSTAL_SYSTEMS.index(name): FlatForest.read(group) for name, group in groups}
                self._check_classes()
            except (KeyError, ValueError) as error:
                raise InputError(f"{path} does not hold a forest: {error}") from error

    def _check_classes(self) -> None:
        """Raise ValueError unless there are groups of every system, and all within it."""
        if not set(self.systems.classes) <= set(self.groups):
            raise ValueError("crystal systems lack their space groups")
        for index, forest in self.groups.items():
            if not set(forest.classes) <= set(space_groups(CRYSTAL_SYSTEMS[index])):
                raise ValueError(f"classes of {CRYSTAL_SYSTEMS[index]} are no space groups of it")
