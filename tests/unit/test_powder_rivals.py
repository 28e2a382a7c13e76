"""ConvNeXt and the transformer over peaks: against literal readings, and what they are blind to."""

import numpy as np
import pytest
import torch
from torch.nn.functional import gelu, layer_norm, linear

from edsym.powder.convnext import ConvNext
from edsym.powder.peaks import PeakTransformer, find_peaks
from edsym.powder.rival_settings import PowderConvNextSettings, PowderPeaksSettings
from edsym.powder.settings import PowderSettings

SMALL = PowderSettings(two_theta_min=5, two_theta_max=35, step=0.1)
PEAKS = PowderPeaksSettings(peaks=6, pair_bins=40, width=8, depth=2, heads=2)


def _drawn(network):
    """Return a network in double precision with weights drawn anew, none of them small."""
    for parameter in network.double().eval().parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return network


def test_convnext_is_its_literal_reading():
    torch.manual_seed(0)
    network = _drawn(ConvNext(SMALL, PowderConvNextSettings(widths=[4, 6], depths=[1, 1])))
    profiles = torch.rand(2, SMALL.bins, dtype=torch.float64)
    sine = np.sin(np.radians(5 + 0.1 * (np.arange(SMALL.bins) + 0.5)) / 2) ** 2
    coordinate = 2 * (sine - sine[0]) / (sine[-1] - sine[0]) - 1
    x = torch.stack([profiles, torch.from_numpy(np.tile(coordinate, (2, 1)))], 2)
    weights = network.state_dict()

    def layer(name, x):
        return linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    def norm(name, x):
        return layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"], 1e-6)

    for join, block in ((0, 1), (2, 3)):
        while x.shape[1] % 4:
            x = torch.cat([x, torch.zeros_like(x[:, :1])], 1)
        x = torch.stack([torch.cat(list(x[:, j : j + 4].unbind(1)), 1) for j in range(0, x.shape[1], 4)], 1)
        x = norm(f"stages.{join}.norm", layer(f"stages.{join}.project", x))
        name = f"stages.{block}"
        kernel, offset = weights[f"{name}.convolution.weight"][:, 0], weights[f"{name}.convolution.bias"]
        near = torch.zeros_like(x) + offset
        for j in range(x.shape[1]):
            for k in range(7):
                if 0 <= j + k - 3 < x.shape[1]:
                    near[:, j] += kernel[:, k] * x[:, j + k - 3]
        wide = layer(f"{name}.perceptron.2", gelu(layer(f"{name}.perceptron.0", norm(f"{name}.norm", near))))
        x = x + weights[f"{name}.scale"] * wide
    assert torch.allclose(network(profiles), layer("head.1", norm("norm", x).flatten(1)), atol=1e-6)


def test_convnext_sees_the_same_everywhere_without_its_second_channel():
    torch.manual_seed(1)
    profiles = torch.zeros(2, SMALL.bins, dtype=torch.float64)
    profiles[0, 130:133], profiles[1, 146:149] = 1.0, 1.0
    for coordinate in (True, False):
        settings = PowderConvNextSettings(widths=[4, 6], depths=[1, 1], coordinate=coordinate)
        network = _drawn(ConvNext(SMALL, settings))
        near = torch.stack([profiles, network.coordinate.expand_as(profiles)], 2)
        here, there = network.stages(near)
        # a point of the last stage is 16 bins
        assert torch.allclose(here[4:-5], there[5:-4]) != coordinate


def test_convnext_learns_patterns_by_heart():
    torch.manual_seed(2)
    network = ConvNext(SMALL, PowderConvNextSettings(widths=[8, 16], depths=[1, 1]))
    profiles = network.prepare(np.random.default_rng(0).random((12, SMALL.bins)).astype(np.float32) ** 8)
    profiles, labels = torch.from_numpy(profiles), 19 * torch.arange(12)
    optimizer = torch.optim.AdamW(network.parameters(), 0.005)
    for _ in range(25):
        loss = torch.nn.functional.cross_entropy(network(profiles), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (network.eval()(profiles).argmax(1) == labels).all()


def test_peaks_are_the_highest_maxima_between_bins():
    x = np.arange(300)
    shape = [np.exp(-(((x - place) / 2) ** 2)) for place in (40.3, 100.0, 199.75)]
    profiles = np.stack([0.5 * shape[0] + shape[1] + 0.7 * shape[2], shape[1]]).astype(np.float32)
    found = find_peaks(profiles, 4)
    assert found[0, :3, 0] == pytest.approx([40.3, 100, 199.75], abs=0.05)
    assert found[0, :3, 1] == pytest.approx([0.43, 0.89, 0.62], abs=0.02)
    assert (found[0, 3] == 0).all() and (found[1, 1:] == 0).all()
    assert find_peaks(profiles, 2)[0, :, 0] == pytest.approx([100, 199.75], abs=0.05)


def test_views_of_peaks_are_the_pattern_and_the_smoothed_one():
    rng = np.random.default_rng(0)
    patterns = 0.02 * rng.random((1, 300)).astype(np.float32) + 0.01
    patterns[0, 100] = 1
    network = PeakTransformer(SMALL, PEAKS)
    own, smooth = network.views(patterns)
    expected = np.convolve(patterns[0], [0.25, 0.5, 0.25], "same")[None].astype(np.float32)
    assert np.array_equal(own, network.prepare(patterns)) and not np.array_equal(own, smooth)
    assert smooth == pytest.approx(network.prepare(expected), abs=1e-5)


@pytest.fixture
def peaks():
    place = torch.tensor([[20.0, 50.5, 90.25, 200, 240], [30, 60, 150, 0, 0]])
    height = torch.tensor([[0.2, 1, 0.5, 0.7, 0.1], [1, 0.4, 0.6, 0, 0]])
    return torch.stack([place, height], 2).double()


def test_pairs_are_counted_by_ratio_and_by_difference(peaks):
    network = _drawn(PeakTransformer(SMALL, PEAKS))
    sine = network.sine(peaks[..., 0])
    assert sine.numpy() == pytest.approx(np.sin(np.radians(5 + 0.1 * (peaks[..., 0].numpy() + 0.5)) / 2))
    index, weight = network.pairs(sine)
    spectra, present = network.spectra(index, weight, peaks[..., 1]), (peaks[..., 1] > 0).double()
    biases = network.biases(index, weight, present, torch.float64)
    ends = np.sin(np.radians([2.5, 17.5]))
    for i in range(5):
        expected = np.zeros(80)
        for j in range(5):
            a, b = (float(sine[0, k]) for k in (i, j))
            bias = np.zeros(4)
            for start, value, most in (
                (0, np.log(a / b), np.log(ends[1] / ends[0])),
                (40, a**2 - b**2, ends[1] ** 2 - ends[0] ** 2),
            ):
                at = (value + most) / (2 * most) * 39
                for bin_ in (int(at), int(at) + 1):
                    expected[start + bin_] += (1 - abs(at - bin_)) * float(peaks[0, j, 1])
                bias += network.bias[start + int(np.ceil(at - 0.5))].detach().numpy()
            assert biases[:, 0, :, i, j].detach().numpy().ravel() == pytest.approx(bias)
        assert spectra[0, i].numpy() == pytest.approx(expected)
    assert (biases[:, 1, :, :, 3:] < -1000).all() and (biases[:, 1, :, :, :3] > -1000).all()


def test_ratios_are_blind_to_the_size_of_the_cell_and_scores_to_the_order_of_peaks(peaks):
    network = _drawn(PeakTransformer(SMALL, PEAKS))
    sine = network.sine(peaks[..., 0])
    larger, own = (network.spectra(*network.pairs(s), peaks[..., 1])[..., :40] for s in (sine / 1.3, sine))
    assert torch.allclose(larger, own)
    scores = network(peaks)
    assert scores.shape == (2, 230)
    assert torch.allclose(network(peaks[:, [3, 0, 4, 1, 2]]), scores)
    # what is no peak tells nothing
    assert torch.allclose(network(peaks[1:, :3]), scores[1:])
    assert network(torch.zeros(1, 5, 2).double()).isfinite().all()
