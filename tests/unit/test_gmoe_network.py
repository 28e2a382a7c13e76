import math
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch.nn import functional

from edsym.errors import InputError
from edsym.models.gmoe.graph import graph_from_attention
from edsym.models.gmoe.layout import Layout
from edsym.models.gmoe.network import GMoENetwork
from edsym.models.gmoe.settings import NetworkSettings
from edsym.models.gmoe.sparsemax import sparsemax
from edsym.models.gmoe.spectra import spectra
from edsym.settings import entries
from edsym.training.loss import joint_loss
from edsym.training.ragged import Batch

SETTINGS = {
    "width": 32, "features": "polar",
    "point_channels": [16, 16], "heads": 4, "aggregator_heads": 2, "layers": 2, "experts": 6,
    "top_k": 2, "expert_width": 16, "graph": "sparsemax", "max_distance": 4, "max_degree": 16,
    "dropout": 0.1, "spectra_width": 24, "spectra_dropout": 0.3,
}  # fmt: skip


LITERAL = yaml.safe_load((Path(__file__).parents[2] / "config/literal.yaml").read_text("utf-8"))["network"]


def make_network(**changes):
    torch.manual_seed(0)
    network = GMoENetwork(NetworkSettings(**SETTINGS | changes))
    network.encoder.measure(torch.cat(make_patterns(20)))
    return network.eval()


def make_patterns(count, sizes=(5, 40)):
    rng = np.random.default_rng(3)
    patterns = []
    for n in rng.integers(*sizes, count):
        x = np.column_stack([rng.uniform(-2, 2, (n, 2)), np.exp(rng.uniform(-9, -1, n))])
        patterns.append(torch.from_numpy(x.astype(np.float32)))
    return patterns


def batch_of(patterns):
    """Return patterns, (N, 3) each, as a batch."""
    sizes = torch.tensor([len(pattern) for pattern in patterns])
    number = torch.arange(len(patterns))
    ptr = functional.pad(sizes.cumsum(0), (1, 0))
    return Batch(torch.cat(patterns), number.repeat_interleave(sizes), ptr, number)


def logits(network, patterns):
    with torch.no_grad():
        return network(batch_of(patterns))


class Reference:
    """The network's answer to one pattern (N, 3) by the formulas, spot by spot, out of its weights."""

    def __init__(self, network):
        self.settings, self.weights = network.settings, network.state_dict()
        self.balance = 0.0

    def product(self, name, x):
        return x @ self.weights[f"{name}.weight"].T

    def linear(self, name, x):
        return self.product(name, x) + self.weights[f"{name}.bias"]

    def norm(self, name, x):
        centred = x - x.mean(-1, keepdim=True)
        scaled = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
        return scaled * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def encoder(self, points):
        qx, qy, intensity = points.T
        r, theta, orders = torch.hypot(qx, qy), torch.atan2(qy, qx), torch.arange(1, 17)
        if self.settings.features != "polar":
            intensity = intensity.clamp(min=1e-6).log()
        polar = torch.stack([r, theta, intensity], 1)
        polar = (polar - self.weights["encoder.mean"]) / self.weights["encoder.std"]
        radial, angular = (
            [f(phase[:, None] * orders) for f in (torch.sin, torch.cos)] for phase in (math.pi * r, theta)
        )
        x = {
            "polar": [polar],
            "polar_log": [polar],
            "harmonics": [polar, *radial, *angular],
            "invariant": [polar[:, [0, 2]], *radial],
        }[self.settings.features]
        x = torch.cat(x, 1)
        for i, outputs in enumerate((*self.settings.point_channels, self.settings.width)):
            name = f"encoder.blocks.{i}"
            residual = x if x.shape[1] == outputs else self.product(f"{name}.residual", x)
            x = torch.relu(self.norm(f"{name}.norm", self.linear(f"{name}.convolution", x))) + residual
        return x

    def expert(self, name, x):
        gate, value = self.product(f"{name}.w1_w3", x).chunk(2)
        return self.product(f"{name}.w2", gate * torch.sigmoid(gate) * value)

    def mixture(self, name, h):
        p = self.product(f"{name}.gate", h).softmax(1)
        best = p.argsort(1, descending=True)[:, : self.settings.top_k]
        load = torch.bincount(best.flatten(), minlength=self.settings.experts) / best.numel()
        self.balance = self.balance + self.settings.experts * (load * p.mean(0)).sum()
        rows = [
            self.expert(f"{name}.shared", x)
            + sum(p[i, e] * self.expert(f"{name}.experts.{e}", x) for e in best[i])
            for i, x in enumerate(h)
        ]
        return torch.stack(rows)

    def attention(self, name, h, heads, normalise, bias):
        """Return what each node gets, and the weights (heads, N, N)."""
        q, k, v = (part.reshape(len(h), heads, -1) for part in self.linear(f"{name}.qkv", h).chunk(3, 1))
        logits = torch.einsum("ihc,jhc->hij", q, k) / math.sqrt(q.shape[2])
        weights = normalise(logits + bias)
        return self.linear(f"{name}.out", torch.einsum("hij,jhc->ihc", weights, v).flatten(1)), weights

    def aggregator(self, name, h):
        normalise = sparsemax if self.settings.graph == "sparsemax" else lambda x: x.softmax(-1)
        x = self.norm(f"{name}.norm1", h)
        mixed, weights = self.attention(name, x, self.settings.aggregator_heads, normalise, 0)
        h = h + mixed
        return h + self.mixture(f"{name}.experts", self.norm(f"{name}.norm2", h)), weights.mean(0)

    def bias(self, combined):
        """Return b (heads, N, N) and the degrees (N,)."""
        mask, settings = torch.ones(1, len(combined), dtype=torch.bool), self.settings
        graph = graph_from_attention(combined[None], mask, settings.graph, settings.max_distance)
        spatial, path = self.weights["pair_bias.spatial"], self.weights["pair_bias.path"]
        bias = torch.zeros(settings.heads, *combined.shape, dtype=combined.dtype)
        if settings.log_adjacency:
            bias += self.weights["pair_bias.log_scale"][:, :, None] * (combined + 1e-3).log()
        for i, j in np.ndindex(*combined.shape):
            d = int(graph.distances[0, i, j])
            on_path = d if d <= settings.max_distance else 0
            is_weight = settings.path_edges == "weight"
            edges = graph.paths[0, :on_path, i, j] if is_weight else torch.ones(on_path, dtype=path.dtype)
            bias[:, i, j] += spatial[:, d] + path[:, :on_path] @ edges / max(d, 1)
        return bias, graph.degrees[0]

    def __call__(self, points):
        settings, n = self.settings, len(points)
        h = self.encoder(points)
        h, first = self.aggregator("aggregator.first", h)
        h, second = self.aggregator("aggregator.second", h)
        bias = torch.zeros(settings.heads, n + 1, n + 1, dtype=h.dtype)
        bias[:, 0, :] = bias[:, :, 0] = self.weights["token.bias"][:, None]
        if settings.graph != "none":
            bias[:, 1:, 1:], degrees = self.bias(second @ first)
            h = h + self.weights["degree_encoding.embedding.weight"][degrees.clamp(max=settings.max_degree)]
        token = self.weights["token.channels"][None]
        if settings.spectra_width:
            x = spectra(points[None], torch.ones(1, n, dtype=torch.bool))
            x = self.norm("spectra.layers.2", self.linear("spectra.layers.1", x))
            x = functional.silu(self.linear("spectra.layers.5", functional.silu(x)))
            token = token + self.linear("spectra.layers.8", x)
        for i in range(settings.layers):
            name, nodes = f"layers.{i}", torch.cat([token, h])
            nodes = (
                nodes
                + self.attention(
                    name, self.norm(f"{name}.norm1", nodes), settings.heads, lambda x: x.softmax(-1), bias
                )[0]
            )
            if settings.token_experts == "last" and i < settings.layers - 1:
                nodes = nodes + self.mixture(f"{name}.experts", self.norm(f"{name}.norm2", nodes))
                token, h = nodes[:1], nodes[1:]
                continue
            token, h = nodes[:1], nodes[1:]
            h = h + self.mixture(f"{name}.experts", self.norm(f"{name}.norm2", h))
            token = token + self.mixture(f"{name}.token_experts", self.norm(f"{name}.token_norm2", token))
        token = self.norm("norm", token)[0]
        return self.linear("system_head", token), self.linear("spacegroup_head", token), self.balance


@pytest.mark.parametrize(
    "choices",
    [
        {"features": "polar", "graph": "sparsemax"},
        {"features": "polar_log", "graph": "threshold", "spectra_width": 0},
        {"features": "harmonics", "graph": "literal"},
        {"features": "invariant", "graph": "none"},
        {"log_adjacency": False},
        {"path_edges": "presence"},
        {"token_experts": "last"},
        LITERAL,
    ],
    ids=lambda choices: " ".join(map(str, choices.values())),
)
def test_network_is_its_formulas(choices):
    sizes = {"layers": 3, "max_distance": 2, "max_degree": 6, "point_channels": [16, 32]}
    network = make_network(**choices, **sizes).double()
    with torch.no_grad():  # what starts at zero or one must tell as well
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    for pattern in make_patterns(2, sizes=(8, 14)):
        points = pattern.double()
        points[0, 2] = 1e-9  # fainter than anything counts
        expected = Reference(network)(points)
        for found, value in zip(logits(network, [points]), expected, strict=True):
            torch.testing.assert_close(found.squeeze(0), value, atol=1e-9, rtol=1e-9)


def test_weights_start_small_where_nothing_is_known_and_of_unit_variance_in_attention():
    network = make_network(width=64, heads=16, max_distance=32)
    for parameter in (network.token.channels, network.pair_bias.spatial, network.pair_bias.path):
        assert 0.015 < float(parameter.std()) < 0.025
    assert not network.token.bias.any() and (network.pair_bias.log_scale == 1).all()
    for projection in network.aggregator.first.qkv.weight.chunk(3):
        assert float(projection.std()) == pytest.approx(1 / 8, rel=0.1)


@pytest.mark.parametrize("graph", entries(NetworkSettings)["graph"]["enum"])
def test_order_of_spots_changes_nothing(graph):
    # In float64: whether an edge is there must not hang on the rounding of sums in another order.
    network = make_network(graph=graph).double()
    patterns = [pattern.double() for pattern in make_patterns(6)]
    generator = torch.Generator().manual_seed(5)
    shuffled = [p[torch.randperm(len(p), generator=generator)] for p in patterns]
    for a, b in zip(logits(network, patterns), logits(network, shuffled), strict=True):
        torch.testing.assert_close(a, b, atol=1e-10, rtol=0)


def test_without_a_graph_the_aggregator_mixes_spots_as_with_the_complete_one():
    complete, none = make_network(graph="literal"), make_network(graph="none")
    none.load_state_dict(complete.state_dict(), strict=False)
    assert not any("degree" in name or "pair_bias" in name for name in none.state_dict())
    points = batch_of(make_patterns(5))
    layout = Layout.of(points)
    expected, attention, balance = complete.aggregator(complete.encoder(points.x), layout)
    h, nothing, same_balance = none.aggregator(none.encoder(points.x), layout)
    torch.testing.assert_close(h, expected)
    torch.testing.assert_close(same_balance, balance)
    assert attention is not None and nothing is None


@pytest.mark.parametrize("graph", ["sparsemax", "literal"])
def test_attention_is_a_distribution_over_the_spots_and_nothing_elsewhere(graph):
    network, points = make_network(graph=graph), batch_of(make_patterns(5))
    layout = Layout.of(points)
    _, attention, _ = network.aggregator(network.encoder(points.x), layout)
    torch.testing.assert_close(attention.sum(-1), layout.mask.float())
    assert not attention.masked_select(~layout.mask[:, None]).any()


def test_without_local_experts_the_shared_one_is_left():
    network = make_network(experts=0, top_k=0)
    assert not any(".experts.experts." in name or "gate" in name for name in network.state_dict())
    output = logits(network, make_patterns(3))
    assert output.system.isfinite().all() and output.balance == 0


def test_content_of_spots_changes_something():
    network = make_network()
    pattern = make_patterns(1)[0]
    moved = pattern * torch.tensor([1.1, 1.0, 1.0])
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
        output = network(batch_of([pattern, *others]))
        (output.system[0].logsumexp(-1) + output.spacegroup[0].logsumexp(-1)).backward()
        gradients.append(network.aggregator.first.qkv.weight.grad)
    torch.testing.assert_close(*gradients, atol=1e-6, rtol=1e-3)


@pytest.mark.parametrize("graph", ["sparsemax", "threshold", "literal"])
def test_gradient_reaches_every_parameter_of_aggregator_and_bias(graph):
    network = make_network(graph=graph)
    output = network(batch_of(make_patterns(8)))
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
    network(batch_of(make_patterns(4))).system.sum().backward()
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


def test_by_the_formulas_alone_the_graph_is_complete_and_nothing_of_attention_reaches_the_bias():
    network = make_network(**LITERAL)
    biases = []
    network.pair_bias.register_forward_hook(lambda module, inputs, result: biases.append(result[0]))
    network(batch_of(make_patterns(1))).system.sum().backward()
    off_diagonal = biases[0][:, ~torch.eye(biases[0].shape[-1], dtype=torch.bool)]
    assert (off_diagonal == off_diagonal[:, :1]).all()
    assert not torch.equal(biases[0].diagonal(dim1=1, dim2=2), off_diagonal[:, : biases[0].shape[-1]])
    # What the second attention mixes is read from the spots, its weights as a graph by nothing.
    network.zero_grad()
    network.aggregator.second.out.weight.data.zero_()
    network(batch_of(make_patterns(1))).system.sum().backward()
    assert not network.aggregator.second.qkv.weight.grad[:64].any()


@pytest.mark.parametrize("change", [{"log_adjacency": False}, {"path_edges": "presence"}])
def test_a_bias_cannot_be_chosen_without_a_graph(change):
    with pytest.raises(InputError, match=f"network.{next(iter(change))}: .* with network.graph none"):
        NetworkSettings(graph="none", **change)
