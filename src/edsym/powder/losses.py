"""What the networks on powder patterns minimise."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, nll_loss

from edsym.powder.model import PowderModel, smoothed
from edsym.powder.network import class_sums, members
from edsym.powder.rival_settings import PowderTransformerSettings
from edsym.powder.structured import group_features, structured_loss
from edsym.symmetry import SYSTEM_OF_GROUP
from edsym.symmetry.classes import powder_groups

# Weights of the losses of crystal system and space group beside that of the powder group.
_SYSTEM, _SPACE_GROUP = 0.5, 0.25


def loss_of(model: PowderModel) -> nn.Module:
    """Return the loss of a model: of outputs of its network, and space groups (n,) from 0."""
    if isinstance(model.settings, PowderTransformerSettings):
        return PublishedLoss(model.settings.rows)
    return AdjustedLoss(model.counts)


class AdjustedLoss(nn.Module):
    """Cross-entropies of powder group, system and space group; the prior is added to the scores."""

    def __init__(self, counts: np.ndarray):
        super().__init__()
        self.weights = (1, _SYSTEM)
        for number, index in enumerate((powder_groups().index, SYSTEM_OF_GROUP)):
            self.register_buffer(f"index{number}", torch.from_numpy(index))
            self.register_buffer(f"members{number}", members(index))
        self.register_buffer("prior", torch.from_numpy(np.log(smoothed(counts))).float())

    def forward(self, scores: Tensor, truth: Tensor) -> Tensor:
        """Return the loss of scores (n, 230) without a prior."""
        logits = scores.float() + self.prior
        total = _SPACE_GROUP * cross_entropy(logits, truth)
        log_p = logits.log_softmax(1)
        for number, weight in enumerate(self.weights):
            index, table = getattr(self, f"index{number}"), getattr(self, f"members{number}")
            total = total + weight * nll_loss(class_sums(log_p, table), index[truth])
        return total


class PublishedLoss(nn.Module):
    """Cross-entropy of the groups, as often as they are shown, and the loss of the structured heads."""

    def __init__(self, rows: str):
        super().__init__()
        self.register_buffer("index", torch.from_numpy(powder_groups().index))
        self.register_buffer("features", torch.from_numpy(group_features(rows)))

    def forward(self, found: tuple[Tensor, Tensor], truth: Tensor) -> Tensor:
        """Return the loss of logits of groups (n, 97) and of features (n, 37)."""
        groups, structured = (logits.float() for logits in found)
        group = self.index[truth]
        return cross_entropy(groups, group) + structured_loss(structured, self.features[group])
