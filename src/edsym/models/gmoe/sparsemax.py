"""Sparsemax: the Euclidean projection onto the simplex, which, unlike softmax, gives exact zeros."""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class _Sparsemax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits: Tensor) -> Tensor:
        # What lies 1 or more below the largest is never in the support: the clamp changes nothing,
        # and keeps masked logits (huge and negative) out of the sums.
        z = (logits - logits.amax(-1, keepdim=True)).clamp(min=-1.0)
        # The threshold rises to its place as the support shrinks; a sort would cost several times more.
        support = z > -1.0
        while True:
            size = support.sum(-1, keepdim=True)
            threshold = ((z * support).sum(-1, keepdim=True) - 1) / size
            smaller = support & (z > threshold)
            if torch.equal(smaller, support):
                break
            support = smaller
        p = (z - threshold).clamp(min=0)
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

    Source: Michelot, J. Optim. Theory Appl. 50 (1986) 195, for the threshold; Martins and Astudillo, ICML
    2016, equation 14 for the Jacobian.
    """
    return _Sparsemax.apply(logits)
