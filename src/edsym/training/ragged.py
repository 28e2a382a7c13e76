"""Ragged batches: the spots of several patterns one after another.

torch-geometric has such a class; but to load that package takes longer than to load torch and answer.
"""

from dataclasses import dataclass
from typing import Self

from torch import Tensor


@dataclass
class Batch:
    """The spots of several patterns.

    Attributes
    ----------
    x : (S, 3) tensor
        Spots as [qx, qy, I] (1/Å, 1/Å, incident beam = 1).
    batch : (S,) tensor of int
        The pattern of each spot, as its place in the batch: from 0, without steps back.
    ptr : (B + 1,) tensor of int
        The first spot of each pattern, and the number of spots.
    pattern : (B,) tensor of int
        Which patterns of a data set these are.
    system, spacegroup : (B,) tensors of int or None
        Their classes where they are known, indices from 0.
    """

    x: Tensor
    batch: Tensor
    ptr: Tensor
    pattern: Tensor
    system: Tensor | None = None
    spacegroup: Tensor | None = None

    def __len__(self) -> int:
        return len(self.pattern)

    def to(self, device) -> Self:
        """Return the batch on a device; Lightning asks for this, too."""
        values = vars(self).items()
        return type(self)(**{name: None if value is None else value.to(device) for name, value in values})
