"""Trained models by name or folder, and their answers with calibrated probabilities."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np

from edsym.errors import InputError
from edsym.interface.noise import warn_noisier
from edsym.interface.prediction import Prediction
from edsym.interface.ranges import NAMES, warn_outside
from edsym.interface.spots import Spots
from edsym.models.model import Model
from edsym.predictions.calibration import Calibration, scale_temperature
from edsym.predictions.decisions import TARGETS, probabilities_of
from edsym.predictions.pooling import geometric_mean, pool, view_features
from edsym.predictions.table import Predictions

MODELS_DIR = Path(str(files("edsym") / "trained"))
"""The trained networks that `load_model` finds by name: a part of the package, in a checkout a link."""

MAX_SPOTS = 2000
"""Most spots of a pattern: a network looks at all their pairs, 0.4 GB for so many."""

# Intensity of all spots together, where the model does not say.
_USUAL_TOTAL = 0.1
_ALL = np.array([0])


class TrainedModel:
    """A trained model with its calibration and the ranges of its training patterns.

    Parameters
    ----------
    model : edsym.models.model.Model
        Of any kind.
    calibrations : mapping of int to Calibration
        What was fitted, by the number of views; empty if nothing was.
    ranges : mapping
        See `edsym.interface.ranges`; empty if they are not known.
    """

    def __init__(
        self, model: Model, calibrations: Mapping[int, Calibration], ranges: Mapping[str, list[float]]
    ):
        self.model, self.calibrations, self.ranges = model, calibrations, ranges

    def predict(
        self, patterns, *, energy_kev: float | None = None, threads: int | None = None, warn: bool = True
    ) -> Prediction:
        """Return what the model says of patterns, all of them taken as views of one crystal.

        Parameters
        ----------
        patterns : Spots, DataFrame, array or iterable of these
            Spots; a table with the columns qx, qy, intensity (and pattern); or arrays (n, 3) of qx, qy [1/Å]
            and intensity as share of the incident beam, which is itself not among them. `edsym.Spots`
            takes other units and intensities.
        energy_kev : float, optional
            Energy of the electrons in keV, for models that look at the Ewald sphere; without, that of the
            training.
        threads : int, optional
            Processes or threads, if the model has use for them; the answer does not depend on it.
        warn : bool
            Whether to look for patterns on which the answer cannot be relied, and to warn of them.

        Returns
        -------
        Prediction
            Its ``top(3)`` is a table of names and probabilities.

        Raises
        ------
        InputError
            If something is no pattern, or one has more than `MAX_SPOTS` spots.

        Warns
        -----
        InputWarning
            If a pattern is unlike all that the model was trained on, or positions are much less exact.

        Examples
        --------
        >>> patterns = edsym.simulate(edsym.Structure.from_cif("NaCl.cif"), n=5)
        >>> answer = edsym.load_model("spectra-random").predict(edsym.find_spots(patterns))
        >>> answer.top(1)[["pattern", "crystal_system"]].tail(1).values.tolist()
        [['all', 'cubic']]
        """
        model = self.model if energy_kev is None else self.model.at_energy(energy_kev)
        spots = Spots.of(patterns)
        sizes = np.diff(spots.offset)
        if sizes.max() > MAX_SPOTS:
            raise InputError(
                f"pattern {sizes.argmax()} has {sizes.max()} spots, at most {MAX_SPOTS} are allowed; "
                f"Spots.brightest({MAX_SPOTS}) leaves so many"
            )
        if warn and self.ranges:
            warn_outside(spots, self.ranges)
        if warn:
            warn_noisier(spots, self.model.detector)
        if not spots.absolute:
            usual = self.ranges["total_intensity"][1] if self.ranges else _USUAL_TOTAL
            spots = replace(spots, intensity=spots.intensity * np.float32(usual), absolute=True)
        probabilities = model.predict_proba(spots, threads=threads)
        return self._answer(
            model, spots, threads, Predictions(spots.material_id[spots.material], spots.view, *probabilities)
        )

    def _answer(
        self, model: Model, spots: Spots, threads: int | None, predictions: Predictions
    ) -> Prediction:
        start = np.flatnonzero(np.diff(spots.material, prepend=-1))
        counts = np.diff(np.append(start, len(spots)))
        features = view_features(predictions, np.arange(len(spots)))
        single = next(iter(self.calibrations.values()), Calibration())
        several = model.together and counts.max() > 1
        read = model.predict_views(spots, start, threads=threads) if several else (None, None)
        answer = {}
        for target, read_together in zip(TARGETS, read, strict=True):
            p = probabilities_of(predictions, target)
            answer[f"p_{target}"] = _scaled(p, single, "single", target)
            if counts.max() == 1:
                answer[f"p_{target}_views"] = _scaled(p, self._fitted(1), "single", target)
                continue
            views = []
            for m, own in enumerate(map(slice, start, start + counts)):
                read_own = None if read_together is None else read_together[m : m + 1]
                views.append(self._views(p[own], features[own], read_own, target))
            answer[f"p_{target}_views"] = np.concatenate(views)
        return Prediction(
            view=spots.view,
            crystal=np.repeat(np.arange(len(start)), counts),
            material_id=spots.material_id[spots.material[start]],
            calibrated=bool(self.calibrations),
            **answer,
        )

    def _fitted(self, views: int) -> Calibration:
        """Return what was fitted to about so many views."""
        nearest = min(self.calibrations, key=lambda n: abs(np.log(n / views)), default=None)
        return self.calibrations.get(nearest, Calibration())

    def _views(
        self, p: np.ndarray, features: np.ndarray, together: np.ndarray | None, target: str
    ) -> np.ndarray:
        """Return the distribution (1, C) of a crystal by K views (K, C), as fitted to about as many.

        `together` (1, C) has the answer of a model that reads views together.
        """
        fitted = self._fitted(len(p))
        if len(p) == 1:
            return _scaled(p, fitted, "single", target)
        if together is not None:
            return _scaled(together, fitted, "together", target)
        if fitted.pooling is None:
            return _scaled(geometric_mean(p, _ALL), fitted, "logsum", target)
        return _scaled(pool(p, features, _ALL, np.array(fitted.pooling[target])), fitted, "pooled", target)


def _scaled(p: np.ndarray, fitted: Calibration, method: str, target: str) -> np.ndarray:
    return p if fitted.temperature is None else scale_temperature(p, fitted.temperature[method][target])


def load_model(name: str | Path) -> TrainedModel:
    """Return a trained model by its name, or from the folder that a run wrote it to.

    Parameters
    ----------
    name : str or Path
        ``lattice``, ``spectra-random`` or ``spectra-grid``, which come with edsym; or a folder.

    Raises
    ------
    InputError
        If there is no such model, or its files are damaged.

    Examples
    --------
    >>> edsym.load_model("spectra-grid").ranges["largest_q"][2]
    2.0
    """
    folder = model_folder(name)
    calibrations = _read(
        folder / "calibration.json", lambda c: {int(n): Calibration(**fit) for n, fit in c["views"].items()}
    )
    ranges = _read(
        folder / "ranges.json", lambda c: {name: tuple(map(float, c["ranges"][name])) for name in NAMES}
    )
    return TrainedModel(Model.load(folder), calibrations, ranges)


def model_folder(name: str | Path) -> Path:
    """Return the folder of a trained model by its name, or the folder itself; see `load_model`."""
    known = sorted(path.parent.name for path in MODELS_DIR.glob("*/model.json"))
    folder = MODELS_DIR / name if name in known else Path(str(name))
    if not name or not folder.is_dir():
        raise InputError(f"there is no model {str(name)!r}: expected a folder or one of {', '.join(known)}")
    return folder


def _read(path: Path, made: Callable) -> dict:
    """Return what a file beside a model holds; nothing, where there is no such file."""
    try:
        return made(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is not what stands beside a model: {error}") from error
