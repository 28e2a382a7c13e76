"""Training of the perceptron."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from edsym.detector.detect import detect
from edsym.detector.levels import Detector
from edsym.models.forest.features import forest_features
from edsym.models.mlp.network import MLP, mlp_inputs
from edsym.models.torch_model import TorchModel
from edsym.seeds import generator, stable_hash
from edsym.spots.store import SpotLists
from edsym.symmetry import system_index
from edsym.training.precision import compute_threads

# Patterns whose inputs are held at once where no gradient is wanted: 26 MB.
_PATTERNS_AT_ONCE = 4096


def fit(
    model: TorchModel,
    spots: SpotLists,
    labels: np.ndarray,
    validation: np.ndarray,
    threads: int,
    checkpoints: Path | None,
) -> None:
    """Train, see `Model.fit`; `threads` are those of the settings, on which sums depend."""
    settings = model.settings["mlp"]
    with compute_threads(settings.threads), torch.random.fork_rng():
        torch.manual_seed(stable_hash("mlp", settings.seed) % 2**63)
        training = _Fit(MLP(settings), spots, labels, validation, model.detector)
        training.run()
    model.keep(training.network, pd.DataFrame(training.rows), validation)


class _Fit:
    """A training: the data, the optimiser, and the best weights so far."""

    def __init__(
        self,
        network: MLP,
        spots: SpotLists,
        groups: np.ndarray,
        validates: np.ndarray,
        detector: Detector,
    ):
        self.network, self.spots, self.detector = network, spots, detector
        self.system = torch.from_numpy(system_index(groups).astype(np.int64))
        self.group = torch.from_numpy(groups.astype(np.int64) - 1)
        self.training, self.validation = np.flatnonzero(~validates), np.flatnonzero(validates)
        settings = network.settings
        self.optimizer = torch.optim.AdamW(
            network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
        )
        steps = settings.epochs * -(-len(self.training) // settings.batch_size)
        # A cycle has two steps at least, in the class that torch offers.
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, settings.learning_rate, max(steps, 2)
        )
        self.best, self.rows = None, []

    def run(self) -> None:
        """Train all epochs, and go back to the best."""
        self._measure()
        for epoch in tqdm(range(self.network.settings.epochs), desc="perceptron", unit="epoch"):
            self._train(epoch)
            loss = self._validate()
            if not self.rows or loss < min(row["val_loss"] for row in self.rows):
                self.best = deepcopy(self.network.state_dict())
            self.rows.append({"epoch": epoch, "val_loss": loss})
        self.network.load_state_dict(self.best)

    def _measure(self) -> None:
        """Set mean and standard deviation of the inputs."""
        total = squares = 0
        for _, x in self._inputs(self.training, _PATTERNS_AT_ONCE):
            total, squares = total + x.double().sum(0), squares + x.double().square().sum(0)
        mean = total / len(self.training)
        self.network.mean[:] = mean
        self.network.std[:] = (squares / len(self.training) - mean**2).clamp(min=0).sqrt().clamp(min=1e-3)

    def _train(self, epoch: int) -> None:
        self.network.train()
        order = generator(self.network.settings.seed, "mlp", epoch).permutation(self.training)
        for patterns, x in self._inputs(order, self.network.settings.batch_size, epoch + 1):
            self.optimizer.zero_grad()
            self._loss(patterns, x, "mean").backward()
            self.optimizer.step()
            self.schedule.step()

    @torch.no_grad()
    def _validate(self) -> float:
        self.network.eval()
        batches = self._inputs(self.validation, _PATTERNS_AT_ONCE)
        return sum(float(self._loss(patterns, x, "sum")) for patterns, x in batches) / len(self.validation)

    def _loss(self, patterns: np.ndarray, x: Tensor, reduction: str) -> Tensor:
        system, group = self.network(x)
        loss = cross_entropy(system, self.system[patterns], reduction=reduction)
        return loss + cross_entropy(group, self.group[patterns], reduction=reduction)

    def _inputs(self, patterns: np.ndarray, size: int, draw: int = 0) -> Iterator[tuple[np.ndarray, Tensor]]:
        """Yield patterns, so many at once, and what a draw of the detector shows of them."""
        for chunk in np.split(patterns, np.arange(size, len(patterns), size)):
            shown = detect(self.spots.take(chunk), self.detector, self.network.settings.seed, draw)
            yield chunk, mlp_inputs(forest_features(shown))
