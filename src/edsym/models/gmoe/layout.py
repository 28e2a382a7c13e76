"""Ragged and dense forms of a batch: spots one after another, or padded to the largest pattern."""

from dataclasses import dataclass

import torch
from torch import Tensor

from edsym.training.ragged import Batch


@dataclass(frozen=True)
class Layout:
    """Where each spot of a ragged batch stands in the dense form.

    What acts on single spots works on the ragged form (S, channels) and never sees padding; only
    attention, which acts on pairs, needs the dense form (B, N, channels).
    """

    mask: Tensor

    @classmethod
    def of(cls, points: Batch) -> "Layout":
        """Return the layout of a batch; its patterns must stand one after another."""
        sizes = points.ptr.diff()
        return cls(torch.arange(int(sizes.max()), device=sizes.device) < sizes[:, None])

    def dense(self, ragged: Tensor) -> Tensor:
        """Return (S, channels) as (B, N, channels), zero where there is no spot."""
        dense = ragged.new_zeros((*self.mask.shape, *ragged.shape[1:]))
        dense[self.mask] = ragged
        return dense

    def ragged(self, dense: Tensor) -> Tensor:
        """Return (B, N, channels) as (S, channels)."""
        return dense[self.mask]
