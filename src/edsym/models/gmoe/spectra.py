"""Pair spectra: finely binned geometry of all pairs of spots, blind to in-plane rotation and mirrors.

Ours, not the paper's. A lattice shows in its pairs of vectors: inner products of a cubic crystal are
multiples of one number, ratios of lengths tell centrings and axial ratios whatever the size of the cell.
Attention would have to learn such arithmetic to three digits; histograms count it.
"""

import torch
from torch import Tensor, nn

from edsym.models.gmoe.layout import Layout
from edsym.models.gmoe.settings import NetworkSettings

# Of a quantity: width of a bin and number of bins; what lies above is left out.
_LENGTH = (0.005, 400)  # 1/Å
_PRODUCT = (0.0025, 400)  # 1/Å²
_COMPONENT = (0.01, 300)
_LOG_RATIO = (0.005, 320)
_RADIAL = (_LENGTH, _LENGTH)
_PAIRS = (_PRODUCT, _COMPONENT, _COMPONENT, _LOG_RATIO, _LENGTH, _LENGTH)

SPECTRUM_BINS = sum(bins for _, bins in _RADIAL + _PAIRS)
"""Bins of all histograms of a pattern together."""


def spectra(points: Tensor, mask: Tensor) -> Tensor:
    """Return the histograms of patterns, each scaled to a mean of 1, square-rooted and less 1.

    They are: |q| of the spots, counted and weighted with the fourth root of intensity; and, of the pairs
    with a the longer vector, b the shorter one: |a·b|; |a·b|/b² and |a×b|/b², the components of a along
    and across b; log(a/b); |a − b|; |a + b|. Friedel's pairs make signs meaningless.

    Parameters
    ----------
    points : Tensor
        Spots (B, N, 3) as [qx, qy, I], 1/Å and share of the incident beam.
    mask : Tensor
        (B, N), bool: where there is a spot.

    Returns
    -------
    spectra : Tensor
        (B, `SPECTRUM_BINS`).
    """
    q, intensity = points[..., :2], points[..., 2]
    length = torch.linalg.vector_norm(q, dim=-1)
    parts = [
        _histogram(length, mask, *_LENGTH),
        _histogram(length, mask, *_LENGTH, weights=intensity.clamp(min=0) ** 0.25),
    ]
    first, second = torch.triu_indices(q.shape[1], q.shape[1], offset=1, device=q.device)
    pairs = mask[:, first] & mask[:, second]
    for values, scale in zip(_pair_quantities(q[:, first], q[:, second]), _PAIRS, strict=True):
        parts.append(_histogram(values, pairs, *scale))
    return torch.cat([_root_density(part) for part in parts], dim=1)


def _pair_quantities(a: Tensor, b: Tensor) -> tuple[Tensor, ...]:
    """Return the quantities `_PAIRS` of pairs of vectors (B, P, 2), each (B, P)."""
    ax, ay, bx, by = *a.unbind(-1), *b.unbind(-1)
    inner, outer = (ax * bx + ay * by).abs(), (ax * by - ay * bx).abs()
    a2, b2 = ax * ax + ay * ay, bx * bx + by * by
    # Both are clamped: a negative logarithm would be counted in the histogram of the pattern before.
    shorter, longer = (square.clamp(min=1e-6) for square in (torch.minimum(a2, b2), torch.maximum(a2, b2)))
    log_ratio = 0.5 * torch.log(longer / shorter)
    difference = ((ax - bx) ** 2 + (ay - by) ** 2).sqrt()
    total = ((ax + bx) ** 2 + (ay + by) ** 2).sqrt()
    return inner, inner / shorter, outer / shorter, log_ratio, difference, total


def _histogram(
    values: Tensor, mask: Tensor, width: float, bins: int, weights: Tensor | None = None
) -> Tensor:
    """Return the histograms (B, bins) of values (B, n), from 0 on, where `mask` (B, n) holds."""
    patterns = len(values)
    position = values / width
    position = position.clamp(max=bins).long() + bins * torch.arange(patterns, device=values.device)[:, None]
    kept = mask & (values < width * bins)
    # What is left out goes to one bin more, at the end.
    position = position.where(kept, patterns * bins).flatten()
    counts = torch.zeros(patterns * bins + 1, dtype=values.dtype, device=values.device)
    weights = torch.ones_like(values) if weights is None else weights
    return counts.index_add_(0, position, weights.flatten())[:-1].view(patterns, bins)


def _root_density(histogram: Tensor) -> Tensor:
    return (histogram / histogram.mean(1, keepdim=True).clamp(min=1e-9)).sqrt() - 1


class SpectraEncoder(nn.Module):
    """From the pair spectra of patterns to what the graph token starts with."""

    def __init__(self, settings: NetworkSettings):
        super().__init__()
        hidden, dropout = settings.spectra_width, settings.spectra_dropout
        self.layers = nn.Sequential(
            nn.Dropout(settings.dropout),
            nn.Linear(SPECTRUM_BINS, hidden),
            nn.LayerNorm(hidden),
            nn.SiLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, settings.width),
        )

    def forward(self, points: Tensor, layout: Layout) -> Tensor:
        """Return channels (B, width) of the patterns whose spots (S, 3) these are."""
        with torch.no_grad():
            x = spectra(layout.dense(points), layout.mask)
        return self.layers(x)
