"""The joint loss."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from edsym.training.output import Output


def joint_loss(
    output: Output,
    system: Tensor,
    spacegroup: Tensor,
    balance_weight: float,
    smoothing: float = 0.0,
    weights: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Return CE_system + CE_spacegroup + α · load-balancing loss, averaged over the patterns.

    Parameters
    ----------
    output : Output
        Of the network for B patterns.
    system, spacegroup : Tensor
        True classes, (B,): 0 to 6 and 0 to 229.
    balance_weight : float
        α.
    smoothing : float
        Share of a label that is spread over all classes.
    weights : (Tensor, Tensor), optional
        Of patterns of each crystal system (7,) and space group (230,); without, all weigh 1.
    """
    parts = ((output.system, system), (output.spacegroup, spacegroup))
    losses = [cross_entropy(*part, label_smoothing=smoothing, reduction="none") for part in parts]
    if weights:
        losses = [loss * w[truth] for loss, w, (_, truth) in zip(losses, weights, parts, strict=True)]
    return sum(loss.mean() for loss in losses) + balance_weight * output.balance


def class_weights(classes: np.ndarray, n_classes: int, power: float) -> Tensor:
    """Return weights (n_classes,) proportional to count^-power, with mean 1 over the patterns.

    Parameters
    ----------
    classes : (P,) array of int
        True classes of the training patterns. One that does not occur weighs 1.
    power : float
        0: all patterns weigh the same; 1: all classes do.
    """
    counts = np.bincount(classes, minlength=n_classes)
    weights = counts.clip(min=1.0) ** -power
    weights *= len(classes) / (weights * counts).sum()
    return torch.from_numpy(np.where(counts, weights, 1.0).astype(np.float32))
