"""The published transformer on powder patterns (arXiv 2604.23811), as its code and settings have it.

A pattern becomes tokens of `patch` points; a class token reads them through four pre-norm blocks. Linear
heads on it answer for groups and, apart, for crystal system, lattice and symmetry elements, which a decoder
joins (`edsym.powder.structured`).
"""

import torch
from torch import Tensor, nn

from edsym.powder.rival_settings import PowderTransformerSettings
from edsym.powder.settings import PowderSettings
from edsym.powder.structured import FEATURES
from edsym.powder.views import OneView
from edsym.symmetry.classes import powder_groups

# Points of the published axis.
_POINT = 0.01
# The physical coordinate of a token is so many times sin² θ at its centre.
_COORDINATE_SCALE = 100.0
_EPSILON = 1e-6
_SPREAD, _POSITION_SPREAD = 0.01, 0.02


class PublishedTransformer(OneView, nn.Module):
    """Tokens of points, a learned position and one of sin² θ, four blocks, and linear heads.

    Parameters
    ----------
    powder : PowderSettings
        The axis; patterns are interpolated to points of 0.01°.
    settings : PowderTransformerSettings
        Width, depth, heads and points of a token.
    """

    def __init__(self, powder: PowderSettings, settings: PowderTransformerSettings):
        super().__init__()
        self.patch, width = settings.patch, settings.width
        points = round((powder.two_theta_max - powder.two_theta_min) / _POINT) + 1
        self.padding = -points % self.patch
        tokens = (points + self.padding) // self.patch
        self._place_points(powder, points)
        self.embed = nn.Conv1d(2, width, self.patch, self.patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.position = nn.Parameter(torch.zeros(1, tokens + 1, width))
        self.physics = nn.Sequential(nn.Linear(1, width), nn.GELU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList(Block(width, settings.heads) for _ in range(settings.depth))
        self.norm = nn.LayerNorm(width, _EPSILON)
        for parameter in (self.position, self.class_token):
            nn.init.trunc_normal_(parameter, std=_POSITION_SPREAD)
        self.apply(_start)
        self.head = nn.Linear(width, len(powder_groups().names))
        self.structured = nn.Linear(width, len(FEATURES))
        self.register_buffer("group", torch.from_numpy(powder_groups().index), persistent=False)

    def _place_points(self, powder: PowderSettings, points: int) -> None:
        """Keep where points lie between bins, and their coordinates."""
        two_theta = powder.two_theta_min + _POINT * torch.arange(points, dtype=torch.float64)
        place = ((two_theta - powder.two_theta_min) / powder.step - 0.5).clamp(0, powder.bins - 1)
        bin_ = place.long().clamp(max=powder.bins - 2)
        # as published, the axis is stretched over the padding
        padded = points + self.padding
        stretched = torch.linspace(powder.two_theta_min, powder.two_theta_max, padded, dtype=torch.float64)
        squared = _sine_squared(stretched)
        low, high = squared[0], squared[-1]
        centre = _sine_squared(stretched.view(-1, self.patch).mean(1))
        for name, values in {
            "bin": bin_,
            "weight": (place - bin_).float(),
            "coordinate": (2 * (squared - low) / (high - low) - 1).float(),
            "centre": (_COORDINATE_SCALE * centre).float()[:, None],
        }.items():
            self.register_buffer(name, values, persistent=False)

    def prepare(self, patterns):
        """Return patterns (n, bins) with largest intensity 1; the background stays, as published."""
        return patterns / patterns.max(axis=1, keepdims=True).clip(1e-6)

    def measure(self, profiles: Tensor) -> None:
        """Do nothing: the published inputs are not standardised."""

    def points(self, profiles: Tensor) -> Tensor:
        """Return the two channels (n, 2, points) of patterns (n, bins): intensity, and sin² θ in -1 to 1."""
        left, right = profiles[:, self.bin], profiles[:, self.bin + 1]
        intensity = nn.functional.pad(left + self.weight * (right - left), (0, self.padding))
        return torch.stack([intensity, self.coordinate.expand_as(intensity)], dim=1)

    def positions(self) -> Tensor:
        """Return what is added to the tokens (1, tokens + 1, width); the class token has no angle."""
        return self.position + nn.functional.pad(self.physics(self.centre), (0, 0, 1, 0))

    def features(self, profiles: Tensor) -> Tensor:
        """Return the class token (n, width) behind all blocks."""
        tokens = self.embed(self.points(profiles)).transpose(1, 2)
        x = torch.cat([self.class_token.expand(len(tokens), -1, -1).to(tokens.dtype), tokens], dim=1)
        x = x + self.positions()
        for block in self.blocks[:-1]:
            x = block(x)
        # of the last block, nothing but the class token is read
        return self.norm(self.blocks[-1](x, queries=1))[:, 0]

    def outputs(self, profiles: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits of the 97 groups (n, 97), and of system, lattice and elements (n, 37)."""
        token = self.features(profiles)
        return self.head(token), self.structured(token)

    def forward(self, profiles: Tensor) -> Tensor:
        """Return the logits (n, 230) of prepared patterns (n, bins): for space groups, those of groups."""
        return self.head(self.features(profiles))[:, self.group]


class Block(nn.Module):
    """A pre-norm block: attention, then a perceptron four times as wide."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = (nn.LayerNorm(width, _EPSILON) for _ in range(2))
        self.qkv, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.perceptron = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor, queries: int | None = None, bias: Tensor | None = None) -> Tensor:
        """Return tokens (n, t, width), or only the first `queries` of them.

        A `bias` (n, heads, t, t) is added to the logarithms of attention.
        """
        q, k, v = self.qkv(self.norm1(x)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        # in the arithmetic of the projections: on a CPU, mixed precision would go through 32 bit here
        with torch.autocast(x.device.type, enabled=False):
            logits = q[:, :, :queries] * q.shape[-1] ** -0.5 @ k.transpose(-2, -1)
            if bias is not None:
                logits = logits + bias.to(logits.dtype)
            found = (logits.softmax(-1) @ v).transpose(1, 2).flatten(2)
        x = x[:, :queries] + self.project(found)
        return x + self.perceptron(self.norm2(x))


def _sine_squared(two_theta: Tensor) -> Tensor:
    return torch.sin(torch.deg2rad(two_theta / 2)) ** 2


def _start(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=_SPREAD)
        nn.init.zeros_(module.bias)
