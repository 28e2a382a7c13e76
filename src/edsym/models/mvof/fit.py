"""Training of the opinion fusion."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from edsym.detector.detect import detect
from edsym.detector.levels import Detector
from edsym.models.mvof.network import OpinionNetwork, group_shares, spot_sequences
from edsym.models.torch_model import TorchModel
from edsym.seeds import generator, stable_hash
from edsym.spots.store import SpotLists
from edsym.symmetry import system_index
from edsym.training.precision import compute_threads

# Patterns whose sequences are held at once where no gradient is wanted: 4 MB.
_PATTERNS_AT_ONCE = 1024


def fit(
    model: TorchModel,
    spots: SpotLists,
    labels: np.ndarray,
    validation: np.ndarray,
    threads: int,
    checkpoints: Path | None,
) -> None:
    """Train, see `Model.fit`; `threads` are those of the settings, on which sums depend."""
    settings = model.settings["mvof"]
    with compute_threads(settings.threads), torch.random.fork_rng():
        torch.manual_seed(stable_hash("mvof", settings.seed) % 2**63)
        training = _Fit(OpinionNetwork(settings), spots, labels, validation, model.detector)
        training.run()
    model.keep(training.network, pd.DataFrame(training.rows), validation)


def evidential_loss(evidence: Tensor, truth: Tensor, penalty: float) -> Tensor:
    """Return the loss of each pattern, (P,).

    The mean cross-entropy under the Dirichlet distribution of α = e + 1, ψ(S) − ψ(α_y), and the divergence
    KL(Dir(α̃) ‖ Dir(1)) of what evidence there is for wrong classes, α̃ = α but 1 for the true class y.

    Parameters
    ----------
    evidence : (P, K) tensor
        Evidence of the classes.
    truth : (P,) tensor of int
        True classes y.
    penalty : float
        Weight of the divergence.

    Notes
    -----
    M. Sensoy, L. Kaplan & M. Kandemir, NeurIPS 2018, equations 4 and 6.
    """
    alpha = evidence + 1
    own = torch.nn.functional.one_hot(truth, alpha.shape[1]).bool()
    entropy = torch.digamma(alpha.sum(1)) - torch.digamma(alpha[own])
    wrong = alpha.masked_fill(own, 1.0)
    total = wrong.sum(1, keepdim=True)
    classes = torch.tensor(float(alpha.shape[1]))
    divergence = total[:, 0].lgamma() - classes.lgamma() - wrong.lgamma().sum(1)
    divergence = divergence + ((wrong - 1) * (wrong.digamma() - total.digamma())).sum(1)
    return entropy + penalty * divergence


class _Fit:
    """A training: the data, the optimiser, and the best weights so far."""

    def __init__(
        self,
        network: OpinionNetwork,
        spots: SpotLists,
        groups: np.ndarray,
        validates: np.ndarray,
        detector: Detector,
    ):
        self.network, self.spots, self.detector = network, spots, detector
        self.system = torch.from_numpy(system_index(groups).astype(np.int64))
        self.training, self.validation = np.flatnonzero(~validates), np.flatnonzero(validates)
        network.group_share[:] = group_shares(groups[self.training])
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
        """Train all epochs, and go back to the best: that of the least loss without the penalty."""
        for epoch in tqdm(range(self.network.settings.epochs), desc="opinion fusion", unit="epoch"):
            self._train(epoch)
            loss = self._validate()
            if not self.rows or loss < min(row["val_loss"] for row in self.rows):
                self.best = deepcopy(self.network.state_dict())
            self.rows.append({"epoch": epoch, "val_loss": loss})
        self.network.load_state_dict(self.best)

    def _train(self, epoch: int) -> None:
        settings = self.network.settings
        self.network.train()
        order = generator(settings.seed, "mvof", epoch).permutation(self.training)
        penalty = settings.penalty * min(1.0, epoch / settings.annealing)
        for patterns, sequences in self._inputs(order, settings.batch_size, epoch + 1):
            self.optimizer.zero_grad()
            evidential_loss(self.network(sequences), self.system[patterns], penalty).mean().backward()
            self.optimizer.step()
            self.schedule.step()

    @torch.no_grad()
    def _validate(self) -> float:
        self.network.eval()
        losses = (
            evidential_loss(self.network(sequences), self.system[patterns], 0.0).sum()
            for patterns, sequences in self._inputs(self.validation, _PATTERNS_AT_ONCE)
        )
        return float(sum(losses)) / len(self.validation)

    def _inputs(self, patterns: np.ndarray, size: int, draw: int = 0) -> Iterator[tuple[np.ndarray, Tensor]]:
        """Yield patterns, so many at once, and what a draw of the detector shows of them."""
        settings = self.network.settings
        for chunk in np.split(patterns, np.arange(size, len(patterns), size)):
            shown = detect(self.spots.take(chunk), self.detector, settings.seed, draw)
            yield chunk, spot_sequences(shown, settings.spots)
