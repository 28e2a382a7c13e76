"""A transformer over the peaks of a powder pattern, which knows the ratio and the difference of each pair.

Peaks are tokens. What is told of a pair of them is ln(Qi / Qj), blind to the size of the cell, and
Qi² - Qj², linear in the metric tensor: each peak starts with the spectrum of its pairs, and attention from
peak to peak gets a learned bias by both (arXiv 1803.02155 has such biases for positions in a text).
"""

from collections.abc import Iterator

import numpy as np
import torch
from numba import njit
from torch import Tensor, nn

from edsym.powder.features import clean
from edsym.powder.rival_settings import PowderPeaksSettings
from edsym.powder.settings import PowderSettings
from edsym.powder.transformer import Block
from edsym.powder.views import smoothed
from edsym.symmetry import N_SPACE_GROUPS

# Waves over ln Q of a peak's embedding: the shortest has a length of 2π / 2^8, 0.025.
_WAVES = 9
_EPSILON, _SPREAD, _NEVER = 1e-6, 0.02, -1e4


def find_peaks(profiles: np.ndarray, count: int) -> np.ndarray:
    """Return the highest peaks of clean profiles (n, bins), by ascending angle.

    Peaks are maxima of the profile smoothed by (1, 2, 1) / 4, their places those of parabolas through
    three points.

    Returns
    -------
    (n, count, 2) float32
        Place in bins from the centre of the first one, and height; rows of zeros where there are fewer.
    """
    return _find_peaks(np.ascontiguousarray(profiles, np.float32), count)


@njit(cache=True, nogil=True)
def _find_peaks(profiles, count):
    found = np.zeros((len(profiles), count, 2), np.float32)
    bins = profiles.shape[1]
    smooth, places, heights = np.zeros(bins), np.empty(bins), np.empty(bins)
    for i in range(len(profiles)):
        row, number = profiles[i], 0
        for j in range(1, bins - 1):
            smooth[j] = (row[j - 1] + 2.0 * row[j] + row[j + 1]) / 4
        for j in range(2, bins - 2):
            left, top, right = smooth[j - 1], smooth[j], smooth[j + 1]
            if top > left and top >= right:
                places[number] = j + (left - right) / (2 * (left - 2 * top + right))
                heights[number] = top
                number += 1
        kept = np.sort(np.argsort(-heights[:number])[:count])
        for k in range(len(kept)):
            found[i, k, 0], found[i, k, 1] = places[kept[k]], heights[kept[k]]
    return found


class PeakTransformer(nn.Module):
    """Peaks with the spectra of their pairs, blocks of attention with pair bias, and a head of 230 scores.

    Parameters
    ----------
    powder : PowderSettings
        The axis.
    settings : PowderPeaksSettings
        Number of peaks, bins of the quantities of pairs, and size of the network.
    """

    def __init__(self, powder: PowderSettings, settings: PowderPeaksSettings):
        super().__init__()
        self.powder, self.peaks, self.bins = powder, settings.peaks, settings.pair_bins
        self.layout = (settings.depth, settings.heads)
        low, high = np.sin(np.radians(np.array([powder.two_theta_min, powder.two_theta_max]) / 2))
        # the largest magnitudes of both quantities of pairs
        self.reach = (float(np.log(high / low)), float(high**2 - low**2))
        width = settings.width
        self.embed = nn.Linear(3 + 2 * _WAVES, width)
        self.spectrum = nn.Linear(2 * self.bins, width)
        self.bias = nn.Parameter(_SPREAD * torch.randn(2 * self.bins, settings.depth * settings.heads))
        self.blocks = nn.ModuleList(Block(width, settings.heads) for _ in range(settings.depth))
        self.norm = nn.LayerNorm(width, _EPSILON)
        self.head = nn.Sequential(nn.Dropout(settings.dropout), nn.Linear(width, N_SPACE_GROUPS))
        self.register_buffer("waves", 2.0 ** torch.arange(_WAVES), persistent=False)

    def prepare(self, patterns: np.ndarray) -> np.ndarray:
        """Return the peaks (n, peaks, 2) of patterns (n, bins), see `find_peaks`."""
        return find_peaks(clean(patterns, self.powder), self.peaks)

    def views(self, patterns: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the peaks (n, peaks, 2) of patterns (n, bins) as they are, and of smoothed ones."""
        yield self.prepare(patterns)
        yield self.prepare(smoothed(patterns))

    def measure(self, peaks: Tensor) -> None:
        """Do nothing: what describes a peak is not far from 1."""

    def forward(self, peaks: Tensor) -> Tensor:
        """Return the scores (n, 230) without a prior of peaks (n, peaks, 2)."""
        height, present = peaks[..., 1], (peaks[..., 1] > 0).float()
        sine = self.sine(peaks[..., 0])
        index, weight = self.pairs(sine)
        x = self.embed(self.described(sine, height)) + self.spectrum(self.spectra(index, weight, height))
        for block, bias in zip(self.blocks, self.biases(index, weight, present, x.dtype), strict=True):
            x = block(x, bias=bias)
        mean = (present[..., None] * x).sum(1) / present.sum(1, keepdim=True).clamp_min(1)
        return self.head(self.norm(mean))

    outputs = forward

    def sine(self, place: Tensor) -> Tensor:
        """Return sin θ at places in bins."""
        two_theta = self.powder.two_theta_min + self.powder.step * (place + 0.5)
        return torch.sin(torch.deg2rad(two_theta / 2))

    def described(self, sine: Tensor, height: Tensor) -> Tensor:
        """Return what is told of each peak (n, peaks, 21): height, its square, sin² θ, waves over ln Q."""
        phase = sine.log()[..., None] * self.waves
        first = torch.stack([height, height.square(), sine.square()], dim=-1)
        return torch.cat([first, phase.sin(), phase.cos()], dim=-1)

    def pairs(self, sine: Tensor) -> tuple[Tensor, Tensor]:
        """Return where the quantities of pairs lie: bins and their weights, both (n, peaks, peaks, 4).

        Two bins share each quantity by distance; those of differences follow those of ratios.
        """
        indices, weights = [], []
        for number, (values, reach) in enumerate(zip((sine.log(), sine.square()), self.reach, strict=True)):
            difference = values[:, :, None] - values[:, None]
            place = ((difference / reach + 1) / 2 * (self.bins - 1)).clamp(0, self.bins - 1.001)
            low = place.long()
            indices += [low + number * self.bins, low + 1 + number * self.bins]
            weights += [1 - (place - low), place - low]
        return torch.stack(indices, -1), torch.stack(weights, -1)

    def spectra(self, index: Tensor, weight: Tensor, height: Tensor) -> Tensor:
        """Return of each peak the heights of all by their quantities with it (n, peaks, 2 bins)."""
        found = weight.new_zeros(*index.shape[:2], 2 * self.bins)
        return found.scatter_add_(2, index.flatten(2), (weight * height[:, None, :, None]).flatten(2))

    def biases(self, index: Tensor, weight: Tensor, present: Tensor, dtype: torch.dtype) -> Tensor:
        """Return the biases of attention (depth, n, heads, peaks, peaks); peaks that are none get none."""
        # of the two bins that share a quantity, the nearer one
        nearer = index[..., ::2] + (weight[..., 1::2] > 0.5)
        # the largest arrays of the network: in the arithmetic of the attention that they go to
        table = self.bias.to(dtype)
        ratio, difference = (nn.functional.embedding(nearer[..., i], table) for i in range(2))
        found = (ratio + difference).unflatten(3, self.layout).permute(3, 0, 4, 1, 2).contiguous()
        return found + (_NEVER * (1 - present)).to(dtype)[:, None, None]
