"""Settings of the lattice network: the section ``cell`` of the configuration."""

from typing import Annotated, ClassVar

from pydantic import Field

from edsym.settings import MAX_SEED, Settings, setting


class CellSettings(Settings):
    """A network on the lattices that the lattice finder finds in the patterns, beyond the paper."""

    section: ClassVar = "cell"

    energy_kev: float = setting(300.0, "keV", ge=10, le=1500)
    """Energy of the electrons: that of the simulation."""
    patterns: int = setting(4, "patterns", ge=1, le=10_000)
    """Patterns of each training material whose lattices are looked for one by one, the first ones: each as it
    is and as the detector shows it."""
    sets: float = setting(0.1, ge=0, le=1)
    """Share of the training materials, of which several views are read together besides."""
    set_views: tuple[Annotated[int, Field(ge=2, le=1000)], ...] = setting(
        (2, 3, 4, 6, 10), "patterns", min_length=1, strict=False
    )
    """How many views are read together in training: one of these numbers a material."""
    width: int = setting(256, "channels", ge=1, le=16_384)
    """Channels that a lattice is encoded in."""
    hidden: int = setting(512, "channels", ge=1, le=16_384)
    """Channels of the two hidden layers above."""
    dropout: float = setting(0.3, ge=0, lt=1)
    """Share of these channels set to zero in training."""
    epochs: int = setting(10, "epochs", ge=1, le=10_000)
    """Passes over the found lattices; the weights of the best one on the validation part are kept."""
    batch_size: int = setting(512, "lattices", ge=1, le=65_536)
    """Answers of the finder a step."""
    learning_rate: float = setting(0.002, gt=0, le=1)
    """Largest learning rate (AdamW, one cycle)."""
    weight_decay: float = setting(0.02, ge=0, le=1)
    """Weight decay of AdamW."""
    scale_error: float = setting(0.01, ge=0, le=0.2)
    """Standard deviation of the logarithm by which all lengths are scaled, anew in every epoch: patterns do
    not tell the scale of their detector."""
    validation_fraction: float = setting(0.1, gt=0, lt=1)
    """Share of the training materials that validate."""
    threads: int = setting(8, "threads", ge=1, le=256)
    """Processes that look for lattices, and threads of the network's arithmetic; fixed here, as those of the
    network."""
    seed: int = setting(0, ge=0, le=MAX_SEED)
    """Seed of the weights, of sets of views, of scales and strains, of dropout and of the validation part."""
