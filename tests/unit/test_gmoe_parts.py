import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch.nn.functional import silu

from edsym.errors import InputError
from edsym.models.gmoe.encoder import HARMONICS, PointEncoder, polar_features, waves
from edsym.models.gmoe.experts import ExpertMixture, load_balancing
from edsym.models.gmoe.settings import NetworkSettings
from edsym.models.gmoe.sparsemax import sparsemax

SETTINGS = {
    "width": 16, "features": "polar",
    "point_channels": [8, 12], "heads": 4, "aggregator_heads": 2, "layers": 2, "experts": 6,
    "top_k": 2, "expert_width": 10, "graph": "sparsemax", "max_distance": 4, "max_degree": 8,
    "dropout": 0.0,
    "spectra_width": 0,
    "spectra_dropout": 0.0,
}  # fmt: skip


def test_sparsemax_is_the_nearest_point_of_the_simplex():
    rng = np.random.default_rng(0)
    for z in rng.normal(scale=0.8, size=(5, 6)):
        nearest = minimize(
            lambda p, z=z: ((p - z) ** 2).sum(),
            np.full(6, 1 / 6),
            bounds=[(0, 1)] * 6,
            constraints={"type": "eq", "fun": lambda p: p.sum() - 1},
            options={"ftol": 1e-14},
        ).x
        np.testing.assert_allclose(sparsemax(torch.from_numpy(z)), nearest, atol=1e-6)


def test_sparsemax_sums_to_one_with_exact_zeros_and_ignores_masked_logits():
    z = torch.randn(50, 30, generator=torch.Generator().manual_seed(1)) * 2
    p = sparsemax(z)
    torch.testing.assert_close(p.sum(-1), torch.ones(50))
    assert 0.5 < (p == 0).float().mean() < 1
    masked = torch.cat([z, torch.full((50, 7), torch.finfo(z.dtype).min)], dim=-1)
    torch.testing.assert_close(sparsemax(masked), torch.cat([p, torch.zeros(50, 7)], dim=-1))


def test_sparsemax_gradient():
    z = torch.randn(8, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) * 1.5
    assert torch.autograd.gradcheck(sparsemax, z.requires_grad_())


def test_mixture_of_experts_is_the_sum_over_the_two_most_probable():
    torch.manual_seed(0)
    mixture = ExpertMixture(NetworkSettings(**SETTINGS))
    x = torch.randn(40, 16)
    y, balance = mixture(x)

    def swiglu(expert, token):
        w1, w3 = expert.w1_w3.weight.chunk(2)
        return expert.w2.weight @ (silu(w1 @ token) * (w3 @ token))

    load = torch.zeros(6)
    for token, result in zip(x, y, strict=True):
        p = torch.softmax(mixture.gate.weight @ token, 0)
        expected = swiglu(mixture.shared, token)
        for k in sorted(range(6), key=lambda e: -p[e])[:2]:
            expected = expected + p[k] * swiglu(mixture.experts[k], token)
            load[k] += 1
        torch.testing.assert_close(result, expected)
    mean = torch.softmax(x @ mixture.gate.weight.T, -1).mean(0)
    torch.testing.assert_close(balance, 6 * (load / 80 * mean).sum())


def test_load_balancing_is_one_for_uniform_and_largest_for_collapsed_routing():
    uniform = load_balancing(torch.full((12, 6), 1 / 6), torch.full((6,), 4))
    assert float(uniform) == pytest.approx(1)
    collapsed = torch.zeros(12, 6)
    collapsed[:, 0] = 1
    assert float(load_balancing(collapsed, torch.tensor([12, 0, 0, 0, 0, 0]))) == pytest.approx(6)


def test_encoder_sees_normalised_polar_coordinates():
    points = torch.tensor([[1.0, 0.0, 0.1], [0.0, 2.0, 0.2], [-3.0, 0.0, 0.3]])
    expected = torch.tensor([[1, 0, 0.1], [2, np.pi / 2, 0.2], [3, np.pi, 0.3]])
    torch.testing.assert_close(polar_features(points), expected)
    encoder = PointEncoder(NetworkSettings(**SETTINGS))
    encoder.measure(points)
    normalised = (polar_features(points) - encoder.mean) / encoder.std
    torch.testing.assert_close(normalised.mean(0), torch.zeros(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(normalised.std(0, correction=0), torch.ones(3))
    assert encoder(points).shape == (3, 16)


def test_waves_are_sines_and_cosines_of_multiples():
    phases = 2.1 * np.arange(1, HARMONICS + 1)
    expected = np.concatenate([np.sin(phases), np.cos(phases)])
    np.testing.assert_allclose(waves(torch.tensor([2.1]))[0], expected, atol=1e-5)


def test_features_of_ours_take_the_logarithm_of_intensity():
    points = torch.tensor([[-0.35, 0.6, 0.01]])
    encoder = PointEncoder(NetworkSettings(**SETTINGS | {"features": "harmonics"}))
    encoder.measure(points.repeat(2, 1) * torch.tensor([[1, 1, 1], [1, 1, 10]]))
    assert float(encoder.mean[2]) == pytest.approx(np.log([0.01, 0.1]).mean()), "intensities count by log"
    assert encoder(points).shape == (1, 16)


@pytest.mark.parametrize(
    ("key", "value"),
    [("features", "raw"), ("heads", 3), ("aggregator_heads", 5), ("top_k", 7), ("graph", "random")],
)
def test_settings_that_do_not_fit_are_named(key, value):
    with pytest.raises(InputError, match=rf"network\.{key}: '?{value}"):
        NetworkSettings(**SETTINGS | {key: value})
