"""Graphormer layers: attention between spots, biased by the graph, with a token for the whole graph."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from edsym.models.gmoe.experts import ExpertMixture
from edsym.models.gmoe.layout import Layout
from edsym.models.gmoe.settings import NetworkSettings


class GraphToken(nn.Module):
    """The virtual node, connected to all spots, from which the classes are read."""

    def __init__(self, settings: NetworkSettings):
        super().__init__()
        self.channels = nn.Parameter(torch.randn(settings.width) * 0.02)
        self.bias = nn.Parameter(torch.zeros(settings.heads))

    def forward(self, patterns: int) -> Tensor:
        """Return the token of each pattern, (B, width)."""
        return self.channels.expand(patterns, -1)

    def extend(self, bias: Tensor, mask: Tensor) -> Tensor:
        """Return the bias (B, heads, N + 1, N + 1) with the token as node 0, -inf at padded keys.

        Pairs with the token have its own learned bias, one number a head.
        """
        patterns, heads, size, _ = bias.shape
        bias = bias.masked_fill(~mask[:, None, None, :], float("-inf"))
        row = self.bias[None, :, None, None].expand(patterns, heads, 1, size)
        column = self.bias[None, :, None, None].expand(patterns, heads, size + 1, 1)
        row = row.masked_fill(~mask[:, None, None, :], float("-inf"))
        return torch.cat([column, torch.cat([row, bias], dim=2)], dim=3)


class GraphormerLayer(nn.Module):
    """h' = h + MHA(LayerNorm h) with logits Q_i K_jᵀ/√d + b_ij, z = h' + MoE(LayerNorm h').

    Spots and graph token share the attention; each kind has its own mixture of experts, or without
    `token_block` both have one.
    """

    def __init__(self, settings: NetworkSettings, token_block: bool):
        super().__init__()
        self.heads = settings.heads
        self.norm1 = nn.LayerNorm(settings.width)
        self.qkv = nn.Linear(settings.width, 3 * settings.width)
        self.out = nn.Linear(settings.width, settings.width)
        self.norm2 = nn.LayerNorm(settings.width)
        self.token_norm2 = nn.LayerNorm(settings.width) if token_block else None
        self.experts = ExpertMixture(settings)
        self.token_experts = ExpertMixture(settings) if token_block else None
        self.dropout = nn.Dropout(settings.dropout)

    def forward(
        self, h: Tensor, token: Tensor, bias: Tensor, layout: Layout, last: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return spots (S, width), tokens (B, width) and the balance loss.

        Nothing reads the spots of the `last` layer: their experts are chosen, for the balance loss, but
        not computed.
        """
        mixed, mixed_token = self.attend(self.norm1(h), self.norm1(token), bias, layout)
        h, token = h + self.dropout(mixed), token + self.dropout(mixed_token)
        if self.token_experts is None:
            nodes = torch.cat([h, token])
            y, balance = self.experts(self.norm2(nodes))
            h, token = (nodes + self.dropout(y)).split([len(h), len(token)])
            return h, token, balance
        if last and self.experts.experts:
            *_, balance = self.experts.route(self.norm2(h))
        else:
            y, balance = self.experts(self.norm2(h))
            h = h + self.dropout(y)
        y_token, balance_token = self.token_experts(self.token_norm2(token))
        return h, token + self.dropout(y_token), balance + balance_token

    def attend(self, h: Tensor, token: Tensor, bias: Tensor, layout: Layout) -> tuple[Tensor, Tensor]:
        """Return the attention's output at spots (S, width) and tokens (B, width)."""
        nodes = torch.cat([self.qkv(token)[:, None], layout.dense(self.qkv(h))], dim=1)
        q, k, v = nodes.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype))
        mixed = mixed.transpose(1, 2).flatten(2)
        return self.out(layout.ragged(mixed[:, 1:])), self.out(mixed[:, 0])
