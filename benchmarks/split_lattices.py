"""Lattices that are found of the materials of a run, once for all ways to divide them."""

from functools import cached_property
from pathlib import Path

import numpy as np
from split_runs import STRATEGIES, Divided, Run

from edsym.detector.detect import detect
from edsym.models.cell.answers import Answers, find_answers, joined
from edsym.models.cell.fit import Examples, sets_of_views
from edsym.models.cell.settings import CellSettings
from edsym.predictions.draw import draw_materials, draw_views
from edsym.simulation.electrons import wavelength
from edsym.spots.split import validation_patterns

OTHER_LEVELS = 2000
"""Materials, drawn from all, that are looked at as other levels of the detector show them than that of the
training."""
TOGETHER = 50
"""Materials of which ten views are read together, of those that every strategy tests."""


class Lattices:
    """What the finder says of a run: of the first patterns of each material, and of sets of views.

    Training and tests share what is found; what a detector draws hangs on the material, and no material is on
    both sides. Sets are looked at at the level of the training alone.

    Parameters
    ----------
    run : Run
        Its materials are looked at.
    folder : Path
        Where answers are kept.
    processes : int
        How many look at once.
    """

    def __init__(self, run: Run, folder: Path, processes: int):
        self.run, self.folder, self.processes = run, folder, processes
        self.settings = CellSettings(**run.config["cell"])
        self.training = run.detector.training
        self._alone, self.sets = sets_of_views(run.spots, self.settings)
        self._found: dict[tuple[str, str], Answers] = {}

    def alone(self, level: str) -> list[np.ndarray]:
        """Return the patterns that are looked at alone, (1,) each, at a level of the detector."""
        if level == self.training:
            return self._alone
        spots = self.run.spots
        drawn = draw_materials(spots.material_id.tolist(), OTHER_LEVELS, self.run.evaluation)
        chosen = np.isin(spots.material_id, drawn)
        return [one for one in self._alone if chosen[spots.material[one[0]]]]

    @cached_property
    def tested(self) -> list[np.ndarray]:
        """The patterns of test materials that are read together: of materials that every strategy tests."""
        run, spots = self.run, self.run.spots
        learned = [run.divided(strategy).train for strategy in STRATEGIES]
        drawn = draw_materials(spots.material_id[~np.any(learned, axis=0)], TOGETHER, run.evaluation)
        rows = np.flatnonzero(np.isin(spots.material_id, drawn)[spots.material])
        drawn, start = draw_views(spots.material_id[spots.material[rows]], spots.view[rows], run.evaluation)
        return np.split(rows[drawn], start[1:])

    def examples(self, divided: Divided, labels: np.ndarray) -> Examples:
        """Return what is learned from where materials are divided, with labels of all patterns (P,)."""
        settings, parts = self.settings, []
        rows = np.flatnonzero(divided.learning)
        material = self.run.spots.material[rows]
        validates = np.zeros(len(labels), dtype=bool)
        validates[rows] = validation_patterns(
            material, settings.validation_fraction, settings.seed, divided.kin[material]
        )
        looked = [(level, "alone", self.alone(level)) for level in dict.fromkeys((self.training, "ideal"))]
        for level, kind, sets in (*looked, (self.training, "sets", self.sets)):
            first = np.array([one[0] for one in sets], dtype=int)
            mine = np.flatnonzero(divided.learning[first])
            own = first[mine]
            parts.append(
                Examples(self._answers(level, kind, sets).take(mine), labels[own] - 1, validates[own])
            )
        return Examples(
            joined([part.answers for part in parts]),
            np.concatenate([part.group for part in parts]),
            np.concatenate([part.validates for part in parts]),
        )

    def tests(self, divided: Divided, level: str) -> dict[str, tuple[np.ndarray, Answers]]:
        """Return the first patterns of what is tested at a level and the answers on it, by method."""
        sets = self.alone(level)
        first = np.array([one[0] for one in sets])
        mine = np.flatnonzero(~divided.learning[first])
        found = {"single": (first[mine], self._answers(level, "alone", sets).take(mine))}
        if level == self.training:
            together = np.array([one[0] for one in self.tested])
            found["together"] = together, self._answers(level, "tested", self.tested)
        return found

    def _answers(self, level: str, kind: str, sets: list[np.ndarray]) -> Answers:
        """Return the finder's answers on sets of patterns at a level, looked for once."""
        if (level, kind) not in self._found:
            run, electrons = self.run, wavelength(self.settings.energy_kev)
            self._found[level, kind] = find_answers(
                detect(run.spots, run.detector.at(level), run.detector.seed),
                sets,
                electrons,
                processes=self.processes,
                progress=True,
                folder=self.folder / f"{level}_{kind}",
                absences=True,
            )
        return self._found[level, kind]
