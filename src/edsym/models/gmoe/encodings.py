"""What the Graphormer layers see of the graph: degrees at the spots, distances and paths at the pairs."""

import torch
from torch import Tensor, nn

from edsym.models.gmoe.graph import Graph
from edsym.models.gmoe.settings import NetworkSettings

# Smallest weight told from none in log A; continuous at A = 0, unlike a mask.
_FLOOR = 1e-3


class DegreeEncoding(nn.Module):
    """h' = h + Embed_deg(deg)."""

    def __init__(self, settings: NetworkSettings):
        super().__init__()
        self.embedding = nn.Embedding(settings.max_degree + 1, settings.width)

    def forward(self, h: Tensor, degrees: Tensor) -> Tensor:
        """Return h' (S, width) of h (S, width) and degrees (S,)."""
        return h + self.embedding(degrees.clamp(max=self.embedding.num_embeddings - 1))


class PairBias(nn.Module):
    """The bias b_ij of each head: Embed_spatial(d_ij) + e_ij + s·log A_ij.

    e_ij = (1/d_ij) Σ_l Embed_l(P_ijl) with the linear Embed_l of Graphormer (Ying et al., NeurIPS
    2021, equation 7). The last term is ours, with s learned per head: neither distances nor the
    choice of paths has a gradient, and the aggregator could hardly learn which graph helps. With
    `log_adjacency` false it is left out.
    """

    def __init__(self, settings: NetworkSettings):
        super().__init__()
        self.spatial = nn.Parameter(torch.randn(settings.heads, settings.max_distance + 2) * 0.02)
        self.path = nn.Parameter(torch.randn(settings.heads, settings.max_distance) * 0.02)
        self.log_scale = nn.Parameter(torch.ones(settings.heads, 1)) if settings.log_adjacency else None

    def forward(self, graph: Graph) -> Tensor:
        """Return the bias (B, heads, N, N)."""
        # One product of all embeddings with all features of the pairs: a look-up by distance
        # instead costs many times more in its backward pass.
        index = torch.arange(self.spatial.shape[1], device=graph.distances.device)[:, None, None]
        is_distance = (graph.distances[:, None] == index).to(graph.paths.dtype)
        mean_path = graph.paths / graph.distances.clamp(min=1)[:, None]
        features, embeddings = [is_distance, mean_path], [self.spatial, self.path]
        if self.log_scale is not None:
            features.append(torch.log(graph.weights + _FLOOR)[:, None])
            embeddings.append(self.log_scale)
        bias = torch.cat(embeddings, dim=1) @ torch.cat(features, dim=1).flatten(2)
        return bias.unflatten(2, graph.distances.shape[1:])
