"""The joint loss."""

from torch import Tensor
from torch.nn.functional import cross_entropy

from edsym.models.gmoe.network import Output


def joint_loss(
    output: Output, system: Tensor, spacegroup: Tensor, balance_weight: float, smoothing: float = 0.0
) -> Tensor:
    """Return CE_system + CE_spacegroup + α · load-balancing loss, averaged over the patterns.

    Parameters
    ----------
    output : Output
        Of the network for B patterns.
    system, spacegroup : Tensor
        True classes, (B,): 0 to 6 and 0 to 229.
    balance_weight : float
        α.
    smoothing : float
        Share of a label that is spread over all classes.
    """
    classes = cross_entropy(output.system, system, label_smoothing=smoothing)
    classes = classes + cross_entropy(output.spacegroup, spacegroup, label_smoothing=smoothing)
    return classes + balance_weight * output.balance
