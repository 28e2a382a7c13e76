"""The point-list encoder: from spots to channels, each spot by itself."""

import math

import torch
from torch import Tensor, nn

from edsym.models.gmoe.settings import NetworkSettings

HARMONICS = 16
"""Orders of the waves in r and in θ that the features `harmonics` have."""

# Weaker spots count as this weak in the logarithm; the incident beam is 1.
_FAINTEST = 1e-6


def polar_features(points: Tensor) -> Tensor:
    """Return [r, θ, I] of spots (S, 3) given as [qx, qy, I]; r in 1/Å, θ in radians."""
    qx, qy, intensity = points.unbind(-1)
    return torch.stack([torch.hypot(qx, qy), torch.atan2(qy, qx), intensity], dim=-1)


def waves(phase: Tensor) -> Tensor:
    """Return sine and cosine (S, 2 · HARMONICS) of the first multiples of phases (S,).

    Of π r, with r in 1/Å, the finest has a period of 1/8 1/Å: it tells apart spots that a single number
    from 0 to 2 tells apart only after long training.
    """
    phases = phase[:, None] * torch.arange(1, HARMONICS + 1, device=phase.device)
    return torch.cat([phases.sin(), phases.cos()], dim=1)


class PointBlock(nn.Module):
    """One point-wise convolution with normalisation, ReLU and residual.

    A convolution of kernel 1 is the same linear map at every spot, so it is written as one. The
    normalisation is over channels: a pattern's result must not depend on its batch.
    """

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.convolution = nn.Linear(inputs, outputs)
        self.norm = nn.LayerNorm(outputs)
        self.residual = nn.Identity() if inputs == outputs else nn.Linear(inputs, outputs, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (S, outputs) of (S, inputs)."""
        return torch.relu(self.norm(self.convolution(x))) + self.residual(x)


class PointEncoder(nn.Module):
    """Point-wise convolutions inputs → `point_channels` → `width`.

    The inputs are the paper's, [r, θ, I] normalised per channel (`features` is ``polar``), or ours:
    [r, θ, log I] normalised (``polar_log``), these and waves in r and θ (``harmonics``), or all that
    without θ (``invariant``).
    """

    def __init__(self, settings: NetworkSettings):
        super().__init__()
        self.features = settings.features
        inputs = {"polar": 3, "polar_log": 3, "harmonics": 3 + 4 * HARMONICS, "invariant": 2 + 2 * HARMONICS}[
            self.features
        ]
        channels = (inputs, *settings.point_channels, settings.width)
        self.blocks = nn.Sequential(*map(PointBlock, channels[:-1], channels[1:]))
        self.register_buffer("mean", torch.zeros(3))
        self.register_buffer("std", torch.ones(3))

    def scales(self, points: Tensor) -> Tensor:
        """Return [r, θ, I] or [r, θ, log I] of spots (S, 3), which are what is normalised."""
        r, theta, intensity = polar_features(points).unbind(-1)
        if self.features != "polar":
            intensity = intensity.clamp(min=_FAINTEST).log()
        return torch.stack([r, theta, intensity], dim=-1)

    @torch.no_grad()
    def measure(self, points: Tensor) -> None:
        """Set mean and standard deviation of each channel to those of these spots (S, 3)."""
        # Channel by channel in float64: millions of intensities around 1e-3 lose digits in float32.
        for i, channel in enumerate(self.scales(points).unbind(-1)):
            std, mean = torch.std_mean(channel.double(), correction=0)
            self.mean[i], self.std[i] = mean, std.clamp(min=1e-6)

    def forward(self, points: Tensor) -> Tensor:
        """Return channels (S, width) of spots (S, 3) given as [qx, qy, I]."""
        inputs = (self.scales(points) - self.mean) / self.std
        if self.features in ("polar", "polar_log"):
            return self.blocks(inputs)
        r, theta, _ = polar_features(points).unbind(-1)
        if self.features == "invariant":
            return self.blocks(torch.cat([inputs[:, ::2], waves(math.pi * r)], dim=-1))
        return self.blocks(torch.cat([inputs, waves(math.pi * r), waves(theta)], dim=-1))
