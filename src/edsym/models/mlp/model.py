"""The perceptron among the models."""

from typing import ClassVar

import numpy as np
import torch
from tqdm import tqdm

from edsym.models.forest.features import forest_features
from edsym.models.mlp.network import MLP, mlp_inputs
from edsym.models.mlp.settings import MLPSettings
from edsym.models.torch_model import TorchModel
from edsym.spots.store import SpotLists
from edsym.symmetry import CRYSTAL_SYSTEMS, N_SPACE_GROUPS
from edsym.training.precision import compute_threads

# Patterns whose inputs are held at once: 26 MB.
_PATTERNS_AT_ONCE = 4096


class Perceptron(TorchModel):
    """A plain multilayer perceptron on the features of the forest."""

    kind: ClassVar[str] = "mlp"
    sections: ClassVar[dict[str, type]] = {"mlp": MLPSettings}

    def build(self) -> MLP:
        """Return an untrained perceptron."""
        return MLP(self.settings["mlp"])

    @torch.inference_mode()
    def predict_proba(
        self, spots: SpotLists, *, threads: int | None = None, progress: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the probabilities of all patterns, see `Model.predict_proba`."""
        p_system = np.empty((len(spots), len(CRYSTAL_SYSTEMS)), np.float32)
        p_spacegroup = np.empty((len(spots), N_SPACE_GROUPS), np.float32)
        starts = range(0, len(spots), _PATTERNS_AT_ONCE)
        with compute_threads(threads):
            for start in tqdm(starts, desc="perceptron", unit="chunk", disable=not progress):
                chunk = slice(start, start + _PATTERNS_AT_ONCE)
                system, group = self.network(mlp_inputs(forest_features(spots, chunk)))
                p_system[chunk], p_spacegroup[chunk] = system.softmax(-1).numpy(), group.softmax(-1).numpy()
        return p_system, p_spacegroup
