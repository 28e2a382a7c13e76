"""The fast network against a literal reading of the paper with the same weights."""

import importlib.util
from pathlib import Path

import pytest
import torch
from test_gmoe_network import batch_of, logits, make_network, make_patterns

PATH = Path(__file__).parents[2] / "benchmarks/literal.py"


@pytest.mark.parametrize("graph", ["sparsemax", "literal"])
def test_network_is_the_literal_reading(graph):
    spec = importlib.util.spec_from_file_location("literal", PATH)
    literal = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(literal)
    network = make_network(graph=graph, spectra_width=0)
    patterns = make_patterns(6)
    slow = literal.LiteralNetwork(network)(patterns)
    fast = logits(network, patterns)
    for a, b in zip(slow, (fast.system, fast.spacegroup), strict=True):
        torch.testing.assert_close(a, b, atol=2e-5, rtol=0)
    gradients = []
    for output in (slow[0], network(batch_of(patterns)).system):
        (gradient,) = torch.autograd.grad(output.square().sum(), network.encoder.blocks[0].convolution.weight)
        gradients.append(gradient)
    torch.testing.assert_close(*gradients, atol=1e-3, rtol=1e-3)
