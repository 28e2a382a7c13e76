"""Settings of the training: the section ``training`` of the configuration."""

from typing import ClassVar, Literal

from pydantic import field_validator

from edsym.settings import MAX_SEED, Settings, setting


class TrainingSettings(Settings):
    """Training of the network."""

    section: ClassVar = "training"

    epochs: int = setting(30, "epochs", ge=1, le=10_000)
    """Passes over the training patterns, at most; the learning rate reaches zero at their end."""
    batch_size: int = setting(256, "patterns", ge=1, le=65_536)
    """Patterns of one batch on one device."""
    accumulation: int = setting(1, "batches", ge=1, le=1024)
    """Batches whose gradients are added up before a step."""
    learning_rate: float = setting(0.0005, gt=0, le=1)
    """Largest learning rate, reached after the warm-up and lowered along a cosine (AdamW)."""
    weight_decay: float = setting(0.01, ge=0, le=1)
    """Weight decay of AdamW; on matrices only."""
    warmup_fraction: float = setting(0.05, ge=0, le=1)
    """Share of the steps over which the learning rate rises."""
    balance_weight: float = setting(0.01, ge=0, le=10)
    """Weight α of the Switch load-balancing loss."""
    gradient_clip: float = setting(1.0, gt=0, le=1_000_000)
    """Largest norm of the gradient; longer ones are scaled to it."""
    label_smoothing: float = setting(0.0, ge=0, lt=1)
    """Share of a label that is spread over all classes in training."""
    class_balance: float = setting(0.0, ge=0, le=1)
    """A pattern's loss weighs count^-class_balance of the patterns of its class: with 0 all patterns weigh
    the same, with 1 all classes. For crystal systems and space groups each."""
    averaging: float = setting(0.0, ge=0, lt=1)
    """Decay, a step, of the moving average of weights that is validated and saved; 0, none is made."""
    augmentation: Literal["none", "rotation", "mirror"] = setting("none")
    """What is done to a pattern each time it is trained on: `rotation` turns it by a random angle, `mirror`
    turns it and reflects it every other time."""
    precision: Literal["auto", "32", "bf16", "16"] = setting("auto", "bit")
    """Arithmetic of training and prediction; `auto` is bf16 mixed on a GPU and 32 bit on a CPU."""
    patience: int = setting(5, "epochs", ge=1, le=10_000)
    """Epochs without a lower validation loss after which training stops."""
    validation_fraction: float = setting(0.1, gt=0, lt=1)
    """Share of the training materials that validate."""
    devices: int = setting(1, "devices", ge=1, le=64)
    """GPUs of a node (or processes on a CPU) that train in data parallel. Each takes whole batches, so that n
    devices step like one with n times the accumulation."""
    nodes: int = setting(1, "nodes", ge=1, le=1024)
    """Nodes with so many devices each; more than one takes a cluster."""
    checkpoint_minutes: float = setting(10, "min", gt=0, le=10_000, operational=True)
    """Time between checkpoints within an epoch. One is written after each epoch too, and at once when the job
    is told to end (SIGTERM)."""
    threads: int = setting(8, "threads", ge=1, le=256)
    """CPU threads of the arithmetic. Fixed here rather than taken from the job, since sums in another order
    give other last digits."""
    seed: int = setting(0, ge=0, le=MAX_SEED)
    """Seed of the initial weights, of the order of patterns and of dropout."""

    @field_validator("precision", mode="before")
    @classmethod
    def _number_or_name(cls, value):
        return str(value) if type(value) is int else value  # YAML reads 32 as a number
