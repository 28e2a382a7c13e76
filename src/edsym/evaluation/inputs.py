"""Files that tables and figures are made from, each read when it is first asked for."""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import pandas as pd

from edsym.errors import InputError
from edsym.evaluation.methods import decides
from edsym.evaluation.published import Published, read_published
from edsym.evaluation.run import RunDescription, read_run, read_sizes
from edsym.mapping.scan_map import ScanMap, read_scan_map
from edsym.models.registry import MODELS
from edsym.parquet import read_parquet
from edsym.predictions.calibration import Calibration, read_calibration
from edsym.predictions.decisions import read_decisions
from edsym.specimen.truth import Truth, read_truth
from edsym.structures.kinship_table import read_kinship
from edsym.symmetry import CRYSTAL_SYSTEMS


class EvaluationInputs:
    """The inputs of one table or figure.

    Parameters
    ----------
    files : mapping of str to path
        Files by the names of `edsym.evaluation.products.REQUIRES`; several ones as a list.
    configuration : mapping
        The configuration of the run, by section.
    """

    def __init__(self, files: Mapping[str, str | Path], configuration: Mapping | None = None):
        self.files = {
            name: [Path(p) for p in path] if isinstance(path, list) else Path(path)
            for name, path in files.items()
        }
        self.configuration = configuration or {}
        self._decisions: dict[tuple[str, str, str, str, int], pd.DataFrame] = {}

    @cached_property
    def run(self) -> RunDescription:
        """What the run was."""
        return read_run(self.files["run"])

    @cached_property
    def published(self) -> Published:
        """The published numbers."""
        return read_published(self.files["published"])

    @cached_property
    def materials(self) -> pd.DataFrame:
        """The split: material_id, split, crystal_system, spacegroup_number, n_patterns."""
        return read_sizes(self.files["split"], self.files["materials"])

    @cached_property
    def kinship(self) -> pd.DataFrame:
        """What materials share: prototype and chemical_system by material_id."""
        return read_kinship(self.files["kinship"])

    @cached_property
    def models(self) -> tuple[str, ...]:
        """The models that there are files of, in the order of the registry."""
        present = {name.partition("_")[0] for name in self.files}
        return tuple(model for model in MODELS if model in present)

    def models_of(self, method: str) -> tuple[str, ...]:
        """Return those of them that decide in a way, see `edsym.evaluation.methods.METHODS`."""
        return tuple(model for model in self.models if decides(model, method))

    def left_out(self, model: str) -> list[str]:
        """Return the crystal systems that a model neither learns nor answers, by the configuration."""
        sections = (self.configuration.get(name, {}) for name in MODELS[model].sections)
        return [system for values in sections for system in values.get("exclude", ())]

    def judged(self, model: str, method: str, level: str) -> pd.DataFrame:
        """Return a model's decisions, see `decisions`, without those about systems that it leaves out."""
        frame = self.decisions(method, level)[model]
        unknown = [CRYSTAL_SYSTEMS.index(system) for system in self.left_out(model)]
        return frame[~frame.system.isin(unknown)] if unknown else frame

    def told_left_out(self) -> str:
        """Say which test patterns are left out of the score of which model; nothing if none are."""
        left_out = {MODELS[model].title: self.left_out(model) for model in self.models}
        texts = [
            f"{title}: without {', '.join(names)} patterns" for title, names in left_out.items() if names
        ]
        return f"{'; '.join(texts)}, which it does not learn. " if texts else ""

    def model(self, model: str) -> dict:
        """Return what model.json says of a model."""
        path = self.files[f"{model}_model"] / "model.json"
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{path} cannot be read as JSON: {error}") from error

    def calibration(self, model: str, level: str) -> Calibration:
        """Return what was fitted to a model on validation materials, as a detector of a level shows them."""
        return read_calibration(self._at(f"{model}_calibration", level))

    def curves(self, model: str) -> pd.DataFrame:
        """Return a model's decisions with one nuisance at a time, see `edsym.models.curves`."""
        return read_parquet(self.files[f"{model}_curves"]).to_pandas()

    @cached_property
    def cells(self) -> pd.DataFrame:
        """The answers of the lattice finder, see `edsym.cells.table.SCHEMA`: by material and level."""
        parts = [read_parquet(path).to_pandas() for path in self.files["cells"]]
        frame = pd.concat(parts, ignore_index=True)
        return frame.sort_values("material_id", kind="stable", ignore_index=True)

    @cached_property
    def regressed(self) -> pd.DataFrame:
        """The answers of the forest's regressors, see `edsym.cells.table.REGRESSED`."""
        return read_parquet(self.files["regressed"]).to_pandas()

    @cached_property
    def maps(self) -> list[ScanMap]:
        """The maps of a scan, one by each model."""
        return [read_scan_map(path) for path in self.files["maps"]]

    @cached_property
    def truth(self) -> Truth | None:
        """What is true of this scan, if it is a simulated one."""
        return read_truth(self.files["scan"])

    def decisions(
        self, method: str, level: str, patterns: str = "", among: int = 0
    ) -> dict[str, pd.DataFrame]:
        """Return the decisions of all models that decide so, in the columns of `decisions.single_decisions`.

        Parameters
        ----------
        method : str
            "single": one row a pattern; else one row a material, see
            `edsym.evaluation.methods.METHODS`.
        level : str
            Level of the detector that shows the spots.
        patterns : str
            Others than those of the run's own protocol: "protocols" or "leak", as the files are named.
        among : int
            Which of several that have such files.

        Raises
        ------
        InputError
            If the models were not tested on the same patterns.
        """
        models = self.models_of(method)
        frames = {model: self._read(model, method, level, patterns, among) for model in models}
        keys = ["material_id", "view"] if method == "single" else ["material_id"]
        for model in models[1:]:
            first, frame = models[0], frames[model]
            reference = frames[first]
            if not reference[keys].equals(frame[keys]):
                raise InputError(
                    f"{first} and {model} were not tested on the same patterns: {len(reference)} and "
                    f"{len(frame)} rows of predictions; make both again"
                )
        return frames

    def _at(self, name: str, level: str, among: int = 0) -> Path:
        """Return the file of a level among those of a name, which come in the order of the run's levels."""
        levels = self.run.test_levels
        return self.files[name][len(levels) * among + levels.index(level)]

    def _read(self, model: str, method: str, level: str, patterns: str, among: int) -> pd.DataFrame:
        key = (model, method, level, patterns, among)
        if key not in self._decisions:
            part = f"_{patterns}" if patterns else ""
            path = self._at(f"{model}{part}_{'single' if method == 'single' else 'views'}", level, among)
            frame = read_decisions(path, method)
            if "spacegroup" not in frame:
                raise InputError(f"{path} has decisions on unknown crystals: no table can judge them")
            self._decisions[key] = frame
        return self._decisions[key]
