"""The published transformer on powder patterns, against a literal reading; its structured heads."""

from math import gcd

import numpy as np
import pytest
import torch
from torch.nn.functional import conv1d, gelu, layer_norm, linear

from edsym.powder.rival_settings import PowderTransformerSettings
from edsym.powder.settings import PowderSettings
from edsym.powder.structured import FEATURES, decode, group_features, structured_loss
from edsym.powder.transformer import PublishedTransformer
from edsym.symmetry import crystal_system
from edsym.symmetry.classes import bravais_lattices, powder_groups
from edsym.symmetry.derivation import absent_reflections

SMALL = PowderSettings(two_theta_min=5, two_theta_max=35, step=0.1)


def test_the_published_network_has_its_parameters_and_shapes():
    network = PublishedTransformer(PowderSettings(), PowderTransformerSettings())
    # published: 882,861; without a head of 37 that nothing reads, and two of 99 groups that are no others
    assert sum(p.numel() for p in network.parameters()) == 882_861 - 37 * 129 - 2 * 129
    profiles = torch.rand(2, 1700)
    assert network.points(profiles).shape == (2, 2, 8525) and network.positions().shape == (1, 342, 128)
    assert [found.shape for found in network.outputs(profiles)] == [(2, 97), (2, 37)]
    assert network(profiles).shape == (2, 230)
    raw = np.array([[2.0, 8.0, 0.0]], np.float32)
    assert network.prepare(raw).tolist() == [[0.25, 1.0, 0.0]]


def test_the_network_is_its_literal_reading():
    torch.manual_seed(0)
    settings = PowderTransformerSettings(patch=50, width=8, depth=2, heads=2)
    network = PublishedTransformer(SMALL, settings).double()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    profiles = torch.rand(2, SMALL.bins, dtype=torch.float64)
    tokens = _literal(network.state_dict(), profiles, patch=50, heads=2, depth=2)
    assert torch.allclose(network.features(profiles), tokens, atol=1e-6)
    logits = linear(tokens, network.head.weight, network.head.bias)
    assert torch.allclose(
        network(profiles)[:, [0, 224]], logits[:, powder_groups().index[[0, 224]]], atol=1e-5
    )


def _literal(weights, profiles, patch, heads, depth):
    """Return the class token, step by step as arXiv 2604.23811 and its code have it."""
    axis = np.arange(5, 35.005, 0.01)
    bins = 5 + 0.1 * (np.arange(SMALL.bins) + 0.5)
    signal = np.array([np.interp(axis, bins, row) for row in profiles.numpy()])
    length = -(-len(axis) // patch) * patch
    signal = np.pad(signal, ((0, 0), (0, length - len(axis))))
    sine = np.sin(np.radians(np.linspace(5, 35, length) / 2)) ** 2
    channel = 2 * (sine - sine.min()) / (sine.max() - sine.min()) - 1
    x = torch.from_numpy(np.stack([signal, np.tile(channel, (2, 1))], 1))
    x = conv1d(x, weights["embed.weight"], weights["embed.bias"], stride=patch).transpose(1, 2)
    centre = np.linspace(5, 35, length).reshape(-1, patch).mean(1)
    coordinate = torch.from_numpy(100 * np.sin(np.radians(centre / 2)) ** 2)[:, None]
    physics = gelu(linear(coordinate, weights["physics.0.weight"], weights["physics.0.bias"]))
    physics = linear(physics, weights["physics.2.weight"], weights["physics.2.bias"])
    x = torch.cat([weights["class_token"].expand(2, 1, -1), x], 1) + weights["position"]
    x[:, 1:] += physics
    for i in range(depth):
        own = {k.removeprefix(f"blocks.{i}."): v for k, v in weights.items() if k.startswith(f"blocks.{i}.")}
        width = x.shape[2]
        y = layer_norm(x, (width,), own["norm1.weight"], own["norm1.bias"], 1e-6)
        q, k, v = linear(y, own["qkv.weight"], own["qkv.bias"]).split(width, dim=2)
        mixed = []
        for h in range(heads):
            part = slice(h * width // heads, (h + 1) * width // heads)
            scores = q[..., part] @ k[..., part].transpose(1, 2) / np.sqrt(width / heads)
            mixed.append(scores.softmax(2) @ v[..., part])
        x = x + linear(torch.cat(mixed, 2), own["project.weight"], own["project.bias"])
        y = layer_norm(x, (width,), own["norm2.weight"], own["norm2.bias"], 1e-6)
        y = gelu(linear(y, own["perceptron.0.weight"], own["perceptron.0.bias"]))
        x = x + linear(y, own["perceptron.2.weight"], own["perceptron.2.bias"])
    return layer_norm(x, x.shape[2:], weights["norm.weight"], weights["norm.bias"], 1e-6)[:, 0]


def _named(row):
    return {name for name, value in zip(FEATURES, row, strict=True) if value}


def test_features_are_those_of_the_symmetry_operations():
    features, index = group_features(), powder_groups().index
    assert len(np.unique(features, axis=0)) == 97
    periods = {"21": 2, "42": 2, "63": 2, "31": 3, "62": 3, "41": 4, "61": 6}
    for number in range(1, 231):
        named = _named(features[index[number - 1]])
        first = int(np.flatnonzero(index == index[number - 1])[0]) + 1
        lattice = bravais_lattices().names[bravais_lattices().index[number - 1]][1]
        assert {crystal_system(first), lattice} <= named, number
        screws = [name[2:] for name in named if name[:2] == "1 " and name[2:] in periods]
        if number >= 75 and screws:
            present = np.flatnonzero(~absent_reflections(number)[6, 6, 7:]) + 1
            assert gcd(*present.tolist()) == periods[screws[0]], number
    assert _named(features[index[13]]) == {"monoclinic", "P", "1 21", "1 b"}
    assert _named(features[index[226]]) == {"cubic", "F", "1 d"}
    assert _named(features[index[166]]) == {"trigonal", "R", "3 c"}


def test_the_released_rows_are_those_of_other_groups():
    true, released = group_features(), group_features("released")
    assert (true != released).any(1).all() and len(np.unique(released, axis=0)) == 83
    assert (true[:, :7].argmax(1) != released[:, :7].argmax(1)).sum() == 71
    # P21/c was taught as P42/n
    assert _named(released[powder_groups().index[13]]) == {"tetragonal", "P", "1 42", "1 n"}


def test_the_decoder_multiplies_what_the_heads_say():
    features = torch.from_numpy(group_features())
    logits = torch.randn(3, len(FEATURES), generator=torch.Generator().manual_seed(1))
    p = decode(logits, features).exp()
    assert p.sum(1).numpy() == pytest.approx(1)
    system, lattice = logits[:, :7].softmax(1), logits[:, 7:12].softmax(1)
    present = logits[:, 12:].sigmoid()
    joint = torch.stack(
        [
            system[:, row[:7].argmax()] * lattice[:, row[7:12].argmax()]
            * torch.where(row[12:] > 0, present, 1 - present).prod(1)
            for row in features
        ],
        1,
    )  # fmt: skip
    assert torch.allclose(p, joint / joint.sum(1, keepdim=True), rtol=1e-4)
    sure = 20 * (2 * features - 1)
    assert (decode(sure, features).argmax(1) == torch.arange(97)).all()
    assert structured_loss(sure, features) < 1e-4 < structured_loss(-sure, features)
