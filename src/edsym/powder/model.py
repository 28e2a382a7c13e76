"""The trained powder model: network, prior, calibration; how it answers, and how it lies in a folder."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from edsym.errors import InputError
from edsym.files import atomic_path, sha256, write_text
from edsym.powder.convnext import ConvNext
from edsym.powder.network import PowderNetwork
from edsym.powder.peaks import PeakTransformer
from edsym.powder.rival_settings import (
    PowderConvNextSettings,
    PowderPeaksSettings,
    PowderTransformerSettings,
)
from edsym.powder.settings import PowderNetworkSettings, PowderSettings
from edsym.powder.structured import decode, group_features
from edsym.powder.transformer import PublishedTransformer
from edsym.predictions.loglinear import fit_weights, softmax
from edsym.symmetry import N_SPACE_GROUPS
from edsym.symmetry.classes import powder_groups

FORMAT, VERSION = "edsym-powder-model", 1
WEIGHTS, DESCRIPTION = "weights.safetensors", "powder.json"
NETWORKS = {
    PowderNetworkSettings: PowderNetwork,
    PowderTransformerSettings: PublishedTransformer,
    PowderConvNextSettings: ConvNext,
    PowderPeaksSettings: PeakTransformer,
}
"""Networks by the settings that they are of."""
PRIORS = ("training", "uniform")
"""Priors that a model answers with: how often groups occur in its training, or all 97 alike."""

_AT_ONCE = 512
# Logarithms further below the largest one count as this far: none becomes -∞.
_LEAST = -600.0


@dataclass(frozen=True)
class Calibration:
    """How scores and prior are weighed: log p(group) = scores · s(group) + prior · ln π(group).

    Attributes
    ----------
    scores : float
        The inverse of the temperature.
    prior : float
        Power of the prior.
    """

    scores: float = 1.0
    prior: float = 1.0


class PowderModel:
    """A network on powder patterns with its prior and its calibration.

    Attributes
    ----------
    powder : PowderSettings
    settings : PowderNetworkSettings, or one of the module rival_settings
    network : PowderNetwork, or another one of `NETWORKS`
    counts : (230,) array of int
        Training materials of each space group.
    calibration : Calibration
    record : dict
        What is to be said of the training.
    """

    def __init__(self, powder: PowderSettings, settings, counts: np.ndarray):
        self.powder, self.settings = powder, settings
        self.network = NETWORKS[type(settings)](powder, settings)
        self.counts = np.asarray(counts)
        self.calibration, self.record = Calibration(), {}

    def scores(self, patterns: np.ndarray) -> np.ndarray:
        """Return the scores (n, 230) without a prior of patterns (n, bins) on the axis: means over views."""
        return self._run(self._mean_of_views, patterns)

    def _mean_of_views(self, patterns: np.ndarray) -> Tensor:
        each = [self.network(torch.from_numpy(view)) for view in self.network.views(patterns)]
        return torch.stack(each).mean(0)

    def decoded(self, patterns: np.ndarray) -> np.ndarray:
        """Return the logarithms (n, 230) of what the structured heads of a transformer make of patterns.

        Those of its groups, for each of their space groups, without a prior.
        """
        features = torch.from_numpy(group_features(self.settings.rows))
        index = powder_groups().index

        def decoded(patterns: np.ndarray) -> Tensor:
            found = self.network.outputs(torch.from_numpy(self.network.prepare(patterns)))[1]
            return decode(found, features)[:, index]

        return self._run(decoded, patterns)

    @torch.inference_mode()
    def _run(self, function: Callable[[np.ndarray], Tensor], patterns: np.ndarray) -> np.ndarray:
        """Return what a function has for patterns (n, bins), (n, 230), some at once."""
        self.network.cpu().eval()
        parts = [function(patterns[i : i + _AT_ONCE]).numpy() for i in range(0, len(patterns), _AT_ONCE)]
        return np.concatenate([np.zeros((0, N_SPACE_GROUPS), np.float32), *parts]).astype(np.float64)

    def probabilities(
        self,
        scores: np.ndarray,
        prior: str | np.ndarray = "training",
        calibration: Calibration | None = None,
    ) -> np.ndarray:
        """Return the probabilities (n, 230) of the space groups by `scores`.

        Parameters
        ----------
        scores : (n, 230) array
            What `scores` returned.
        prior : str or (230,) array
            One of `PRIORS`, or how often each space group is met where the patterns are from.
        calibration : Calibration, optional
            Another one than that of the model.
        """
        calibration = calibration or self.calibration
        groups, group_prior, within = self._by_group(scores, prior)
        p_group = softmax(calibration.scores * groups + calibration.prior * np.log(group_prior))
        index = powder_groups().index
        inside = calibration.scores * scores + np.log(within)
        return p_group[:, index] * np.exp(inside - _logsumexp_by(inside, index)[:, index])

    def _by_group(self, scores: np.ndarray, prior) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return scores (n, 97) and prior (97,) of the powder groups, and that of their members (230,)."""
        index = powder_groups().index
        shares = smoothed(self.counts if isinstance(prior, str) else prior)
        group_prior = np.bincount(index, shares)
        within = shares / group_prior[index]
        if isinstance(prior, str):
            if prior not in PRIORS:
                raise InputError(f"the prior is {prior!r}, expected one of {', '.join(PRIORS)}")
            if prior == "uniform":
                group_prior = np.full(len(group_prior), 1 / len(group_prior))
        return _logsumexp_by(scores + np.log(within), index), group_prior, within

    def fit_calibration(
        self, scores: np.ndarray, spacegroup_number: np.ndarray, prior: str | np.ndarray = "training"
    ) -> Calibration:
        """Return the calibration that makes the true powder groups of held-out patterns most probable."""
        groups, group_prior, _ = self._by_group(scores, prior)
        both = np.stack([groups, np.broadcast_to(np.log(group_prior), groups.shape)], axis=1)
        # the prior of the fit is the first score as it stands; here both stand as they are
        weights = fit_weights(both, powder_groups().index[spacegroup_number - 1])
        return Calibration(float(max(weights[0], 0.01)), float(max(weights[1], 0.0)))

    def save(self, folder: str | Path) -> None:
        """Write weights.safetensors, in half precision, and powder.json to a folder."""
        folder = Path(folder)
        state = {
            name: value.detach().cpu().half() if value.is_floating_point() else value.detach().cpu()
            for name, value in self.network.state_dict().items()
        }
        with atomic_path(folder / WEIGHTS) as temporary:
            save_file({name: value.contiguous() for name, value in state.items()}, temporary)
        description = {
            "format": FORMAT,
            "version": VERSION,
            "settings": {s.section: s.model_dump(mode="json") for s in (self.powder, self.settings)},
            "weights_sha256": sha256(folder / WEIGHTS),
            "counts": self.counts.tolist(),
            "calibration": {"scores": self.calibration.scores, "prior": self.calibration.prior},
            "training": self.record,
        }
        write_text(folder / DESCRIPTION, json.dumps(description, indent=1) + "\n")

    @classmethod
    def load(cls, folder: str | Path) -> "PowderModel":
        """Return the model of a folder.

        Raises
        ------
        InputError
            If a file is missing, damaged or of another version.
        """
        path = Path(folder) / DESCRIPTION
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            if (stored["format"], stored["version"]) != (FORMAT, VERSION):
                raise InputError(f"{path} is not of the format {FORMAT}, version {VERSION}")
            sections = stored["settings"]
            model = cls(
                PowderSettings.stored(sections["powder"], str(path)),
                _network_settings(sections, str(path)),
                np.array(stored["counts"], int),
            )
            model.calibration, model.record = Calibration(**stored["calibration"]), stored["training"]
            weights = path.with_name(WEIGHTS)
            if sha256(weights) != stored["weights_sha256"]:
                raise InputError(f"{weights} is damaged, or of another model than {path.name}")
            state = load_file(weights)
            model.network.load_state_dict(
                {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
            )
        except (OSError, ValueError, LookupError, TypeError, SafetensorError, RuntimeError) as error:
            raise InputError(f"{folder} holds no powder model: {error}") from error
        model.network.eval()
        return model


def _network_settings(sections: dict, path: str):
    """Return the settings of the network of a stored model, by their section."""
    for kind in NETWORKS:
        if kind.section in sections:
            return kind.stored(sections[kind.section], path)
    raise InputError(f"{path}: no settings of {' or '.join(kind.section for kind in NETWORKS)}")


def smoothed(counts: np.ndarray) -> np.ndarray:
    """Return shares (230,) of counts, none 0: half a material more of each (Jeffreys)."""
    counts = np.asarray(counts, float) + 0.5
    return counts / counts.sum()


def _logsumexp_by(values: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Return logarithms of sums of exp(values) (n, 230) over the groups of each class (n, C)."""
    top = values.max(axis=1, keepdims=True)
    shares = np.exp(np.maximum(values - top, _LEAST))
    return top + np.log(shares @ (index[:, None] == np.arange(index.max() + 1)))
