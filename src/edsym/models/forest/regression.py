"""The published forest's lattice regressors, on the patterns that the lattice finder is tested on.

S. P. Gleason et al., Phys. Rev. Materials 8, 093802 (2024): a random forest for each crystal system, along
the predicted system; the answer is the median over its trees, of several patterns over the trees of all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.ensemble import RandomForestRegressor
from tqdm import tqdm

from edsym.cells.chosen import CellTest
from edsym.cells.parameters import deviations, free_parameters
from edsym.cells.settings import RegressorSettings
from edsym.cells.table import REGRESSED
from edsym.detector.detect import detect
from edsym.errors import InputError, MaterialError
from edsym.models.forest.features import features_of
from edsym.models.forest.model import Forest
from edsym.parquet import write_parquet
from edsym.predictions.draw import draw_views
from edsym.spots.split import labelled_patterns
from edsym.spots.store import SpotLists
from edsym.structures.standard import standardize
from edsym.structures.structure import Structure
from edsym.symmetry import CRYSTAL_SYSTEMS, system_index


@dataclass(frozen=True)
class _Set:
    """Patterns that are answered together: their rows of features, and the space group that is answered."""

    about: dict
    rows: np.ndarray
    spacegroup: int


def regress_cells(
    test: CellTest,
    model_path: str | Path,
    output_path: str | Path,
    *,
    settings: RegressorSettings,
    threads: int = 1,
) -> None:
    """Grow the regressors and write their answers on chosen test materials.

    Parameters
    ----------
    test : CellTest
        Materials, patterns and detectors of the finder's test.
    model_path : str or Path
        The trained forest: tells systems and space groups, features, and what showed its training patterns.
    output_path : str or Path
        The table to write, of `edsym.cells.table.REGRESSED`.
    settings : RegressorSettings
        Trees, their depth and seed, and how many patterns of each material they are grown on.
    threads : int
        Threads; the answers do not depend on them.

    Raises
    ------
    InputError
        If an input is unreadable, or no training material has a lattice.
    """
    model, structures = Forest.load(model_path), test.structures()
    tested = test.spots(test.material_ids())
    kind = model.settings["forest"].features
    shown = [detect(tested, detector, test.seed) for _, detector in test.detectors]
    X = np.concatenate([features_of(one, kind) for one in shown])
    sets = list(_sets(tested, test, model, X))
    spots = labelled_patterns(test.spots_paths, test.split_path, "train")[0]
    training = _Training.of(_first(spots, settings.patterns), structures, model)
    cells = {name: _standard(structures.loc[name]).lattice for name in map(str, tested.material_id)}
    rows = []
    for system in tqdm(
        np.unique(system_index([one.spacegroup for one in sets])), "regressors", unit="system"
    ):
        own = [one for one in sets if system_index(one.spacegroup) == system]
        answers = training.medians(system, X, own, settings, threads)
        for one, parameters in zip(own, answers, strict=True):
            values = deviations(parameters, one.spacegroup, cells[one.about["material_id"]])
            rows.append(one.about | dict(zip(("deviation", "deviation_to_scale"), values, strict=True)))
    frame = pd.DataFrame(rows, columns=REGRESSED.names).sort_values(["material_id", "level", "views"])
    write_parquet(pa.Table.from_pandas(frame, schema=REGRESSED, preserve_index=False), output_path)


def _sets(spots: SpotLists, test: CellTest, model: Forest, X: np.ndarray) -> Iterator[_Set]:
    """Yield the sets of patterns; of several, the probabilities of systems and then of groups are summed."""
    p_system, p_spacegroup = model.probabilities(X)
    ids = spots.material_id[spots.material]
    for n in test.views:
        rows, start = draw_views(ids, spots.view, test.evaluation.replace(views=n))
        for i, (level, detector) in enumerate(test.detectors):
            for mine in np.split(rows, start[1:]):
                own = mine + i * len(spots)
                system = p_system[own].sum(axis=0).argmax()
                among = p_spacegroup[own].sum(axis=0) * (system == _SYSTEMS)
                about = {"material_id": ids[mine[0]], "level": level, "scale_error": detector.scale_error}
                about |= {"views": n, "predicted_system": CRYSTAL_SYSTEMS[system]}
                yield _Set(about, own, int(among.argmax()) + 1)


_SYSTEMS = system_index(np.arange(1, 231))


@dataclass(frozen=True)
class _Training:
    """Features (P, F) of training patterns, systems (P,) and free parameters of their materials."""

    X: np.ndarray
    system: np.ndarray
    parameters: list[np.ndarray]

    @classmethod
    def of(cls, spots: SpotLists, structures: pd.DataFrame, model: Forest) -> "_Training":
        """Return those of patterns; of materials without a lattice there are none."""
        of_material, systems = {}, {}
        for i in tqdm(np.unique(spots.material), "lattices", unit="material"):
            try:
                structure = _standard(structures.loc[spots.material_id[i]])
            except MaterialError:
                continue
            of_material[i] = free_parameters(structure)
            systems[i] = int(system_index(structure.spacegroup_number))
        kept = spots.take(np.flatnonzero(np.isin(spots.material, list(of_material))))
        settings = model.settings["forest"]
        X = features_of(detect(kept, model.detector, settings.seed), settings.features)
        return cls(X, np.array([systems[i] for i in kept.material]), [of_material[i] for i in kept.material])

    def medians(
        self, system: int, X: np.ndarray, sets: list[_Set], settings: RegressorSettings, threads: int
    ) -> list[np.ndarray]:
        """Grow the regressor of a system, and return its parameters of sets of rows of features."""
        rows = np.flatnonzero(self.system == system)
        if not len(rows):
            raise InputError(f"no training material has a {CRYSTAL_SYSTEMS[system]} lattice to learn from")
        forest = RandomForestRegressor(
            settings.trees, max_depth=settings.depth, max_features="sqrt", random_state=settings.seed,
            n_jobs=threads,
        )  # fmt: skip
        forest.fit(self.X[rows], _squeezed(np.stack([self.parameters[i] for i in rows])))
        asked, place = np.unique(np.concatenate([one.rows for one in sets]), return_inverse=True)
        told = np.stack([tree.predict(X[asked]).reshape(len(asked), -1) for tree in forest.estimators_])
        places = np.split(place, np.cumsum([len(one.rows) for one in sets])[:-1])
        return [np.median(told[:, own], axis=(0, 1)) for own in places]


def _squeezed(values: np.ndarray) -> np.ndarray:
    return values[:, 0] if values.shape[1] == 1 else values


def _first(spots: SpotLists, n: int) -> SpotLists:
    """Return the first n patterns of each material."""
    order = np.lexsort((spots.view, spots.material))
    starts = np.flatnonzero(np.diff(spots.material[order], prepend=-1))
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    return spots.take(order[rank < n])


def _standard(row: pd.Series) -> Structure:
    return standardize(np.reshape(row.lattice, (3, 3)), row.numbers, np.reshape(row.frac_coords, (-1, 3)))
