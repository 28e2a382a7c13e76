"""Patterns turned and mirrored: what a microscope might as well have recorded."""

import math

import torch
from torch import Tensor


def augmented(points: Tensor, pattern: Tensor, patterns: int, kind: str) -> Tensor:
    """Return spots with each pattern turned by an angle of its own, from torch's random numbers.

    Parameters
    ----------
    points : Tensor
        Spots (S, 3) as [qx, qy, I].
    pattern : Tensor
        Pattern (S,) of each spot.
    patterns : int
        Number of patterns.
    kind : {"none", "rotation", "mirror"}
        With ``mirror`` half of the patterns are mirrored as well: the crystal's mirror image has the
        same crystal system, and mostly the same space group.
    """
    if kind == "none":
        return points
    # Drawn on the CPU: the same numbers on every device.
    angle = (2 * math.pi * torch.rand(patterns)).to(points.device)
    sign = torch.ones(patterns) if kind == "rotation" else torch.randint(0, 2, (patterns,)) * 2.0 - 1
    cos, sin, sign = angle.cos()[pattern], angle.sin()[pattern], sign.to(points.device)[pattern]
    qx, qy, intensity = points.unbind(-1)
    qx = sign * qx
    return torch.stack([cos * qx - sin * qy, sin * qx + cos * qy, intensity], dim=-1)
