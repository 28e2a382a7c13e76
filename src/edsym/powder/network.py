"""The perceptron on powder patterns: from profile and autocorrelations to scores of the space groups."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from edsym.powder.features import Correlations, clean
from edsym.powder.settings import PowderNetworkSettings, PowderSettings
from edsym.powder.views import views
from edsym.symmetry import N_SPACE_GROUPS

# Inputs that vary less in training are divided by this all the same: no noise is blown up.
_LEAST_SPREAD = 0.02


class PowderNetwork(nn.Module):
    """Hidden layers with batch normalisation on the inputs, and a head of 230 scores.

    The scores are those without a prior: with ln(prior) added they are logits of the space groups.
    """

    def __init__(self, powder: PowderSettings, settings: PowderNetworkSettings):
        super().__init__()
        self.powder = powder
        self.correlations = Correlations(powder, settings.correlations)
        channels = (powder.bins + 2 * settings.correlations, *settings.hidden)
        self.register_buffer("mean", torch.zeros(channels[0]))
        self.register_buffer("std", torch.ones(channels[0]))
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(channels):
            layers += [
                nn.Linear(inputs, outputs, bias=False),
                nn.BatchNorm1d(outputs),
                nn.SiLU(),
                nn.Dropout(settings.dropout),
            ]
        self.hidden = nn.Sequential(*layers)
        self.head = nn.Linear(channels[-1], N_SPACE_GROUPS)

    def prepare(self, patterns: np.ndarray) -> np.ndarray:
        """Return patterns (n, bins) as the network takes them, see `edsym.powder.features.clean`."""
        return clean(patterns, self.powder)

    def views(self, patterns: np.ndarray) -> Iterator[np.ndarray]:
        """Return views of patterns (n, bins), whose scores are averaged, see `edsym.powder.views`."""
        return views(patterns, self.powder)

    def measure(self, profiles: Tensor) -> None:
        """Take mean and spread of the inputs from clean profiles (n, bins)."""
        inputs = self.inputs(profiles)
        self.mean[:], self.std[:] = inputs.mean(0), inputs.std(0).clamp_min(_LEAST_SPREAD)

    def inputs(self, profiles: Tensor) -> Tensor:
        """Return profiles (n, bins) beside their autocorrelations."""
        return torch.cat([profiles, self.correlations(profiles)], dim=1)

    def forward(self, profiles: Tensor) -> Tensor:
        """Return the scores (n, 230) of clean profiles (n, bins), see `edsym.powder.features.clean`."""
        x = (self.inputs(profiles) - self.mean) / self.std
        return self.head(self.hidden(x))

    outputs = forward


def members(index: np.ndarray) -> Tensor:
    """Return the space groups of each class (C, most), filled up with 230, by the class (230,) of each."""
    table = np.full((int(index.max()) + 1, np.bincount(index).max()), N_SPACE_GROUPS)
    for i in range(len(table)):
        own = np.flatnonzero(index == i)
        table[i, : len(own)] = own
    return torch.from_numpy(table)


def class_sums(log_p: Tensor, table: Tensor) -> Tensor:
    """Return log-probabilities (n, C) of classes by `members` from those of the space groups (n, 230)."""
    never = log_p.new_full((len(log_p), 1), -torch.inf)
    return torch.cat([log_p, never], dim=1)[:, table].logsumexp(-1)
