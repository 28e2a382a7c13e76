"""Ragged and dense forms of a batch: spots one after another, or padded to the largest pattern."""

from dataclasses import dataclass

from torch import Tensor
from torch_geometric.data import Batch
from torch_geometric.utils import to_dense_batch


@dataclass(frozen=True)
class Layout:
    """Where each spot of a ragged batch stands in the dense form.

    What acts on single spots works on the ragged form (S, channels) and never sees padding; only
    attention, which acts on pairs, needs the dense form (B, N, channels).
    """

    batch: Tensor
    mask: Tensor

    @classmethod
    def of(cls, points: Batch) -> "Layout":
        """Return the layout of a batch; its patterns must stand one after another."""
        sizes = points.ptr.diff()
        _, mask = to_dense_batch(
            points.x, points.batch, max_num_nodes=int(sizes.max()), batch_size=len(sizes)
        )
        return cls(points.batch, mask)

    def dense(self, ragged: Tensor) -> Tensor:
        """Return (S, channels) as (B, N, channels), zero where there is no spot."""
        patterns, largest = self.mask.shape
        return to_dense_batch(ragged, self.batch, max_num_nodes=largest, batch_size=patterns)[0]

    def ragged(self, dense: Tensor) -> Tensor:
        """Return (B, N, channels) as (S, channels)."""
        return dense[self.mask]
