"""The graph of a pattern, out of attention: edges, degrees, shortest paths."""

from typing import NamedTuple

import torch
from torch import Tensor

# Pairs of nodes whose paths are extended at once: bounds the memory, which is this times N.
_PAIRS_AT_ONCE = 8192


class Graph(NamedTuple):
    """The graphs of a batch of patterns.

    Attributes
    ----------
    weights : Tensor
        A, (B, N, N): the weight of the edge from i to j.
    degrees : Tensor
        deg_i = Σ_j 1[edge from i to j], (B, N).
    distances : Tensor
        Edges on the shortest path from i to j, (B, N, N): 0 for i = j, `max_distance` + 1 where
        there is no path of at most `max_distance` edges.
    paths : Tensor
        P_ijl as (B, max_distance, N, N): the weight of the l-th edge on that path, or 1, 0 behind its end.
    """

    weights: Tensor
    degrees: Tensor
    distances: Tensor
    paths: Tensor


def graph_from_attention(
    attention: Tensor, mask: Tensor, kind: str, max_distance: int, path_edges: str = "weight"
) -> Graph:
    """Return the graphs in the combined attention A (B, N, N) of patterns with spots `mask` (B, N).

    An edge is where A_ij > 0, as the paper says, which needs attention with exact zeros (`kind` is
    ``sparsemax``): softmax is positive everywhere, and the graph then complete (``literal``). With
    ``threshold`` an edge is where A_ij exceeds the 1/N of uniform attention over N spots. Paths list the
    weights of their edges, or with `path_edges` ``presence`` a 1 for each.
    """
    bound = 1 / mask.sum(-1)[:, None, None] if kind == "threshold" else 0
    adjacency = attention > bound
    distances, last = shortest_paths(adjacency, attention.detach(), max_distance)
    if path_edges == "weight":
        paths = path_weights(attention, distances, last, max_distance)
    else:
        paths = path_presence(distances, max_distance).to(attention.dtype)
    return Graph(attention, adjacency.sum(-1), distances, paths)


@torch.no_grad()
def shortest_paths(adjacency: Tensor, weights: Tensor, max_distance: int) -> tuple[Tensor, Tensor]:
    """Return shortest paths between all nodes of a batch of directed graphs, breadth first.

    Of several shortest paths the one whose last edge weighs most is taken, then the one whose last
    but one weighs most, and so on: the choice follows the nodes when they are reordered.

    Parameters
    ----------
    adjacency : Tensor
        (B, N, N), bool; edges from a node to itself are on no path.
    weights : Tensor
        Weights of the edges, (B, N, N), positive.
    max_distance : int
        Longest path looked for.

    Returns
    -------
    distances : Tensor
        (B, N, N): edges on the path from i to j, `max_distance` + 1 where none was found.
    last : Tensor
        (B, N, N): the last node before j on the path from i to j, where there is one.
    """
    size, device = adjacency.shape[-1], adjacency.device
    distances = torch.where(adjacency, 1, max_distance + 1).to(torch.int16)
    distances.diagonal(dim1=1, dim2=2).zero_()
    last = torch.arange(size, device=device)[:, None].repeat(len(adjacency), 1, size)
    incoming = (weights * adjacency).transpose(1, 2).flatten(0, 1)
    for length in range(2, max_distance + 1):
        frontier = (distances == length - 1).float()
        new = (frontier @ adjacency.float() > 0) & (distances > max_distance)
        pattern, start, end = new.nonzero(as_tuple=True)
        if not len(pattern):
            break
        pairs = torch.stack([pattern * size + start, pattern * size + end])
        last[new] = torch.cat(
            [
                (frontier.flatten(0, 1).index_select(0, row) * incoming.index_select(0, column)).argmax(-1)
                for row, column in pairs.split(_PAIRS_AT_ONCE, dim=1)
            ]
        )
        distances[new] = length
    return distances, last


def path_presence(distances: Tensor, max_distance: int) -> Tensor:
    """Return whether the path from i to j has an l-th edge, (B, max_distance, N, N), bool.

    Parameters
    ----------
    distances : Tensor
        As `shortest_paths` returns them, (B, N, N); there is no path where they exceed `max_distance`.
    max_distance : int
        Longest path.
    """
    place = torch.arange(max_distance, device=distances.device)[:, None, None]
    reached = distances <= max_distance
    return (distances[:, None] > place) & reached[:, None]


def path_weights(weights: Tensor, distances: Tensor, last: Tensor, max_distance: int) -> Tensor:
    """Return P_ijl (B, max_distance, N, N), the weight of the l-th edge on the path from i to j.

    Parameters
    ----------
    weights : Tensor
        Weights of the edges, (B, N, N); the result is differentiable in them.
    distances, last : Tensor
        The paths, as `shortest_paths` returns them.
    max_distance : int
        Longest path.
    """
    direct = weights * (distances == 1)
    paths = torch.cat(
        [direct[:, None], direct.new_zeros(len(direct), max_distance - 1, *direct.shape[1:])], 1
    )
    pattern, start, end = ((distances >= 2) & (distances <= max_distance)).nonzero(as_tuple=True)
    slots, edges = [], []
    # Back along all longer paths at once, an edge at a time.
    position = distances[pattern, start, end] - 1
    node = end
    while len(pattern):
        before = last[pattern, start, node]
        slots.append(
            ((pattern * max_distance + position) * weights.shape[1] + start) * weights.shape[2] + end
        )
        edges.append((pattern * weights.shape[1] + before) * weights.shape[2] + node)
        on = position > 0
        pattern, start, end, node = pattern[on], start[on], end[on], before[on]
        position = position[on] - 1
    if not slots:
        return paths
    values = weights.flatten().index_select(0, torch.cat(edges))
    return paths.flatten().scatter(0, torch.cat(slots), values).view_as(paths)
