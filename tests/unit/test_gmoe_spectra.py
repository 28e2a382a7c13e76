from itertools import combinations

import numpy as np
import pytest
import torch

from edsym.models.gmoe.spectra import SPECTRUM_BINS, spectra
from edsym.training.augmentation import augmented


def random_points(n, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(np.column_stack([rng.uniform(-1.4, 1.4, (n, 2)), rng.uniform(1e-4, 0.1, n)]))


def batch_of(*patterns):
    size = max(map(len, patterns))
    mask = torch.stack([torch.arange(size) < len(p) for p in patterns])
    return torch.stack([torch.nn.functional.pad(p, (0, 0, 0, size - len(p))) for p in patterns]), mask


def histogram(values, width, bins, weights=None):
    found, _ = np.histogram(values, bins, (0, width * bins), weights=weights)
    return np.sqrt(found / found.mean()) - 1


def test_spectra_are_the_histograms_of_all_pairs():
    points = random_points(30)
    q, intensity = points[:, :2].numpy(), points[:, 2].numpy()
    pairs = [sorted(pair, key=np.linalg.norm, reverse=True) for pair in combinations(q, 2)]
    a, b = np.array(pairs).transpose(1, 0, 2)
    inner, outer = np.abs((a * b).sum(1)), np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
    length, b2 = np.linalg.norm(q, axis=1), (b * b).sum(1)
    expected = [
        histogram(length, 0.005, 400),
        histogram(length, 0.005, 400, intensity**0.25),
        histogram(inner, 0.0025, 400),
        histogram(inner / b2, 0.01, 300),
        histogram(outer / b2, 0.01, 300),
        histogram(np.log(np.linalg.norm(a, axis=1) / np.sqrt(b2)), 0.005, 320),
        histogram(np.linalg.norm(a - b, axis=1), 0.005, 400),
        histogram(np.linalg.norm(a + b, axis=1), 0.005, 400),
    ]
    found = spectra(*batch_of(points))
    assert found.shape == (1, SPECTRUM_BINS)
    np.testing.assert_allclose(found[0], np.concatenate(expected), atol=1e-9)


def test_padding_and_the_batch_change_nothing():
    small, large = random_points(12), random_points(50, seed=1)
    together = spectra(*batch_of(small, large))
    for i, points in enumerate((small, large)):
        torch.testing.assert_close(together[i], spectra(*batch_of(points))[0], atol=0, rtol=0)


@pytest.mark.parametrize("kind", ["rotation", "mirror"])
def test_augmentation_turns_whole_patterns_and_the_spectra_do_not_see_it(kind):
    torch.manual_seed(3)
    points = random_points(20).repeat(16, 1)
    pattern = torch.arange(16).repeat_interleave(20)
    turned = augmented(points, pattern, 16, kind)
    distances = [torch.cdist(p[:, :2], p[:, :2]) for p in (points[:20], *turned.split(20))]
    for other in distances[1:]:
        torch.testing.assert_close(other, distances[0])
    area = [p[0, 0] * p[1, 1] - p[0, 1] * p[1, 0] for p in turned.split(20)]
    assert len({round(float(a), 6) for a in area}) == (1 if kind == "rotation" else 2), "mirrored or not"
    assert len({round(float(p[0, 0]), 6) for p in turned.split(20)}) == 16, "each by its own angle"
    before, after = spectra(*batch_of(points[:20])), spectra(*batch_of(*turned.split(20)))
    assert ((after - before).abs() > 1e-6).float().mean() < 1e-3, "but for values on the edge of a bin"


@pytest.mark.parametrize("kind", ["rotation", "mirror"])
def test_angles_are_uniform_and_half_of_the_patterns_are_mirrored(kind):
    torch.manual_seed(5)
    pair = torch.tensor([[1.0, 0, 0.1], [0, 1.0, 0.2]], dtype=torch.float64)
    first, second = (
        augmented(pair.repeat(4000, 1), torch.arange(8000) // 2, 4000, kind).view(-1, 2, 3).unbind(1)
    )
    angle = np.sort(np.arctan2(first[:, 1], first[:, 0])) / (2 * np.pi) + 0.5
    assert np.abs(angle - np.linspace(0, 1, 4000)).max() < 0.031  # one in a thousand exceeds it
    mirrored = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0] < 0
    assert float(mirrored.double().mean()) == pytest.approx(0 if kind == "rotation" else 0.5, abs=0.025)


@pytest.mark.parametrize("apart", [0, 1e-4, 1e-3])
def test_spots_at_the_centre_change_no_other_pattern_of_the_batch(apart):
    # Two spots shorter than 1e-3 1/Å had a negative logarithm, which was counted in the pattern before.
    usual, close = random_points(12), random_points(15, seed=1)
    close[:3, :2] = torch.tensor([[1e-4, 0], [1e-4, apart], [0, 0]])
    for batch in ([usual, close], [close, usual]):
        together = spectra(*batch_of(*batch))
        for i, points in enumerate(batch):
            torch.testing.assert_close(together[i], spectra(*batch_of(points))[0], atol=0, rtol=0)
    assert spectra(*batch_of(close)).isfinite().all()


def test_one_spot_has_no_pairs_and_is_no_error():
    assert spectra(*batch_of(random_points(1))).isfinite().all()
