"""Settings of the opinion fusion: the section ``mvof`` of the configuration."""

from typing import Annotated, ClassVar

from pydantic import Field

from edsym.settings import MAX_SEED, Settings, setting


class MVOFSettings(Settings):
    """MVOF-ML, multiview opinion fusion (PNAS 2023), as a rival."""

    section: ClassVar = "mvof"

    spots: int = setting(64, "spots", ge=8, le=4096)
    """Spots of a pattern that are read, the brightest."""
    channels: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = setting(
        (32, 64, 128), "channels", min_length=1, strict=False
    )
    """Channels of the convolutions along each order of the spots."""
    kernel: int = setting(5, "spots", ge=1, le=63)
    """Width of the convolutions."""
    hidden: int = setting(128, "channels", ge=1, le=16_384)
    """Channels of the hidden layer above the three orders."""
    dropout: float = setting(0.2, ge=0, lt=1)
    """Share of these channels set to zero in training."""
    epochs: int = setting(10, "epochs", ge=1, le=10_000)
    """Passes over the training patterns; the weights of the best one on the validation part are kept."""
    penalty: float = setting(0.03, ge=0, le=100)
    """Weight of the penalty of evidence for wrong classes. With 1, as where it was proposed, no evidence is
    left where patterns tell little, and all answers are alike."""
    annealing: int = setting(10, "epochs", ge=1, le=10_000)
    """Epochs in which this weight grows from 0."""
    batch_size: int = setting(256, "patterns", ge=1, le=65_536)
    """Patterns a step."""
    learning_rate: float = setting(0.002, gt=0, le=1)
    """Largest learning rate (AdamW, one cycle)."""
    weight_decay: float = setting(0.01, ge=0, le=1)
    """Weight decay of AdamW."""
    uncertainty: float = setting(0.1, ge=0, le=1)
    """Views are fused, one after another, until the uncertainty is below this."""
    validation_fraction: float = setting(0.1, gt=0, lt=1)
    """Share of the training materials that validate."""
    threads: int = setting(8, "threads", ge=1, le=256)
    """CPU threads of the arithmetic; fixed here, as those of the network."""
    seed: int = setting(0, ge=0, le=MAX_SEED)
    """Seed of the weights, of the order of patterns, of dropout and of the validation part."""
