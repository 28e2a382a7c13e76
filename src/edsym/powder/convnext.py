"""ConvNeXt on powder patterns: convolutions along the clean profile, in place of the perceptron.

After Z. Liu et al., "A ConvNet for the 2020s" (arXiv 2201.03545), in one dimension: blocks of a depthwise
convolution over 7 points and a perceptron four times as wide, in stages of ever fewer and wider points.
"""

import numpy as np
import torch
from torch import Tensor, nn

from edsym.powder.features import clean
from edsym.powder.rival_settings import PowderConvNextSettings
from edsym.powder.settings import PowderSettings
from edsym.powder.views import OneView
from edsym.symmetry import N_SPACE_GROUPS

# Points that the stem, and each step from one stage to the next, make one of.
_JOINED = 4
_KERNEL = 7
_EPSILON = 1e-6
# What a block adds is small at first.
_LAYER_SCALE = 0.1


class ConvNext(OneView, nn.Module):
    """Stages of blocks on the profile, and a head of 230 scores without a prior on all points of the last.

    The published head reads the mean of the points; of lines, their places tell most.

    Parameters
    ----------
    powder : PowderSettings
        The axis.
    settings : PowderConvNextSettings
        Widths and depths of the stages; whether sin² θ stands beside the profile.
    """

    def __init__(self, powder: PowderSettings, settings: PowderConvNextSettings):
        super().__init__()
        self.powder = powder
        two_theta = powder.two_theta_min + powder.step * (torch.arange(powder.bins) + 0.5)
        squared = torch.sin(torch.deg2rad(two_theta / 2)) ** 2
        # convolutions do not know where they are: a second channel tells them, from -1 to 1
        coordinate = 2 * (squared - squared[0]) / (squared[-1] - squared[0]) - 1
        self.register_buffer("coordinate", coordinate if settings.coordinate else 0 * coordinate, False)
        layers: list[nn.Module] = []
        before, points = 2, powder.bins
        for width, depth in zip(settings.widths, settings.depths, strict=True):
            layers += [_Join(before, width), *(_Block(width) for _ in range(depth))]
            before, points = width, -(-points // _JOINED)
        self.stages = nn.Sequential(*layers)
        self.norm = nn.LayerNorm(before, _EPSILON)
        self.head = nn.Sequential(nn.Dropout(settings.dropout), nn.Linear(points * before, N_SPACE_GROUPS))

    def prepare(self, patterns: np.ndarray) -> np.ndarray:
        """Return patterns (n, bins) as the network takes them, see `edsym.powder.features.clean`."""
        return clean(patterns, self.powder)

    def measure(self, profiles: Tensor) -> None:
        """Do nothing: the inputs are within 0 and 1."""

    def forward(self, profiles: Tensor) -> Tensor:
        """Return the scores (n, 230) of clean profiles (n, bins)."""
        x = torch.stack([profiles, self.coordinate.expand_as(profiles)], dim=2)
        return self.head(self.norm(self.stages(x)).flatten(1))

    outputs = forward


class _Join(nn.Module):
    """Four points (n, 4 p, inputs) become one (n, p, width); a rest at the end is filled up with 0."""

    def __init__(self, inputs: int, width: int):
        super().__init__()
        self.project, self.norm = nn.Linear(_JOINED * inputs, width), nn.LayerNorm(width, _EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.pad(x, (0, 0, 0, -x.shape[1] % _JOINED))
        return self.norm(self.project(x.reshape(len(x), -1, _JOINED * x.shape[2])))


class _Block(nn.Module):
    """To points (n, p, width) are added a depthwise convolution, a norm and a perceptron of them."""

    def __init__(self, width: int):
        super().__init__()
        self.convolution = nn.Conv1d(width, width, _KERNEL, padding=_KERNEL // 2, groups=width)
        self.norm = nn.LayerNorm(width, _EPSILON)
        self.perceptron = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.scale = nn.Parameter(torch.full((width,), _LAYER_SCALE))

    def forward(self, x: Tensor) -> Tensor:
        near = self.convolution(x.transpose(1, 2)).transpose(1, 2)
        return x + self.scale * self.perceptron(self.norm(near))
