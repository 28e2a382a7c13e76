"""Training of the perceptron."""

from pathlib import Path
from typing import ClassVar

import numpy as np
from torch import Tensor
from torch.nn.functional import cross_entropy

from edsym.models.epochs import EpochTraining, fit_epochs
from edsym.models.forest.features import forest_features
from edsym.models.mlp.network import MLP, mlp_inputs
from edsym.models.torch_model import TorchModel
from edsym.spots.store import SpotLists


def fit(
    model: TorchModel,
    spots: SpotLists,
    labels: np.ndarray,
    validation: np.ndarray,
    threads: int,
    checkpoints: Path | None,
) -> None:
    """Train, see `Model.fit`."""
    fit_epochs(_Fit, MLP, model, spots, labels, validation)


class _Fit(EpochTraining):
    name: ClassVar[str] = "mlp"
    at_once: ClassVar[int] = 4096  # 26 MB

    def prepare(self) -> None:
        """Set mean and standard deviation of the inputs."""
        total = squares = 0
        for _, x in self.batches(self.training, self.at_once):
            total, squares = total + x.double().sum(0), squares + x.double().square().sum(0)
        mean = total / len(self.training)
        self.network.mean[:] = mean
        self.network.std[:] = (squares / len(self.training) - mean**2).clamp(min=0).sqrt().clamp(min=1e-3)

    def inputs(self, shown: SpotLists) -> Tensor:
        """Return the features of the forest, scaled."""
        return mlp_inputs(forest_features(shown))

    def losses(self, patterns: np.ndarray, x: Tensor, epoch: int | None) -> Tensor:
        """Return the cross-entropies of system and space group together."""
        system, group = self.network(x)
        loss = cross_entropy(system, self.system[patterns], reduction="none")
        return loss + cross_entropy(group, self.group[patterns], reduction="none")
