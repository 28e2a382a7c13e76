"""Training of the opinion fusion."""

from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from edsym.models.epochs import EpochTraining, fit_epochs
from edsym.models.mvof.network import OpinionNetwork, group_shares, spot_sequences
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
    fit_epochs(_Fit, OpinionNetwork, model, spots, labels, validation)


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


class _Fit(EpochTraining):
    name: ClassVar[str] = "mvof"
    at_once: ClassVar[int] = 1024  # 4 MB

    def prepare(self) -> None:
        """Set the shares of the space groups in their systems."""
        self.network.group_share[:] = group_shares(self.group[self.training].numpy() + 1)

    def inputs(self, shown: SpotLists) -> Tensor:
        """Return the sequences of spots."""
        return spot_sequences(shown, self.network.settings.spots)

    def losses(self, patterns: np.ndarray, x: Tensor, epoch: int | None) -> Tensor:
        """Return the evidential loss; the penalty grows over epochs, and validation is without it."""
        settings = self.network.settings
        grown = 0.0 if epoch is None else min(1.0, epoch / settings.annealing)
        return evidential_loss(self.network(x), self.system[patterns], settings.penalty * grown)
