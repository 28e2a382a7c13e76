"""What a model says of patterns, and tables of it."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from edsym.errors import InputError
from edsym.interface.powder_answer import PowderAnswer
from edsym.symmetry import CRYSTAL_SYSTEMS, SYSTEM_OF_GROUP
from edsym.symmetry.classes import CLASSES, space_group_symbols

# No space group is excluded by one kind of patterns alone.
_LEAST = 1e-9


@dataclass(frozen=True)
class Prediction:
    """What a model says of patterns.

    Attributes
    ----------
    view : (P,) array
        Names of the patterns.
    crystal : (P,) array of int
        Index into `material_id` of each pattern.
    material_id : (M,) array of str
        Crystals that the patterns are views of: one, unless the spots are those of several.
    p_system, p_spacegroup : (P, 7), (P, 230) arrays
        Probabilities by single patterns, in the order of `edsym.symmetry.CRYSTAL_SYSTEMS`, and of the space
        groups from 1.
    p_system_views, p_spacegroup_views : (M, 7), (M, 230) arrays
        Probabilities by all views of a crystal together.
    calibrated : bool
        Whether the model has a calibration; without one, its probabilities are as the model states them.
    """

    view: np.ndarray
    crystal: np.ndarray
    material_id: np.ndarray
    p_system: np.ndarray
    p_spacegroup: np.ndarray
    p_system_views: np.ndarray
    p_spacegroup_views: np.ndarray
    calibrated: bool

    def with_powder(self, answer: PowderAnswer) -> "Prediction":
        """Return what these patterns and a powder pattern of the same crystal say together.

        Given the space group, the two are taken as independent: probabilities are multiplied by the powder
        pattern's evidence, which has no prior, so that the prior counts once. Crystal systems have the sums
        over their space groups.

        Parameters
        ----------
        answer : PowderAnswer
            As `edsym.classify_powder` returns it.

        Raises
        ------
        InputError
            If the patterns are of several crystals.
        """
        if len(self.material_id) != 1:
            raise InputError(f"the patterns are of {len(self.material_id)} crystals, expected one")
        groups = [_together(p, answer.evidence) for p in (self.p_spacegroup, self.p_spacegroup_views)]
        systems = [p @ (SYSTEM_OF_GROUP[:, None] == np.arange(len(CRYSTAL_SYSTEMS))) for p in groups]
        names = ("p_spacegroup", "p_spacegroup_views", "p_system", "p_system_views")
        return replace(self, **dict(zip(names, (*groups, *systems), strict=True)))

    def top(self, n: int = 3) -> pd.DataFrame:
        """Return the `n` most probable crystal systems and space groups.

        Returns
        -------
        DataFrame
            `n` rows a pattern and, named ``all``, for the views of a crystal together: crystal (if there are
            several), pattern, rank, crystal_system, p_system, space_group (Hermann-Mauguin), p_spacegroup.
            Rows beyond the seven crystal systems leave these empty.
        """
        if not 1 <= n <= self.p_spacegroup.shape[1]:
            raise InputError(f"n is {n}, expected 1 to {self.p_spacegroup.shape[1]}")
        rows = []
        for m, name in enumerate(self.material_id):
            mine = np.flatnonzero(self.crystal == m)
            for p in mine:
                rows += _ranked(name, str(self.view[p]), self.p_system[p], self.p_spacegroup[p], n)
            if len(mine) > 1:
                rows += _ranked(name, "all", self.p_system_views[m], self.p_spacegroup_views[m], n)
        table = pd.DataFrame(rows)
        return table if len(self.material_id) > 1 else table.drop(columns="crystal")

    def classes(self, kind: str) -> pd.DataFrame:
        """Return the probabilities of coarser classes of space groups: the sums of those of their groups.

        They agree with each other and with `p_spacegroup`. A model that answers for crystal systems and
        space groups apart, as the paper's network does, may contradict itself in these two already.

        Parameters
        ----------
        kind : {"laue", "bravais", "powder", "extinction"}
            Laue classes; Bravais lattices by their Pearson symbols; or the groups that systematic absences
            tell apart, without Laue symmetry or with it, see `edsym.symmetry.classes`.

        Returns
        -------
        DataFrame
            A row a pattern and, named ``all``, for several views of a crystal together, by crystal and
            pattern; a column a class.

        Raises
        ------
        InputError
            If there is no such kind.
        """
        if kind not in CLASSES:
            raise InputError(f"there are no classes {kind!r}: expected one of {', '.join(CLASSES)}")
        names, rows = [], []
        for m, name in enumerate(self.material_id):
            mine = np.flatnonzero(self.crystal == m)
            names += [(name, str(view)) for view in self.view[mine]]
            rows += [self.p_spacegroup[mine]]
            if len(mine) > 1:
                names.append((name, "all"))
                rows.append(self.p_spacegroup_views[m : m + 1])
        classes = CLASSES[kind]()
        index = pd.MultiIndex.from_tuples(names, names=["crystal", "pattern"])
        return pd.DataFrame(classes.sums(np.concatenate(rows)), index, columns=list(classes.names))


def _together(p: np.ndarray, evidence: np.ndarray) -> np.ndarray:
    """Return probabilities (n, 230) and evidence (230,) multiplied, and normalised."""
    product = np.maximum(p, _LEAST) * np.maximum(evidence, _LEAST)
    return product / product.sum(axis=1, keepdims=True)


def _ranked(crystal: str, pattern: str, p_system: np.ndarray, p_spacegroup: np.ndarray, n: int) -> list[dict]:
    systems, groups = (np.argsort(-p, kind="stable")[:n] for p in (p_system, p_spacegroup))
    rows = [{"crystal": crystal, "pattern": pattern, "rank": rank} for rank in range(1, n + 1)]
    for row, i in zip(rows, systems, strict=False):
        row |= {"crystal_system": CRYSTAL_SYSTEMS[i], "p_system": p_system[i]}
    for row, i in zip(rows, groups, strict=True):
        row |= {"space_group": space_group_symbols()[i], "p_spacegroup": p_spacegroup[i]}
    return rows
