"""What tables and figures of the powder network are made from: scores and models of each division."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from edsym.errors import InputError
from edsym.evaluation.table_writer import Column
from edsym.parquet import read_parquet
from edsym.powder.methods import METHODS

PLACE = (
    Column("division", "Divided by"),
    Column("patterns", "Patterns"),
    Column("method", "Method"),
)
"""Columns that say what a row is of."""

SIMILARITIES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Edges of the classes of similarity to the most similar training pattern."""


@dataclass(frozen=True)
class PowderInputs:
    """Files of a run.

    Attributes
    ----------
    scores : mapping of str to Path
        By division what `edsym.powder.score.score_powder` wrote.
    models : mapping of str to Path
        By division the folder of its model.
    examples : mapping of str to Path
        By division patterns with the answers of its model, from the same function.
    published : Path
        Published numbers, see `edsym.evaluation.published`.
    """

    scores: Mapping[str, Path]
    models: Mapping[str, Path]
    examples: Mapping[str, Path]
    published: Path

    @classmethod
    def of(
        cls, divisions: Sequence[str], *, scores: Sequence, models: Sequence, examples: Sequence, published
    ) -> "PowderInputs":
        """Return the inputs by files in the order of the divisions."""
        parts = (dict(zip(divisions, map(Path, paths), strict=True)) for paths in (scores, models, examples))
        return cls(*parts, Path(published))

    def parts(self, *methods: str) -> Iterator[tuple[dict[str, str], pd.DataFrame]]:
        """Yield division, patterns and title of methods, of all if none is named, and their rows."""
        for division, path in self.scores.items():
            frame = read_parquet(path).to_pandas()
            for patterns in ("simulated", "measured"):
                for method in methods or METHODS:
                    own = frame[(frame.patterns == patterns) & (frame.method == method)]
                    if len(own):
                        yield {"division": division, "patterns": patterns, "method": METHODS[method]}, own

    def counts(self, division: str) -> np.ndarray:
        """Return the training materials of each space group (230,)."""
        return np.array(self._described(division)["counts"])

    def note(self) -> str:
        """Say what the networks were trained on, and how they are calibrated."""
        parts = []
        for division in self.models:
            model = self._described(division)
            training, calibration = model["training"], model["calibration"]
            parts.append(
                f"by {division}: {training['materials']:,} training materials, {training['epochs']:,} "
                f"epochs, temperature {1 / calibration['scores']:.2f}, "
                f"power of the prior {calibration['prior']:.2f}"
            )
        return f"Divided {'; '.join(parts)}."

    def _described(self, division: str) -> dict:
        path = Path(self.models[division]) / "powder.json"
        try:
            model = json.loads(path.read_text(encoding="utf-8"))
            (model["training"]["materials"], model["training"]["epochs"], len(model["counts"]))
            (1 / model["calibration"]["scores"], model["calibration"]["prior"])
        except (OSError, ValueError, LookupError, TypeError, ZeroDivisionError) as error:
            raise InputError(f"{path} is not what stands beside a powder model: {error}") from error
        return model
