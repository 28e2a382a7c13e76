"""The opinion fusion against literal readings of its formulas."""

from dataclasses import replace
from math import atan2, cos, hypot, pi, sin, sqrt

import numpy as np
import pytest
import torch
from labelled import labelled_spots
from scipy.special import digamma, gammaln
from scipy.stats import dirichlet

from edsym.models.mvof.fit import evidential_loss
from edsym.models.mvof.model import OpinionFusion
from edsym.models.mvof.network import OpinionNetwork, group_shares, spot_sequences
from edsym.models.mvof.opinions import fuse, fuse_views, opinion, probabilities
from edsym.models.mvof.settings import MVOFSettings
from edsym.spots.store import SpotLists
from edsym.symmetry import system_index

SETTINGS = MVOFSettings(
    spots=12, channels=[8, 16], kernel=3, hidden=16, dropout=0.1, epochs=30, annealing=10, batch_size=16,
    learning_rate=5e-3, uncertainty=0.1, threads=1, seed=3,
)  # fmt: skip
RNG = np.random.default_rng(0)
EVIDENCE = RNG.gamma(1.0, 2.0, (5, 7))


def literal_loss(evidence, truth, penalty):
    losses = []
    for e, y in zip(evidence, truth, strict=True):
        alpha = [x + 1 for x in e]
        wrong = [1.0 if k == y else a for k, a in enumerate(alpha)]
        divergence = gammaln(sum(wrong)) - gammaln(len(wrong)) - sum(gammaln(a) for a in wrong)
        divergence += sum((a - 1) * (digamma(a) - digamma(sum(wrong))) for a in wrong)
        losses.append(digamma(sum(alpha)) - digamma(alpha[y]) + penalty * divergence)
    return np.array(losses)


def test_the_loss_is_that_of_its_formulas_and_its_entropy_the_mean_over_the_distribution():
    truth = np.array([0, 3, 6, 2, 2])
    found = evidential_loss(torch.from_numpy(EVIDENCE), torch.from_numpy(truth), 0.7)
    np.testing.assert_allclose(found, literal_loss(EVIDENCE, truth, 0.7), rtol=1e-6)
    drawn = dirichlet(EVIDENCE[1] + 1).rvs(200_000, random_state=0)
    entropy = evidential_loss(torch.from_numpy(EVIDENCE), torch.from_numpy(truth), 0.0)[1]
    assert float(entropy) == pytest.approx(-np.log(drawn[:, 3]).mean(), rel=5e-3)


def literal_fusion(first, second):
    """Return the fused opinion, the conflict summed over all pairs of classes."""
    (*b, u), (*c, v) = first, second
    conflict = sum(b[i] * c[j] for i in range(len(b)) for j in range(len(c)) if i != j)
    beliefs = [(b[k] * c[k] + b[k] * v + c[k] * u) / (1 - conflict) for k in range(len(b))]
    return [*beliefs, u * v / (1 - conflict)]


def test_fusion_is_dempsters_rule():
    opinions = opinion(EVIDENCE)
    np.testing.assert_allclose(opinions.sum(axis=1), 1)
    np.testing.assert_allclose(opinions[:, -1], [7 / (e.sum() + 7) for e in EVIDENCE])
    np.testing.assert_allclose(fuse(opinions[0], opinions[1]), literal_fusion(opinions[0], opinions[1]))
    np.testing.assert_allclose(fuse(opinions[1], opinions[0]), fuse(opinions[0], opinions[1]))
    ignorant = opinion(np.zeros(7))
    np.testing.assert_allclose(fuse(opinions[0], ignorant), opinions[0])
    alpha = EVIDENCE[0] + 1
    np.testing.assert_allclose(probabilities(opinions[0]), alpha / alpha.sum())


def test_views_are_fused_in_their_order_until_the_uncertainty_is_small():
    opinions = opinion(EVIDENCE)
    first = opinions[0]
    steps = [first := literal_fusion(first, other) for other in opinions[1:4]]
    enough = np.mean([steps[0][-1], steps[1][-1]])  # the second fusion comes below it
    fused, used = fuse_views(opinions, np.array([0, 4]), enough)
    np.testing.assert_allclose(fused, [steps[1], opinions[4]])
    assert used.tolist() == [3, 1]
    fused, used = fuse_views(opinions, np.array([0, 4]), 0.0)
    np.testing.assert_allclose(fused[0], steps[2])
    assert used.tolist() == [4, 1]


def literal_sequence(spots, n):
    """Return the features of spots (k, 3) in the three orders, (3, 5, n)."""
    chosen = sorted(spots, key=lambda s: -s[2])[:n]
    x0, y0, largest = chosen[0]
    rows = []
    for x, y, i in chosen:
        azimuth = (atan2(y, x) - atan2(y0, x0)) % (2 * pi)
        azimuth = 0.0 if 2 * pi - azimuth < 1e-6 else azimuth
        rows.append((i, hypot(x, y), azimuth))
    out = np.zeros((3, 5, n))
    for o, key in enumerate((lambda r: -r[0], lambda r: r[1], lambda r: r[2])):
        for place, (i, q, a) in enumerate(sorted(rows, key=key)):
            out[o, :, place] = q, cos(a), sin(a), sqrt(i / largest), 1
    return out


def test_sequences_are_the_spots_in_three_orders_whatever_turns_the_pattern():
    spots, _ = labelled_spots()
    found = spot_sequences(spots, 12).numpy()
    for p in (0, 17, 119):
        rows = [tuple(map(float, row)) for row in spots.rows([p])[0]]
        np.testing.assert_allclose(found[p], literal_sequence(rows, 12), atol=1e-6)
    turn = np.exp(0.7j) * (spots.qx + 1j * spots.qy)
    turned = replace(spots, qx=turn.real.astype("f4"), qy=turn.imag.astype("f4"))
    np.testing.assert_allclose(spot_sequences(turned, 12).numpy()[:, :2], found[:, :2], atol=1e-5)


def test_the_network_does_not_see_what_fills_short_sequences():
    one = SpotLists(
        np.array(["a"]), np.zeros(1, int), np.zeros(1, int), np.array([0, 3]),
        *np.array([[0.1, 0.2, -0.3], [0, 0.3, 0.1], [1, 0.5, 0.2]], "f4"),
    )  # fmt: skip
    network = OpinionNetwork(SETTINGS.replace(kernel=1)).eval()
    with torch.no_grad():
        short, long = (network(spot_sequences(one, n)) for n in (4, 12))
    assert (short >= 0).all()
    np.testing.assert_allclose(short, long, atol=1e-6)


def test_space_groups_have_their_shares_of_the_system_in_training():
    shares = group_shares(np.array([225, 225, 221, 14])).numpy()
    assert shares[[224, 220, 226, 13]].tolist() == pytest.approx([2 / 3, 1 / 3, 0, 1])
    assert shares[0] == shares[1] == 0.5
    sums = np.bincount(system_index(np.arange(1, 231)), shares)
    np.testing.assert_allclose(sums, 1, atol=1e-6)


def test_it_learns_and_reads_views_together():
    spots, groups = labelled_spots()
    labels, validation = groups[spots.material], np.arange(len(spots)) % 5 == 0
    model = OpinionFusion(mvof=SETTINGS).fit(spots, labels, validation)
    right = model.predict_proba(spots)[0].argmax(axis=1) == system_index(labels)
    assert right.mean() > 0.6, "half of the patterns are cubic"
    start = np.arange(0, len(spots), 5)
    fused, _ = fuse_views(model.opinions(spots), start, 0.1)
    p_system, p_spacegroup = model.predict_views(spots, start)
    np.testing.assert_allclose(p_system, probabilities(fused), atol=1e-6)
    np.testing.assert_allclose(p_spacegroup.sum(axis=1), 1, atol=1e-5)
