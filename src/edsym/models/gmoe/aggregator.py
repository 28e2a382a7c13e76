"""The attention aggregator: two layers that mix spots, whose attention is the graph's raw material."""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from edsym.models.gmoe.experts import ExpertMixture
from edsym.models.gmoe.layout import Layout
from edsym.models.gmoe.settings import NetworkSettings
from edsym.models.gmoe.sparsemax import sparsemax


class AggregatorLayer(nn.Module):
    """h1 = h + MHA(Norm1 h), h2 = h1 + MoE(Norm2 h1)."""

    def __init__(self, settings: NetworkSettings):
        super().__init__()
        self.heads = settings.aggregator_heads
        self.norm1 = nn.LayerNorm(settings.width)
        self.qkv = nn.Linear(settings.width, 3 * settings.width)
        self.out = nn.Linear(settings.width, settings.width)
        self.norm2 = nn.LayerNorm(settings.width)
        self.experts = ExpertMixture(settings)
        self.dropout = nn.Dropout(settings.dropout)
        # Logits of unit variance from the start: torch's default gives a third of it, too flat for
        # sparsemax to cut anything off.
        for projection in self.qkv.weight.data.chunk(3):
            nn.init.xavier_normal_(projection)
        self.graph = settings.graph
        self.normalise = sparsemax if settings.graph == "sparsemax" else partial(torch.softmax, dim=-1)

    def forward(self, h: Tensor, layout: Layout) -> tuple[Tensor, Tensor | None, Tensor]:
        """Return h2 (S, width), the attention averaged over heads (B, N, N) and the balance loss.

        Where no graph is made of it, the attention is None.
        """
        mixed, attention = self.attend(self.norm1(h), layout)
        h = h + self.dropout(mixed)
        y, balance = self.experts(self.norm2(h))
        return h + self.dropout(y), attention, balance

    def attend(self, h: Tensor, layout: Layout) -> tuple[Tensor, Tensor | None]:
        """Return the attention's output (S, width) and its weights, averaged over heads (B, N, N)."""
        q, k, v = layout.dense(self.qkv(h)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        if self.graph == "none":
            mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=layout.mask[:, None, None, :])
            return self.out(layout.ragged(mixed.transpose(1, 2).flatten(2))), None
        logits = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
        # float32 at least, also under autocast: fewer ties between weights, and exact sums to one.
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        key_is_padding = ~layout.mask[:, None, None, :]
        weights = self.normalise(logits.masked_fill(key_is_padding, torch.finfo(logits.dtype).min))
        mixed = (weights.to(v.dtype) @ v).transpose(1, 2).flatten(2)
        return self.out(layout.ragged(mixed)), weights.mean(1)


class Aggregator(nn.Module):
    """Two aggregator layers; A = Attn2·Attn1."""

    def __init__(self, settings: NetworkSettings):
        super().__init__()
        self.first = AggregatorLayer(settings)
        self.second = AggregatorLayer(settings)

    def forward(self, h: Tensor, layout: Layout) -> tuple[Tensor, Tensor | None, Tensor]:
        """Return h (S, width), A (B, N, N; rows of spots sum to 1, padding is 0) and the balance loss.

        With `graph` none there is no A.
        """
        h, attention1, balance1 = self.first(h, layout)
        h, attention2, balance2 = self.second(h, layout)
        if attention2 is None:
            return h, None, balance1 + balance2
        with torch.autocast(h.device.type, enabled=False):
            combined = attention2 @ attention1
        pairs = layout.mask[:, :, None] & layout.mask[:, None, :]
        return h, combined * pairs, balance1 + balance2
