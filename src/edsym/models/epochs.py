"""Training of small networks: a detector shows spots anew in each epoch, and the best epoch is kept."""

from collections.abc import Iterator
from copy import deepcopy
from typing import ClassVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from tqdm import tqdm

from edsym.detector.detect import detect
from edsym.detector.levels import Detector
from edsym.models.torch_model import TorchModel
from edsym.seeds import generator, stable_hash
from edsym.spots.store import SpotLists
from edsym.symmetry import system_index
from edsym.training.precision import compute_threads


class EpochTraining:
    """A training: the data, the optimiser, and the best weights so far.

    A kind of network says what it sees of spots (`inputs`) and what an answer costs (`losses`); its settings
    have `seed`, `epochs`, `batch_size`, `learning_rate`, `weight_decay` and `threads`.

    Parameters
    ----------
    network : nn.Module
        With its settings as an attribute.
    spots, groups, validates, detector
        Of `Model.fit`: patterns, their space groups from 1, which of them validate, and what shows them.
    """

    name: ClassVar[str]
    """Name of the kind, as in the settings; all that is drawn hangs on it."""
    at_once: ClassVar[int]
    """Patterns whose inputs are held at once where no gradient is wanted."""

    def __init__(
        self,
        network: nn.Module,
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
        self.prepare()

    def prepare(self) -> None:
        """Set what the network takes from its training patterns."""
        raise NotImplementedError

    def inputs(self, shown: SpotLists) -> Tensor:
        """Return what the network sees of patterns, one after the other along the first axis."""
        raise NotImplementedError

    def losses(self, patterns: np.ndarray, x: Tensor, epoch: int | None) -> Tensor:
        """Return the loss of each pattern (P,) in an epoch; None is of validation."""
        raise NotImplementedError

    def run(self) -> None:
        """Train all epochs, and go back to the best."""
        for epoch in tqdm(range(self.network.settings.epochs), desc=self.name, unit="epoch"):
            self._train(epoch)
            loss = self._validate()
            if not self.rows or loss < min(row["val_loss"] for row in self.rows):
                self.best = deepcopy(self.network.state_dict())
            self.rows.append({"epoch": epoch, "val_loss": loss})
        self.network.load_state_dict(self.best)

    def batches(self, patterns: np.ndarray, size: int, draw: int = 0) -> Iterator[tuple[np.ndarray, Tensor]]:
        """Yield patterns, so many at once, and what a draw of the detector shows of them."""
        for chunk in np.split(patterns, np.arange(size, len(patterns), size)):
            shown = detect(self.spots.take(chunk), self.detector, self.network.settings.seed, draw)
            yield chunk, self.inputs(shown)

    def _train(self, epoch: int) -> None:
        settings = self.network.settings
        self.network.train()
        order = generator(settings.seed, self.name, epoch).permutation(self.training)
        for patterns, x in self.batches(order, settings.batch_size, epoch + 1):
            self.optimizer.zero_grad()
            self.losses(patterns, x, epoch).mean().backward()
            self.optimizer.step()
            self.schedule.step()

    @torch.no_grad()
    def _validate(self) -> float:
        self.network.eval()
        batches = self.batches(self.validation, self.at_once)
        total = sum(float(self.losses(patterns, x, None).sum()) for patterns, x in batches)
        return total / len(self.validation)


def fit_epochs(
    kind: type[EpochTraining],
    network: type[nn.Module],
    model: TorchModel,
    spots: SpotLists,
    labels: np.ndarray,
    validation: np.ndarray,
) -> None:
    """Train a network of a kind, see `Model.fit`; threads are those of its settings, on which sums depend."""
    settings = model.settings[kind.name]
    with compute_threads(settings.threads), torch.random.fork_rng():
        torch.manual_seed(stable_hash(kind.name, settings.seed) % 2**63)
        training = kind(network(settings), spots, labels, validation, model.detector)
        training.run()
    model.keep(training.network, pd.DataFrame(training.rows), validation)
