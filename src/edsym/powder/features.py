"""What the network sees of a powder pattern: its profile without background, and two autocorrelations.

Over ln Q, an autocorrelation has peaks at the ratios of all pairs of lines, whatever the size of the cell;
over Q², at their differences, which the metric tensor repeats.
"""

import numpy as np
import torch
from numba import njit
from torch import Tensor, nn

from edsym.powder.settings import PowderSettings

# Share of the values of a window that lie below its background.
_QUANTILE = 0.3


def clean(patterns: np.ndarray, settings: PowderSettings) -> np.ndarray:
    """Return patterns (n, bins) without background, the root of intensities, largest 1, as float32."""
    window = max(round(settings.background_window / settings.step), 4)
    return _clean(np.ascontiguousarray(patterns, np.float32), window)


@njit(cache=True, nogil=True)
def _clean(patterns, window):
    out = np.zeros_like(patterns)
    for i in range(len(patterns)):
        row = patterns[i]
        first, end = 0, len(row)
        while first < end and row[first] == 0:
            first += 1
        while end > first and row[end - 1] == 0:
            end -= 1
        if first == end:
            continue
        # windows of what was measured: of one that reaches beyond, the quantile would be too low
        width = min(window, end - first)
        levels = np.empty((end - first) // width)
        rank = int(_QUANTILE * width)
        for k in range(len(levels)):
            levels[k] = np.partition(row[first + k * width : first + (k + 1) * width], rank)[rank]
        top = 0.0
        for j in range(first, end):
            # linear between the centres of windows
            place = min(max((j - first + 0.5) / width - 0.5, 0.0), len(levels) - 1.0)
            k = min(int(place), max(len(levels) - 2, 0))
            level = levels[k] + (place - k) * (levels[min(k + 1, len(levels) - 1)] - levels[k])
            out[i, j] = max(row[j] - level, 0.0) if row[j] != 0 else 0.0
            top = max(top, out[i, j])
        if top > 0:
            out[i] = np.sqrt(out[i] / top)
    return out


class Correlations(nn.Module):
    """Autocorrelations of clean patterns over ln Q and over Q², `count` numbers each."""

    def __init__(self, settings: PowderSettings, count: int):
        super().__init__()
        self.count = count
        edges = np.array([settings.two_theta_min, settings.two_theta_max])
        low, high = np.sin(np.radians(edges / 2))
        logarithmic = np.exp(np.linspace(np.log(low), np.log(high), count))
        squares = np.sqrt(np.linspace(low**2, high**2, count))
        for name, sine in (("ratios", logarithmic), ("differences", squares)):
            two_theta = 2 * np.degrees(np.arcsin(sine))
            place = (two_theta - settings.two_theta_min) / settings.step - 0.5
            place = np.clip(place, 0, settings.bins - 1.001)
            self.register_buffer(f"{name}_bin", torch.from_numpy(place.astype(np.int64)), persistent=False)
            weight = torch.from_numpy((place % 1).astype(np.float32))
            self.register_buffer(f"{name}_weight", weight, persistent=False)

    def forward(self, profile: Tensor) -> Tensor:
        """Return both (n, 2 count), each over its value at 0, of profiles (n, bins)."""
        found = []
        for name in ("ratios", "differences"):
            at, weight = getattr(self, f"{name}_bin"), getattr(self, f"{name}_weight")
            x = profile[:, at] * (1 - weight) + profile[:, at + 1] * weight
            power = torch.fft.rfft(x, 2 * self.count).abs().square()
            y = torch.fft.irfft(power, 2 * self.count)[:, : self.count]
            found.append(y / y[:, :1].clamp_min(1e-6))
        return torch.cat(found, dim=1)
