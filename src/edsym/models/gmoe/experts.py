"""The shared-expert mixture of experts."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from edsym.models.gmoe.settings import NetworkSettings

# Experts compute so many rows or a multiple of it: each new number costs oneDNN a new kernel, which takes
# longer than some more rows.
_ROWS = 32


class Expert(nn.Module):
    """A SwiGLU network: W2 [SiLU(W1 x) ⊙ W3 x]."""

    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.w1_w3 = nn.Linear(width, 2 * hidden, bias=False)
        self.w2 = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (S, width) of (S, width)."""
        gate, value = self.w1_w3(x).chunk(2, dim=-1)
        return self.w2(functional.silu(gate) * value)


class ExpertMixture(nn.Module):
    """The `top_k` most probable of `experts` local experts, and one expert shared by all.

    g = W_gate x, p = softmax(g), y = Σ_{top-k} p_k expert_k(x), z = y + shared(x).
    """

    def __init__(self, settings: NetworkSettings):
        super().__init__()
        self.top_k = settings.top_k
        if settings.experts:
            self.gate = nn.Linear(settings.width, settings.experts, bias=False)
        self.experts = nn.ModuleList(
            Expert(settings.width, settings.expert_width) for _ in range(settings.experts)
        )
        self.shared = Expert(settings.width, settings.expert_width)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return (S, width) of (S, width), and the load-balancing loss."""
        if not self.experts:
            return self.shared(x), x.new_zeros(())
        weight, chosen, load, balance = self.route(x)
        spot, weight, lengths = by_expert(weight, chosen, load)
        parts = x.index_select(0, spot).split(lengths)
        y = torch.cat([expert(part) for expert, part in zip(self.experts, parts, strict=True)])
        y = y * weight[:, None].to(y.dtype)
        return self.shared(x).index_add(0, spot, y), balance

    def route(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return where spots (S, width) go, without sending them.

        Returns
        -------
        weight, chosen : Tensor
            The `top_k` largest probabilities and their experts, (S, top_k).
        load : Tensor
            Number of spots sent to each expert, (experts,).
        balance : Tensor
            The load-balancing loss.
        """
        p = self.gate(x).softmax(-1)
        weight, chosen = p.topk(self.top_k, dim=-1)
        load = chosen.flatten().bincount(minlength=len(self.experts))
        return weight, chosen, load, load_balancing(p, load)


def by_expert(weight: Tensor, chosen: Tensor, load: Tensor) -> tuple[Tensor, Tensor, list[int]]:
    """Return the assignments of spots to experts expert by expert, so that each expert's are one slice.

    Slices are filled up to multiples of `_ROWS` by the first spot with weight zero.

    Parameters
    ----------
    weight, chosen, load : Tensor
        As `ExpertMixture.route` returns them.

    Returns
    -------
    spot, weight : Tensor
        Of each assignment, (A,).
    lengths : list of int
        Of the experts' slices; they add up to A.
    """
    lengths = load.add(_ROWS - 1).div(_ROWS, rounding_mode="floor") * _ROWS
    # `nonzero` is faster here than sorting.
    is_expert = chosen.flatten() == torch.arange(len(load), device=load.device)[:, None]
    expert, order = is_expert.nonzero(as_tuple=True)
    fill = (lengths - load).cumsum(0) - (lengths - load)
    place = torch.arange(len(order), device=order.device) + fill[expert]
    lengths = lengths.tolist()
    spot = order.new_zeros(sum(lengths)).scatter(0, place, order // chosen.shape[1])
    weight = weight.new_zeros(sum(lengths)).scatter(0, place, weight.flatten()[order])
    return spot, weight, lengths


def load_balancing(p: Tensor, load: Tensor) -> Tensor:
    """Return the load-balancing loss: experts · Σ_e (share of assignments)_e (mean probability)_e.

    It is 1 for a uniform routing. Source: Fedus, Zoph and Shazeer, JMLR 23 (2022), equations 4 to 6.

    Parameters
    ----------
    p : Tensor
        Probabilities of the gate, (S, experts).
    load : Tensor
        Number of spots sent to each expert, (experts,).
    """
    share = load / load.sum()
    return p.shape[-1] * (share * p.mean(0)).sum()
