"""Which patterns cells are found in, and what shows them: the same for the finder and for its rivals."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from edsym.detector.levels import Detector
from edsym.predictions.draw import draw_materials
from edsym.predictions.settings import EvaluationSettings
from edsym.spots.split import read_split
from edsym.spots.store import SpotLists, read_spots
from edsym.structures.table import read_materials


@dataclass(frozen=True)
class CellTest:
    """Test materials whose cells are found, and the patterns and detectors that they are found from.

    Attributes
    ----------
    spots_paths : sequence of str or Path
        All shards of spot lists.
    split_path, structures_path : str or Path
        The split, and the table of materials.
    detectors : sequence of (str, Detector)
        What shows the spots, by level.
    seed : int
        Seed of what detectors draw.
    materials : int
        How many test materials are chosen, by the evaluation's seed and their names.
    views : sequence of int
        Patterns of a material that an answer is found from, ascending; the evaluation draws them.
    evaluation : EvaluationSettings
        How views are drawn.
    """

    spots_paths: Sequence[str | Path]
    split_path: str | Path
    structures_path: str | Path
    detectors: Sequence[tuple[str, Detector]]
    seed: int
    materials: int
    views: Sequence[int]
    evaluation: EvaluationSettings

    @classmethod
    def of(cls, inputs, params) -> "CellTest":
        """Return that of a rule, by its inputs ``spots``, ``split``, ``structures`` and its parameters."""
        return cls(
            inputs.spots,
            inputs.split,
            inputs.structures,
            [(level, Detector(**values)) for level, values in params.detectors],
            params.seed,
            params.materials,
            params.views,
            EvaluationSettings(seed=params.draw),
        )

    def material_ids(self) -> list[str]:
        """Return the names of the materials that are chosen.

        Raises
        ------
        InputError
            If the split is unreadable.
        """
        split = read_split(self.split_path)
        return draw_materials(split.material_id[split.split == "test"], self.materials, self.evaluation)

    def spots(self, material_ids: Sequence[str]) -> SpotLists:
        """Return the patterns of some materials."""
        return read_spots(self.spots_paths, material_ids)

    def structures(self) -> pd.DataFrame:
        """Return the table of materials by their names."""
        return read_materials(self.structures_path).set_index("material_id")
