"""The network as the paper reads, in plain PyTorch: what `edsym.models.gmoe` is timed against and held to.

Every pattern is padded to the same length and every layer acts on the padding, too; the experts take turns;
the graph of each pattern goes to the CPU, where SciPy finds its shortest paths. It has the parameters of
`GMoENetwork` by the same names, so that the weights of one are the weights of the other.
"""

import numpy as np
import torch
from scipy.sparse.csgraph import shortest_path
from torch import Tensor
from torch.nn.functional import pad
from torch_geometric.data import Batch
from torch_geometric.utils import to_dense_batch

from edsym.models.gmoe.aggregator import AggregatorLayer
from edsym.models.gmoe.experts import ExpertMixture
from edsym.models.gmoe.graphormer import GraphormerLayer
from edsym.models.gmoe.network import GMoENetwork, Output
from edsym.models.gmoe.settings import NetworkSettings


class LiteralNetwork(GMoENetwork):
    """PE-AG-GMoE on padded patterns; features are the paper's (``polar``), and there are no spectra.

    Parameters
    ----------
    settings : NetworkSettings
        Sizes of the network.
    longest : int
        Spots that all patterns are padded to: those of the data set's longest pattern.
    """

    def __init__(self, settings: NetworkSettings, longest: int):
        super().__init__(settings)
        self.longest = longest

    def forward(self, points: Batch) -> Output:
        """Return logits and balance loss of a batch, as `GMoENetwork.forward`."""
        x, mask = to_dense_batch(points.x, points.batch, max_num_nodes=self.longest)
        h = self.encoder(x)
        h, attention1, balance1 = aggregate(self.aggregator.first, h, mask)
        h, attention2, balance2 = aggregate(self.aggregator.second, h, mask)
        graphs = [self.graph(a, int(n)) for a, n in zip(attention2 @ attention1, mask.sum(1), strict=True)]
        degrees, bias = (torch.stack(parts) for parts in zip(*graphs, strict=True))
        h = self.degree_encoding(h, degrees)

        mask = pad(mask, (1, 0), value=True)
        h = torch.cat([self.token(len(h))[:, None], h], dim=1)
        balance = balance1 + balance2
        for layer in self.layers:
            h, layer_balance = graphormer(layer, h, bias, mask)
            balance = balance + layer_balance
        token = self.norm(h[:, 0])
        return Output(self.system_head(token), self.spacegroup_head(token), balance)

    def graph(self, attention: Tensor, n: int) -> tuple[Tensor, Tensor]:
        """Return degrees (longest,) and bias (heads, longest + 1, longest + 1) of one pattern of n spots.

        Node 0 of the bias is the graph token, which is connected to all spots.
        """
        attention = attention[:n, :n]
        bound = 1 / n if self.settings.graph == "threshold" else 0
        edges = attention > bound
        distances, steps = shortest_paths(attention, edges, self.settings.max_distance)
        paths = torch.stack([attention[start, end] * on for start, end, on in steps])
        encoding = self.pair_bias
        bias = encoding.spatial[:, distances]
        bias = bias + torch.einsum("hl,lij->hij", encoding.path, paths) / distances.clamp(min=1)
        bias = bias + encoding.log_scale[:, :, None] * torch.log(attention + 1e-3)
        heads, rest = self.settings.heads, self.longest - n
        row, column = (self.token.bias[:, None, None].expand(heads, *shape) for shape in ((1, n), (n + 1, 1)))
        bias = torch.cat([column, torch.cat([row, bias], 1)], 2)
        return pad(edges.sum(1), (0, rest)), pad(bias, (0, rest, 0, rest))


def aggregate(layer: AggregatorLayer, h: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return what an `AggregatorLayer` returns, of h (B, N, width)."""
    q, k, v = layer.qkv(layer.norm1(h)).unflatten(-1, (3, layer.heads, -1)).permute(2, 0, 3, 1, 4)
    logits = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    weights = layer.normalise(logits.masked_fill(~mask[:, None, None, :], torch.finfo(logits.dtype).min))
    h = h + layer.dropout(layer.out((weights @ v).transpose(1, 2).flatten(2)))
    y, balance = mixture(layer.experts, layer.norm2(h), mask)
    return h + layer.dropout(y), weights.mean(1), balance


def graphormer(layer: GraphormerLayer, h: Tensor, bias: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return nodes (B, N + 1, width), of which the first is the graph token, and the balance loss."""
    q, k, v = layer.qkv(layer.norm1(h)).unflatten(-1, (3, layer.heads, -1)).permute(2, 0, 3, 1, 4)
    logits = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5 + bias
    weights = logits.masked_fill(~mask[:, None, None, :], float("-inf")).softmax(-1)
    h = h + layer.dropout(layer.out((weights @ v).transpose(1, 2).flatten(2)))
    token, spots = h[:, :1], h[:, 1:]
    y_token, balance_token = mixture(layer.token_experts, layer.token_norm2(token), mask[:, :1])
    y, balance = mixture(layer.experts, layer.norm2(spots), mask[:, 1:])
    return h + layer.dropout(torch.cat([y_token, y], 1)), balance_token + balance


def mixture(layer: ExpertMixture, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return z = Σ_{top-k} p_k expert_k(x) + shared(x), expert by expert, and the balance loss."""
    p = layer.gate(x).softmax(-1)
    weight, chosen = p.topk(layer.top_k, dim=-1)
    y = torch.zeros_like(x)
    for e, expert in enumerate(layer.experts):
        pattern, spot, rank = (chosen == e).nonzero(as_tuple=True)
        part = weight[pattern, spot, rank, None] * expert(x[pattern, spot])
        y = y.index_put((pattern, spot), part, accumulate=True)
    share = torch.stack([(chosen[mask] == e).float().mean() for e in range(len(layer.experts))])
    return y + layer.shared(x), len(layer.experts) * (share * p[mask].mean(0)).sum()


def shortest_paths(
    attention: Tensor, edges: Tensor, max_distance: int
) -> tuple[Tensor, list[tuple[Tensor, Tensor, Tensor]]]:
    """Return distances (n, n) and, for each step l, the edges (start, end) and whether a path has it.

    Of several shortest paths, the one whose last edge weighs most, as in `edsym.models.gmoe.graph`.
    """
    weights, adjacency = attention.detach().cpu().numpy(), edges.cpu().numpy()
    hops = shortest_path(adjacency, method="FW", unweighted=True)
    last = np.stack([_last_nodes(from_here, weights * adjacency) for from_here in hops])
    distances = np.minimum(hops, max_distance + 1).astype(int)
    steps, start, end = [], np.indices(hops.shape)[0], np.indices(hops.shape)[1]
    length = np.where(hops <= max_distance, distances, 0)
    edge_ends = []
    for back in range(max_distance):
        before = last[start, end]
        edge_ends.append((before, end, length - 1 - back))
        end = np.where(length - 1 - back > 0, before, end)
    for step in range(max_distance):
        at = [position == step for _, _, position in edge_ends]
        begin = np.select(at, [before for before, _, _ in edge_ends])
        stop = np.select(at, [node for _, node, _ in edge_ends])
        steps.append((begin, stop, np.any(at, axis=0)))
    return torch.from_numpy(distances).to(attention.device), [
        tuple(torch.from_numpy(array).to(attention.device) for array in arrays) for arrays in steps
    ]


def _last_nodes(hops: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the node before each node on the way from a node at these distances (n,) from all."""
    return np.where(hops[:, None] + 1 == hops[None], weights, -1).argmax(0)
