"""Settings of the networks on powder patterns that stand beside the perceptron."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from edsym.powder.settings import TrainingSettings
from edsym.settings import setting


def _uneven_heads(settings) -> Iterator[str]:
    """Yield what is wrong with a width that heads cannot share."""
    if settings.width % settings.heads:
        yield (
            f"{settings.section}.width: {settings.width} is not allowed; it must be a multiple of "
            f"{settings.section}.heads, {settings.heads}"
        )


class _RivalSettings(TrainingSettings):
    """What the training of networks has that see fewer patterns in the time than the perceptron."""

    epochs: int = setting(100, "epochs", ge=1, le=100_000)
    """Passes over the training materials, or parts of them by `patterns`; the best is kept."""
    batch_size: int = setting(128, "patterns", ge=2, le=65_536)
    """Patterns a step."""
    patterns: int = setting(0, "patterns", ge=0, le=10_000_000)
    """Patterns of an epoch, of materials drawn by lot; 0 is one of each training material."""

    @property
    def patterns_an_epoch(self) -> int | None:
        """Patterns of an epoch; None is one of each training material."""
        return self.patterns or None


class PowderTransformerSettings(_RivalSettings):
    """The published transformer on powder patterns, which stands beside the perceptron."""

    section: ClassVar = "powder_transformer"

    patch: int = setting(25, "points", ge=1, le=1000)
    """Points of 0.01° of a token."""
    width: int = setting(128, "channels", ge=4, le=4096)
    """Channels of a token."""
    depth: int = setting(4, "blocks", ge=1, le=100)
    """Blocks of attention and perceptron."""
    heads: int = setting(4, "heads", ge=1, le=64)
    """Heads of attention; the width is a multiple of them."""
    weight_decay: float = setting(0.0001, ge=0, le=1)
    """Weight decay of AdamW."""
    uniform_fraction: float = setting(0.4, "of the epochs", ge=0, le=1)
    """Share of the epochs, the first ones, that show clean patterns with all powder groups alike."""
    rows: Literal["true", "released"] = setting("true")
    """Features that the structured heads are taught: those of the groups, or the wrong ones that the first
    released code had."""

    def _contradictions(self) -> Iterator[str]:
        yield from _uneven_heads(self)

    @property
    def uniform_epochs(self) -> int:
        """First epochs, of clean patterns with all powder groups alike."""
        return round(self.uniform_fraction * self.epochs)


class PowderConvNextSettings(_RivalSettings):
    """ConvNeXt on the profiles of powder patterns, which stands beside the perceptron."""

    section: ClassVar = "powder_convnext"

    widths: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = setting(
        (32, 64, 128), "channels", min_length=1, strict=False
    )
    """Channels of the stages; each has a quarter of the points of the one before, the first of the bins."""
    depths: tuple[Annotated[int, Field(ge=0, le=100)], ...] = setting(
        (2, 2, 2), "blocks", min_length=1, strict=False
    )
    """Blocks of the stages, as many numbers as widths."""
    coordinate: bool = setting(True)
    """Whether sin² θ stands beside the profile: convolutions alone do not know where they are."""
    dropout: float = setting(0.1, ge=0, lt=1)
    """Share of the channels before the head set to zero in training."""

    def _contradictions(self) -> Iterator[str]:
        if len(self.widths) != len(self.depths):
            yield (
                f"powder_convnext.depths: {len(self.depths)} numbers are not allowed; there must be as many "
                f"as powder_convnext.widths has, {len(self.widths)}"
            )


class PowderPeaksSettings(_RivalSettings):
    """The transformer over the peaks of powder patterns, which stands beside the perceptron."""

    section: ClassVar = "powder_peaks"

    peaks: int = setting(64, "peaks", ge=4, le=512)
    """Highest peaks of a pattern that are read."""
    pair_bins: int = setting(512, "bins", ge=8, le=16_384)
    """Bins of each of the two quantities of pairs, ln(Qi/Qj) and Qi² - Qj²."""
    width: int = setting(96, "channels", ge=4, le=4096)
    """Channels of a peak."""
    depth: int = setting(3, "blocks", ge=1, le=100)
    """Blocks of attention and perceptron."""
    heads: int = setting(4, "heads", ge=1, le=64)
    """Heads of attention; the width is a multiple of them."""
    dropout: float = setting(0.1, ge=0, lt=1)
    """Share of the channels before the head set to zero in training."""

    def _contradictions(self) -> Iterator[str]:
        yield from _uneven_heads(self)
