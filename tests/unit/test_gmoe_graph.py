import itertools

import networkx
import numpy as np
import pytest
import torch

from edsym.models.gmoe.graph import graph_from_attention, path_weights, shortest_paths

MAX_DISTANCE = 4


@pytest.fixture(params=[0.03, 0.08, 0.3])
def graphs(request):
    """Six directed graphs of 5 to 25 nodes, padded to 25, with weighted edges and some loops."""
    rng = np.random.default_rng(round(1000 * request.param))
    weights, sizes = np.zeros((6, 25, 25)), rng.integers(5, 26, 6)
    for matrix, n in zip(weights, sizes, strict=True):
        matrix[:n, :n] = rng.uniform(0.1, 1, (n, n)) * (rng.uniform(size=(n, n)) < request.param)
    mask = np.arange(25) < sizes[:, None]
    return torch.from_numpy(weights), torch.from_numpy(mask)


def test_degrees_and_distances_are_those_of_networkx(graphs):
    weights, mask = graphs
    graph = graph_from_attention(weights, mask, "sparsemax", MAX_DISTANCE)
    for b, matrix in enumerate(weights.numpy()):
        reference = networkx.from_numpy_array(matrix, create_using=networkx.DiGraph)
        assert graph.degrees[b].tolist() == [reference.out_degree(i) for i in range(25)]
        lengths = dict(networkx.all_pairs_shortest_path_length(reference, cutoff=MAX_DISTANCE))
        expected = [[lengths[i].get(j, MAX_DISTANCE + 1) for j in range(25)] for i in range(25)]
        assert graph.distances[b].tolist() == expected


def test_paths_have_their_length_and_consist_of_edges(graphs):
    weights, _ = graphs
    distances, last = shortest_paths(weights > 0, weights, MAX_DISTANCE)
    paths = path_weights(weights, distances, last, MAX_DISTANCE)
    for b, i, j in torch.cartesian_prod(*map(torch.arange, distances.shape)).tolist():
        length = int(distances[b, i, j])
        if not 1 <= length <= MAX_DISTANCE:
            assert not paths[b, :, i, j].any()
            continue
        nodes = [j]
        while len(nodes) <= length:
            nodes.insert(0, int(last[b, i, nodes[0]]))
        assert nodes[0] == i
        edges = [float(weights[b, s, e]) for s, e in itertools.pairwise(nodes)]
        assert min(edges) > 0
        assert paths[b, :, i, j].tolist() == edges + [0.0] * (MAX_DISTANCE - length)


def test_of_two_shortest_paths_the_strongest_last_edge_wins():
    weights = torch.zeros(1, 4, 4)
    weights[0, 0, 1], weights[0, 1, 3] = 0.9, 0.2
    weights[0, 0, 2], weights[0, 2, 3] = 0.1, 0.3
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]):
        mixed = weights[:, order][:, :, order]
        distances, last = shortest_paths(mixed > 0, mixed, MAX_DISTANCE)
        paths = path_weights(mixed, distances, last, MAX_DISTANCE)
        start, end = order.index(0), order.index(3)
        torch.testing.assert_close(paths[0, :, start, end], torch.tensor([0.1, 0.3, 0, 0]))


def test_kinds_of_graph():
    attention = torch.tensor([[[0.5, 0.4, 0.1], [0.1, 0.3, 0.6], [0.2, 0.8, 1e-9]]])
    mask = torch.ones(1, 3, dtype=torch.bool)
    assert graph_from_attention(attention, mask, "literal", 3).degrees.tolist() == [[3, 3, 3]]
    assert graph_from_attention(attention, mask, "threshold", 3).degrees.tolist() == [[2, 1, 1]]


def test_paths_carry_the_gradient_to_their_edges():
    weights = torch.tensor([[[0, 0.5, 0], [0, 0, 0.25], [0, 0, 0]]], requires_grad=True)
    distances, last = shortest_paths(weights > 0, weights, 2)
    path_weights(weights, distances, last, 2)[0, :, 0, 2].sum().backward()
    assert weights.grad.tolist() == [[[0, 1, 0], [0, 0, 1], [0, 0, 0]]]
