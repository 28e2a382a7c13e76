"""The settings of the perceptron: the section `mlp` of the configuration."""

from dataclasses import dataclass


@dataclass(frozen=True)
class MLPSettings:
    """Sizes and training of the perceptron.

    Attributes
    ----------
    hidden : tuple of int
        Channels of the hidden layers.
    dropout : float
        Share of the channels of each hidden layer dropped while training.
    epochs : int
        Passes over the training patterns; the weights of the one with the lowest validation loss are kept.
    batch_size : int
        Patterns a step.
    learning_rate, weight_decay : float
        Of AdamW; the rate rises and falls in one cycle.
    validation_fraction : float
        Share of the training materials on which the loss is validated.
    threads : int
        Threads of the process. In the configuration, since sums depend on it.
    seed : int
        Of weights, order, dropout and the choice of validation materials.
    """

    hidden: tuple[int, ...]
    dropout: float
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    validation_fraction: float
    threads: int
    seed: int

    def __post_init__(self):
        object.__setattr__(self, "hidden", tuple(self.hidden))
