"""Sparsemax: the Euclidean projection onto the simplex, which, unlike softmax, gives exact zeros."""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class _Sparsemax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits: Tensor) -> Tensor:
        # What lies 1 or more below the largest is never in the support: the clamp changes nothing,
        # and keeps masked logits (huge and negative) out of the sums.
        z = (logits - logits.amax(-1, keepdim=True)).clamp(min=-2.0)
        descending = z.sort(dim=-1, descending=True).values
        excess = descending.cumsum(-1) - 1
        count = torch.arange(1, z.shape[-1] + 1, device=z.device, dtype=z.dtype)
        # At least 1, so that logits that are not a number give what is not a number, not an index error.
        size = (count * descending > excess).sum(-1, keepdim=True).clamp(min=1)
        p = (z - excess.gather(-1, size - 1) / size).clamp(min=0)
        ctx.save_for_backward(p)
        return p

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor) -> Tensor:
        (p,) = ctx.saved_tensors
        support = (p > 0).to(p.dtype)
        gradient = gradient * support
        return gradient - support * (gradient.sum(-1, keepdim=True) / support.sum(-1, keepdim=True))


def sparsemax(logits: Tensor) -> Tensor:
    """Return the sparsemax of logits along their last axis, with its exact gradient.

    Source: Martins and Astudillo, ICML 2016, algorithm 1; equation 14 for the Jacobian.
    """
    return _Sparsemax.apply(logits)
