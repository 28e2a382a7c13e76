"""What a network answers."""

from typing import NamedTuple

from torch import Tensor


class Output(NamedTuple):
    """Logits of crystal system (B, 7) and space group (B, 230), and the load-balancing loss.

    The loss is the sum over all mixtures of experts, each 1 when its experts share the spots evenly.
    """

    system: Tensor
    spacegroup: Tensor
    balance: Tensor
