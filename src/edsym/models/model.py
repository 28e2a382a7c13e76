"""What every model has in common: how it is trained, how it answers, and how it lies in a folder."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import pandas as pd

from edsym.detector.detect import as_detector
from edsym.detector.levels import Detector
from edsym.errors import InputError
from edsym.files import atomic_path, sha256, write_text
from edsym.models.registry import MODELS, imported
from edsym.spots.store import SpotLists

FORMAT, VERSION = "edsym-model", 1
DESCRIPTION = "model.json"


class Model(ABC):
    """A classifier of spot lists by crystal system and space group.

    A folder has the modules ``model``, with a subclass, and ``fit``, which is imported for training alone: to
    predict, nothing of it is needed.

    Parameters
    ----------
    **settings
        Settings by section of the configuration: one each of `sections`.

    Attributes
    ----------
    kind : str
        Name in `edsym.models.registry.MODELS`.
    sections : mapping of str to type
        Classes of the settings, each of `edsym.settings.Settings`.
    weights : str
        Name of the file that the weights are kept in.
    together : bool
        Whether it reads several views of a crystal together: see `predict_views`.
    detector : Detector
        The detector that showed the spots that it learned from.
    record : dict
        What is to be said of the training: ``training_patterns`` and more. A part of model.json.
    curves : pandas.DataFrame or None
        One row an epoch, for models that have epochs.
    """

    kind: ClassVar[str]
    sections: ClassVar[Mapping[str, type]]
    weights: ClassVar[str]
    together: ClassVar[bool] = False

    def __init__(self, **settings):
        self.settings = settings
        self.detector = Detector()
        self.record: dict = {}
        self.curves: pd.DataFrame | None = None

    def fit(
        self,
        spots: SpotLists,
        labels: np.ndarray,
        validation: np.ndarray | None = None,
        *,
        detector: str | Detector = "ideal",
        threads: int = 1,
        checkpoints: Path | None = None,
    ) -> Self:
        """Learn from patterns.

        Parameters
        ----------
        spots : SpotLists
            The patterns, with spots as they are.
        labels : (P,) array of int
            Space group of each pattern, 1 to 230.
        validation : (P,) array of bool, optional
            Patterns of the materials that tell when to stop and are not learned from; see
            `edsym.models.registry.ModelEntry.holds_out`.
        detector : str or Detector
            What shows these spots, see `edsym.detector.detect.detect`. A model that learns in epochs sees
            every pattern anew in each of them, draws 1, 2, …; one that learns once sees draw 0, and so do the
            materials that validate. The seed is that of the model's settings.
        threads : int
            Threads, where neither settings nor results depend on them.
        checkpoints : Path, optional
            Folder that belongs to this training alone: it goes on from what it finds there.

        Returns
        -------
        Model
            Itself.

        Raises
        ------
        InputError
            If the patterns are too few, or a checkpoint is damaged.
        TrainingError
            If the training cannot go on.
        """
        if validation is None and MODELS[self.kind].holds_out:
            raise InputError(f"the training of {self.kind} takes materials that validate: none are given")
        self.detector = as_detector(detector)
        package = type(self).__module__.rpartition(".")[0]
        import_module(f"{package}.fit").fit(self, spots, labels, validation, threads, checkpoints)
        return self

    def at_energy(self, energy_kev: float) -> Self:
        """Return the model for electrons of another energy in keV than it was trained at.

        Itself, for a model that knows spots alone.
        """
        return self

    @abstractmethod
    def predict_proba(
        self, spots: SpotLists, *, threads: int | None = None, progress: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the probabilities of all patterns, each taken for itself.

        Parameters
        ----------
        spots : SpotLists
            The patterns: single ones or views of materials; there may be none.
        threads : int, optional
            Threads; without, as many as the libraries take by themselves.
        progress : bool
            Whether to show a progress bar.

        Returns
        -------
        p_system, p_spacegroup : (P, 7), (P, 230) arrays of float32
            In the order of `edsym.symmetry.CRYSTAL_SYSTEMS`, and of the space groups from 1.
        """

    def predict_views(
        self, spots: SpotLists, start: np.ndarray, *, threads: int | None = None, progress: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the probabilities of crystals, the views of each read together, if the model is `together`.

        Parameters
        ----------
        spots : SpotLists
            The patterns, those of a crystal one after another.
        start : (M,) array of int
            The first pattern of each crystal; the last crystal has all that follow.
        threads : int, optional
            Threads; without, as many as the libraries take by themselves.
        progress : bool
            Whether to show a progress bar.

        Returns
        -------
        p_system, p_spacegroup : (M, 7), (M, 230) arrays of float32
            As of `predict_proba`.
        """
        raise NotImplementedError(f"{type(self).__name__} does not read views together")

    @abstractmethod
    def write_weights(self, path: Path) -> None:
        """Write what was learned to a file."""

    @abstractmethod
    def read_weights(self, path: Path) -> None:
        """Read what `write_weights` wrote; raise an InputError if it does not fit the settings."""

    def facts(self) -> dict:
        """Return what model.json says beside settings, weights and training."""
        return {}

    def save(self, folder: str | Path) -> None:
        """Write the model to a folder: the weights, model.json and, if there are any, curves.csv."""
        folder = Path(folder)
        with atomic_path(folder / self.weights) as temporary:
            self.write_weights(temporary)
        if self.curves is not None:
            with atomic_path(folder / "curves.csv") as temporary:
                self.curves.to_csv(temporary, index=False, float_format="%.6g")
        description = {
            "format": FORMAT,
            "version": VERSION,
            "kind": self.kind,
            "settings": {
                section: settings.model_dump(mode="json") for section, settings in self.settings.items()
            },
            "detector": asdict(self.detector),
            "weights": {"file": self.weights, "sha256": sha256(folder / self.weights)},
            **self.facts(),
            "training": self.record,
        }
        write_text(folder / DESCRIPTION, json.dumps(description, indent=2) + "\n")

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Return the model of a folder, ready to predict: of any kind if asked of `Model` itself.

        Raises
        ------
        InputError
            If a file is missing or damaged, of another version of edsym, or the model is of another kind.
        """
        path = Path(folder) / DESCRIPTION
        description = read_description(path)
        kind = description["kind"]
        if cls is Model:
            if kind not in MODELS:
                raise InputError(f"{path} describes a {kind!r}, expected one of {', '.join(MODELS)}")
            return imported(MODELS[kind].model).load(folder)
        if kind != cls.kind:
            raise InputError(f"{path} describes a {kind!r}, not a {cls.kind!r}")
        stored = description["settings"]
        settings = {
            name: section.stored(stored.get(name), str(path)) for name, section in cls.sections.items()
        }
        model = cls(**settings)
        weights = path.with_name(cls.weights)
        if not weights.is_file():
            raise InputError(f"{weights}: no such file, though {path.name} names it; train the model again")
        stated = description["weights"]["sha256"]
        if (found := sha256(weights)) != stated:
            raise InputError(
                f"{weights} is damaged or of another model: its SHA-256 is {found[:12]}…, "
                f"expected {stated[:12]}… by {path.name}"
            )
        model.read_weights(weights)
        # a model of which no detector is told learned from ideal spots
        model.detector = Detector.stored(description.get("detector", asdict(Detector())), str(path))
        model.record = description.get("training", {})
        return model


def read_description(path: Path) -> dict:
    """Read and check a model.json.

    Raises
    ------
    InputError
        If it is not there, not JSON, or not of this format and version.
    """
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as the description of a model: {error}") from error
    found = description if isinstance(description, dict) else {}
    if (found.get("format"), found.get("version")) != (FORMAT, VERSION):
        raise InputError(
            f"{path} is not of the format {FORMAT}, version {VERSION}, but {found.get('format')!r}, version "
            f"{found.get('version')!r}: another version of edsym wrote it; remove the folder and train again"
        )
    if missing := [name for name in ("kind", "settings", "weights") if name not in found]:
        raise InputError(f"{path} lacks {', '.join(missing)} of the description of a model")
    return description
