"""The settings of the training: the section `training` of the configuration."""

from dataclasses import dataclass

import torch

from edsym.errors import InputError
from edsym.training.augmentation import AUGMENTATIONS

# Names of the configuration and what Lightning calls them.
_LIGHTNING = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}
PRECISIONS = ("auto", *_LIGHTNING)


def lightning_precision(precision: str) -> str:
    """Return what Lightning calls a precision of the configuration; `auto` depends on the device."""
    return _LIGHTNING.get(precision, "bf16-mixed" if torch.cuda.is_available() else "32-true")


@dataclass(frozen=True)
class TrainingSettings:
    """How the network is trained.

    Attributes
    ----------
    epochs : int
        Most passes over the training patterns; the learning rate reaches zero at their end.
    batch_size : int
        Patterns a device sees at once.
    accumulation : int
        Batches whose gradients are summed up before a step.
    learning_rate : float
        Largest learning rate, after the warm-up (AdamW).
    weight_decay : float
        Of AdamW; on matrices only.
    warmup_fraction : float
        Share of all steps in which the learning rate rises from zero.
    balance_weight : float
        α, the weight of the load-balancing loss.
    gradient_clip : float
        Largest norm of the gradient; longer ones are scaled to it.
    label_smoothing : float
        Share of a label that is spread over all classes while training.
    class_balance : float
        A pattern's loss weighs count^-class_balance, of the patterns of its class: 0, all patterns weigh the
        same, to 1, all classes do. For crystal systems and space groups each.
    averaging : float
        Decay, a step, of the moving average of weights that is validated and saved; 0: none is made.
    augmentation : str
        What is done to a training pattern each time it is seen: ``none``, ``rotation`` by a random
        angle, or ``mirror``: rotation and, every other time, a reflection.
    precision : str
        ``32``, ``bf16``, ``16``, or ``auto``: bf16 on a GPU, 32 elsewhere. Of prediction as well.
    patience : int
        Training stops after this many epochs without a lower validation loss.
    validation_fraction : float
        Share of the training materials on which the loss is validated.
    devices : int
        Devices of a node, data parallel. Each takes whole batches: n devices step like one with n times the
        accumulation.
    nodes : int
        Nodes with so many devices each.
    checkpoint_minutes : float
        Time between checkpoints within an epoch.
    threads : int
        Threads of a device's process. In the configuration, since sums depend on it.
    seed : int
        Of weights, order, dropout and the choice of validation materials.
    """

    epochs: int
    batch_size: int
    accumulation: int
    learning_rate: float
    weight_decay: float
    warmup_fraction: float
    balance_weight: float
    gradient_clip: float
    label_smoothing: float
    class_balance: float
    averaging: float
    augmentation: str
    precision: str
    patience: int
    validation_fraction: float
    devices: int
    nodes: int
    checkpoint_minutes: float
    threads: int
    seed: int

    def __post_init__(self):
        object.__setattr__(self, "precision", str(self.precision))
        if self.precision not in PRECISIONS:
            names = ", ".join(PRECISIONS)
            raise InputError(f"training.precision is {self.precision!r}: it must be one of {names}")
        if self.augmentation not in AUGMENTATIONS:
            names = ", ".join(AUGMENTATIONS)
            raise InputError(f"training.augmentation is {self.augmentation!r}: it must be one of {names}")
        if not 0 < self.validation_fraction < 1:
            raise InputError(
                f"training.validation_fraction is {self.validation_fraction}: it must be between 0 and 1"
            )
