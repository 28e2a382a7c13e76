"""The fast network is the one of the paper, written down plainly in benchmarks/."""

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch, Data

from edsym.models.gmoe.network import GMoENetwork
from edsym.models.gmoe.settings import NetworkSettings

LITERAL = Path(__file__).parents[2] / "benchmarks/literal_network.py"
SETTINGS = {
    "width": 32, "features": "polar", "point_channels": [16], "heads": 4, "aggregator_heads": 2, "layers": 2,
    "experts": 6, "top_k": 2, "expert_width": 16, "max_distance": 4, "max_degree": 16, "dropout": 0.0,
    "spectra_width": 0, "spectra_dropout": 0.0,
}  # fmt: skip


def make_batch():
    rng = np.random.default_rng(4)
    sizes = (1, 7, 24, 40)
    points = [np.column_stack([rng.uniform(-2, 2, (n, 2)), rng.uniform(0, 0.1, n)]) for n in sizes]
    return Batch.from_data_list([Data(x=torch.from_numpy(x)) for x in points])


@pytest.mark.parametrize("graph", ["sparsemax", "threshold", "literal"])
def test_outputs_and_gradients_are_those_of_the_literal_network(graph):
    settings = NetworkSettings(**SETTINGS, graph=graph)
    torch.manual_seed(0)
    # In float64: whether an edge is there must not hang on the rounding of padded sums.
    fast = GMoENetwork(settings).double()
    literal = runpy.run_path(str(LITERAL))["LiteralNetwork"](settings, longest=45).double()
    # As after a training: biases that are zero or one at the start would hide what they belong to.
    for parameter in fast.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    literal.load_state_dict(fast.state_dict())
    outputs = [network(make_batch()) for network in (fast, literal)]
    for a, b in zip(*outputs, strict=True):
        torch.testing.assert_close(a, b, atol=1e-9, rtol=1e-9)
    for output in outputs:
        (output.system.square().sum() + output.spacegroup.square().sum() + output.balance).backward()
    for (name, a), b in zip(fast.named_parameters(), literal.parameters(), strict=True):
        # What the last layer's experts make of spots is not read.
        gradient = torch.zeros_like(a) if a.grad is None else a.grad
        torch.testing.assert_close(gradient, b.grad, atol=1e-9, rtol=1e-7, msg=lambda text, n=name: n + text)
