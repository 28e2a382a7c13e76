import numpy as np
import pytest
import torch
from torch_geometric.data import Batch, Data

from edsym.models.gmoe.layout import Layout
from edsym.models.gmoe.network import GMoENetwork
from edsym.models.gmoe.settings import NetworkSettings
from edsym.settings import entries
from edsym.training.loss import joint_loss

SETTINGS = {
    "width": 32, "features": "polar",
    "point_channels": [16, 16], "heads": 4, "aggregator_heads": 2, "layers": 2, "experts": 6,
    "top_k": 2, "expert_width": 16, "graph": "sparsemax", "max_distance": 4, "max_degree": 16,
    "dropout": 0.1, "spectra_width": 24, "spectra_dropout": 0.3,
}  # fmt: skip


def make_network(**changes):
    torch.manual_seed(0)
    network = GMoENetwork(NetworkSettings(**SETTINGS | changes))
    network.encoder.measure(torch.cat([pattern.x for pattern in make_patterns(20)]))
    return network.eval()


def make_patterns(count, sizes=(5, 40)):
    rng = np.random.default_rng(3)
    patterns = []
    for n in rng.integers(*sizes, count):
        x = np.column_stack([rng.uniform(-2, 2, (n, 2)), np.exp(rng.uniform(-9, -1, n))])
        patterns.append(Data(x=torch.from_numpy(x.astype(np.float32))))
    return patterns


def logits(network, patterns):
    with torch.no_grad():
        return network(Batch.from_data_list(patterns))


@pytest.mark.parametrize("graph", entries(NetworkSettings)["graph"]["enum"])
def test_order_of_spots_changes_nothing(graph):
    # In float64: whether an edge is there must not hang on the rounding of sums in another order.
    network = make_network(graph=graph).double()
    patterns = [Data(x=pattern.x.double()) for pattern in make_patterns(6)]
    generator = torch.Generator().manual_seed(5)
    shuffled = [Data(x=p.x[torch.randperm(len(p.x), generator=generator)]) for p in patterns]
    for a, b in zip(logits(network, patterns), logits(network, shuffled), strict=True):
        torch.testing.assert_close(a, b, atol=1e-10, rtol=0)


def test_without_a_graph_the_aggregator_mixes_spots_as_with_the_complete_one():
    complete, none = make_network(graph="literal"), make_network(graph="none")
    none.load_state_dict(complete.state_dict(), strict=False)
    assert not any("degree" in name or "pair_bias" in name for name in none.state_dict())
    points = Batch.from_data_list(make_patterns(5))
    layout = Layout.of(points)
    expected, attention, balance = complete.aggregator(complete.encoder(points.x), layout)
    h, nothing, same_balance = none.aggregator(none.encoder(points.x), layout)
    torch.testing.assert_close(h, expected)
    torch.testing.assert_close(same_balance, balance)
    assert attention is not None and nothing is None


def test_without_local_experts_the_shared_one_is_left():
    network = make_network(experts=0, top_k=0)
    assert not any(".experts.experts." in name or "gate" in name for name in network.state_dict())
    output = logits(network, make_patterns(3))
    assert output.system.isfinite().all() and output.balance == 0


def test_content_of_spots_changes_something():
    network = make_network()
    pattern = make_patterns(1)[0]
    moved = Data(x=pattern.x * torch.tensor([1.1, 1.0, 1.0]))
    a, b = logits(network, [pattern]), logits(network, [moved])
    assert (a.system - b.system).abs().max() > 1e-3


def test_padding_changes_nothing():
    network = make_network()
    small = make_patterns(6)
    large = make_patterns(3, sizes=(90, 100))
    together = logits(network, small + large)
    for i, pattern in enumerate(small):
        alone = logits(network, [pattern])
        torch.testing.assert_close(together.system[i : i + 1], alone.system, atol=1e-5, rtol=0)
        torch.testing.assert_close(together.spacegroup[i : i + 1], alone.spacegroup, atol=1e-5, rtol=0)


def test_gradient_does_not_depend_on_padding():
    pattern = make_patterns(1)[0]
    gradients = []
    for others in ([], make_patterns(2, sizes=(60, 61))):
        network = make_network()
        output = network(Batch.from_data_list([pattern, *others]))
        (output.system[0].logsumexp(-1) + output.spacegroup[0].logsumexp(-1)).backward()
        gradients.append(network.aggregator.first.qkv.weight.grad)
    torch.testing.assert_close(*gradients, atol=1e-6, rtol=1e-3)


@pytest.mark.parametrize("graph", ["sparsemax", "threshold", "literal"])
def test_gradient_reaches_every_parameter_of_aggregator_and_bias(graph):
    network = make_network(graph=graph)
    output = network(Batch.from_data_list(make_patterns(8)))
    joint_loss(output, torch.zeros(8, dtype=torch.long), torch.zeros(8, dtype=torch.long), 0.01).backward()
    for part in (network.aggregator, network.pair_bias, network.token, network.encoder):
        for name, parameter in part.named_parameters():
            assert parameter.grad.isfinite().all(), name
            # Of the six experts one may get no spot at all in so small a batch.
            assert parameter.grad.any() or ".experts.experts." in name, name


def test_aggregator_learns_through_the_pair_bias_alone():
    network = make_network()
    network.aggregator.second.out.weight.data.zero_()
    before = network.aggregator.second.qkv.weight
    network(Batch.from_data_list(make_patterns(4))).system.sum().backward()
    assert before.grad[:64].any()  # queries and keys of the last attention feed the graph only


def test_sparsemax_graph_is_not_complete_from_the_start():
    network = make_network(width=64, heads=8)
    degrees = []
    network.degree_encoding.register_forward_hook(lambda module, inputs, result: degrees.append(inputs[1]))
    logits(network, make_patterns(8, sizes=(50, 51)))
    assert 1 < degrees[0].float().mean() < 40


def test_bfloat16_gives_nearly_the_same():
    network, patterns = make_network(graph="literal"), make_patterns(6)
    with torch.autocast("cpu", torch.bfloat16):
        half = logits(network, patterns)
    full = logits(network, patterns)
    assert (half.system - full.system).abs().mean() < 0.05 * full.system.std()
