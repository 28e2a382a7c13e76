"""What a model says of a powder pattern."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from edsym.errors import InputError
from edsym.structures.symbols import space_group_symbols
from edsym.symmetry import CRYSTAL_SYSTEMS, SYSTEM_OF_GROUP, system_index
from edsym.symmetry.classes import CLASSES

if TYPE_CHECKING:
    # by its name: predictions with powder patterns do not stand on how cells are found
    from edsym.powder.indexing import PowderCell


@dataclass(frozen=True)
class PowderAnswer:
    """What a model says of a powder pattern.

    Attributes
    ----------
    p_spacegroup : (230,) array
        Probabilities of the space groups; those of one powder group differ by the training's shares alone,
        and by what intensities tell.
    evidence : (230,) array
        The same if all space groups were met alike: what the pattern says, without a prior.
    cell : PowderCell or None
        The cell that explains the first lines of the pattern, see `edsym.powder.indexing`; None if none does.
    """

    p_spacegroup: np.ndarray
    evidence: np.ndarray
    cell: "PowderCell | None" = None

    @property
    def p_system(self) -> np.ndarray:
        """Probabilities (7,) of the crystal systems, sums of those of their space groups."""
        return np.bincount(SYSTEM_OF_GROUP, self.p_spacegroup)

    def top(self, n: int = 5) -> pd.DataFrame:
        """Return the `n` most probable powder groups.

        Returns
        -------
        DataFrame
            rank, p_group, crystal_system of the most probable space group in the group, space_group (that
            one), p_spacegroup, and all ``members`` of the group, which share their systematic absences.

        Raises
        ------
        InputError
            If `n` is not 1 to 97.
        """
        classes = CLASSES["powder"]()
        p_group = classes.sums(self.p_spacegroup)
        if not 1 <= n <= len(p_group):
            raise InputError(f"n is {n}, expected 1 to {len(p_group)}")
        rows = []
        for rank, group in enumerate(np.argsort(-p_group, kind="stable")[:n], 1):
            best = int(np.where(classes.index == group, self.p_spacegroup, -1).argmax())
            rows.append(
                {
                    "rank": rank,
                    "p_group": p_group[group],
                    "crystal_system": CRYSTAL_SYSTEMS[int(system_index(best + 1))],
                    "space_group": space_group_symbols()[best],
                    "p_spacegroup": self.p_spacegroup[best],
                    "members": classes.names[group],
                }
            )
        return pd.DataFrame(rows)
