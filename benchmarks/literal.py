"""PE-AG-GMoE as one reads it in the paper, without regard for speed: the peer of `training.py`.

Patterns are padded to the largest, padding goes through all layers, the experts come one after the other, and
shortest paths are found pattern by pattern with SciPy, as Graphormer's own code does with its Floyd-Warshall.
The weights are those of a `GMoENetwork`, so that both can be compared.
"""

import numpy as np
import torch
from scipy.sparse.csgraph import shortest_path
from torch import Tensor

from edsym.models.gmoe.aggregator import AggregatorLayer
from edsym.models.gmoe.experts import ExpertMixture
from edsym.models.gmoe.graph import Graph
from edsym.models.gmoe.graphormer import GraphormerLayer
from edsym.models.gmoe.network import GMoENetwork


class LiteralNetwork:
    """The same function of the same weights as a network with `graph` sparsemax or literal.

    Parameters
    ----------
    network : GMoENetwork
        Its weights are used, not copied. Dropout must be 0 and the input without pair spectra.
    """

    def __init__(self, network: GMoENetwork):
        self.network = network

    def __call__(self, patterns: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Return logits of crystal system (B, 7) and space group (B, 230) of patterns (n, 3)."""
        network = self.network
        points = torch.nn.utils.rnn.pad_sequence(patterns, batch_first=True)
        mask = torch.arange(points.shape[1]) < torch.tensor([len(p) for p in patterns])[:, None]
        h = network.encoder(points.flatten(0, 1)).unflatten(0, mask.shape)
        h, first = _aggregate(network.aggregator.first, h, mask)
        h, second = _aggregate(network.aggregator.second, h, mask)
        attention = second @ first * (mask[:, :, None] & mask[:, None, :])
        graphs = [
            _graph(a, int(m.sum()), network.settings.max_distance)
            for a, m in zip(attention, mask, strict=True)
        ]
        graph = Graph(*(torch.stack(parts) for parts in zip(*graphs, strict=True)))
        h = network.degree_encoding(h, graph.degrees)
        bias = network.token.extend(network.pair_bias(graph), mask)
        nodes = torch.cat([network.token(len(patterns))[:, None], h], dim=1)
        for layer in network.layers:
            nodes = _graphormer(layer, nodes, bias)
        token = network.norm(nodes[:, 0])
        return network.system_head(token), network.spacegroup_head(token)


def _experts(mixture: ExpertMixture, x: Tensor) -> Tensor:
    """Return z of all tokens, padding too, by a loop over the experts."""
    tokens = x.flatten(0, -2)
    weight, chosen = mixture.gate(tokens).softmax(-1).topk(mixture.top_k, dim=-1)
    y = mixture.shared(tokens)
    for number, expert in enumerate(mixture.experts):
        token, place = (chosen == number).nonzero(as_tuple=True)
        if len(token):
            y = y.index_add(0, token, expert(tokens[token]) * weight[token, place, None])
    return y.view_as(x)


def _heads(projection: Tensor, heads: int) -> tuple[Tensor, Tensor, Tensor]:
    return projection.unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)


def _aggregate(layer: AggregatorLayer, h: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    q, k, v = _heads(layer.qkv(layer.norm1(h)), layer.heads)
    logits = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).masked_fill(~mask[:, None, None], -1e30)
    attention = layer.normalise(logits)
    h = h + layer.out((attention @ v).transpose(1, 2).flatten(2))
    return h + _experts(layer.experts, layer.norm2(h)), attention.mean(1)


def _graphormer(layer: GraphormerLayer, nodes: Tensor, bias: Tensor) -> Tensor:
    q, k, v = _heads(layer.qkv(layer.norm1(nodes)), layer.heads)
    attention = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5 + bias).softmax(-1)
    nodes = nodes + layer.out((attention @ v).transpose(1, 2).flatten(2))
    token, spots = nodes[:, :1], nodes[:, 1:]
    token = token + _experts(layer.token_experts, layer.token_norm2(token))
    return torch.cat([token, spots + _experts(layer.experts, layer.norm2(spots))], dim=1)


def _graph(attention: Tensor, size: int, max_distance: int) -> tuple[Tensor, ...]:
    """Return the parts of one pattern's `Graph`; its first `size` nodes are spots."""
    weights = attention.detach().numpy()[:size, :size]
    adjacency = weights > 0
    distance = shortest_path(adjacency, method="FW", unweighted=True)
    distance = np.where(distance <= max_distance, distance, max_distance + 1).astype(int)
    np.fill_diagonal(distance, 0)
    places, edges = [], []
    for start in range(size):
        last = _last_nodes(distance[start], weights * adjacency, max_distance)
        for end in range(size):
            if 0 < distance[start, end] <= max_distance:
                node = end
                for step in range(distance[start, end] - 1, -1, -1):
                    before = last[node] if step else start
                    places.append((step, start, end))
                    edges.append((before, node))
                    node = before
    return _padded(attention, adjacency, distance, places, edges, max_distance)


def _last_nodes(distance: np.ndarray, weights: np.ndarray, max_distance: int) -> np.ndarray:
    """Return the node before each on its shortest path from one start: of several, by the heaviest edge."""
    last = np.zeros(len(distance), int)
    for length in range(2, max_distance + 1):
        ends = np.flatnonzero(distance == length)
        last[ends] = ((distance == length - 1)[:, None] * weights[:, ends]).argmax(0)
    return last


def _padded(attention, adjacency, distance, places, edges, max_distance: int) -> tuple[Tensor, ...]:
    size, n = len(attention), len(distance)
    degrees = torch.zeros(size, dtype=int)
    degrees[:n] = torch.from_numpy(adjacency.sum(-1))
    distances = torch.full((size, size), max_distance + 1)
    distances[:n, :n] = torch.from_numpy(distance)
    paths = torch.zeros(max_distance, size, size)
    if places:
        paths = paths.index_put(tuple(torch.tensor(places).T), attention[tuple(torch.tensor(edges).T)])
    return attention, degrees, distances, paths
