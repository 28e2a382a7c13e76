"""What is fitted on validation materials: temperatures and pooling weights.

Temperature scaling (C. Guo et al., Proc. ICML 2017, PMLR 70, 1321) divides all logits by one number T: the
decision stays, its confidence changes. Probabilities are known here, and their logarithms are logits.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from edsym.errors import InputError
from edsym.files import write_text
from edsym.predictions.loglinear import fit_weights, log_probabilities, softmax

MAX_TEMPERATURE = 20.0
"""Bound that keeps the temperature of a model that knows nothing finite and positive."""


@dataclass(frozen=True)
class Calibration:
    """What was fitted to a model's predictions on validation materials.

    Attributes
    ----------
    materials, patterns : int
        Validation materials and patterns; 0 if nothing was fitted.
    temperature : dict or None
        Temperatures by method ("single", "logsum", "pooled", and "together"
        for a model that reads views together) and target ("system", "spacegroup").
    pooling : dict or None
        Weights of `edsym.predictions.pooling` by target.
    """

    materials: int = 0
    patterns: int = 0
    temperature: dict[str, dict[str, float]] | None = None
    pooling: dict[str, list[float]] | None = None

    def confidence(self, distribution: np.ndarray, method: str, target: str) -> np.ndarray:
        """Return the largest probability of each row after temperature scaling; NaN without a temperature."""
        if self.temperature is None:
            return np.full(len(distribution), np.nan)
        return scale_temperature(distribution, self.temperature[method][target]).max(axis=1)


def write_calibration(calibration: Calibration, path: str | Path) -> None:
    """Write what was fitted as JSON."""
    write_text(path, json.dumps(asdict(calibration), indent=2) + "\n")


def read_calibration(path: str | Path) -> Calibration:
    """Read what was fitted.

    Raises
    ------
    InputError
        If the file is not a calibration.
    """
    try:
        return Calibration(**json.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} is not a calibration: {error}") from error


def fit_temperature(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Return the temperature at which the true classes are most probable.

    Parameters
    ----------
    probabilities : (N, C) array
        Distributions over classes.
    truth : (N,) array of int
        True classes, 0 to C - 1.
    """
    (inverse,) = fit_weights(log_probabilities(probabilities)[:, None], truth)
    return float(1 / max(inverse, 1 / MAX_TEMPERATURE))


def scale_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return distributions with all logits divided by a temperature (Guo et al., equation 9)."""
    return softmax(log_probabilities(probabilities) / temperature)
