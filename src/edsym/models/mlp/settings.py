"""Settings of the perceptron: the section ``mlp`` of the configuration."""

from typing import Annotated, ClassVar

from pydantic import Field

from edsym.settings import MAX_SEED, Settings, setting


class MLPSettings(Settings):
    """A plain multilayer perceptron on the features of the forest, for comparison."""

    section: ClassVar = "mlp"

    hidden: tuple[Annotated[int, Field(ge=1, le=16_384)], ...] = setting(
        (768, 768, 768), "channels", min_length=1, strict=False
    )
    """Channels of the hidden layers."""
    dropout: float = setting(0.3, ge=0, lt=1)
    """Share of the channels of each hidden layer set to zero in training."""
    epochs: int = setting(10, "epochs", ge=1, le=10_000)
    """Passes over the training patterns; the weights of the best one on the validation part are kept."""
    batch_size: int = setting(512, "patterns", ge=1, le=65_536)
    """Patterns a step."""
    learning_rate: float = setting(0.001, gt=0, le=1)
    """Largest learning rate (AdamW, one cycle)."""
    weight_decay: float = setting(0.01, ge=0, le=1)
    """Weight decay of AdamW."""
    validation_fraction: float = setting(0.1, gt=0, lt=1)
    """Share of the training materials that validate."""
    threads: int = setting(8, "threads", ge=1, le=256)
    """CPU threads of the arithmetic; fixed here, as those of the network."""
    seed: int = setting(0, ge=0, le=MAX_SEED)
    """Seed of the weights, of the order of patterns, of dropout and of the validation part."""
