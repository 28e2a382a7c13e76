"""The perceptron as a network."""

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from edsym.models.forest.features import N_FEATURES
from edsym.models.mlp.settings import MLPSettings
from edsym.symmetry import CRYSTAL_SYSTEMS, N_SPACE_GROUPS

N_INPUTS = 3 * N_FEATURES // 2


def mlp_inputs(features: np.ndarray) -> Tensor:
    """Return √modulus and cosine and sine of the phase, (P, `N_INPUTS`), of the forest's features (P, 1066).

    Where the modulus is 0 there is no phase: all three are 0.
    """
    modulus, phase = torch.from_numpy(features).unflatten(1, (-1, 2)).unbind(-1)
    there = (modulus > 0).float()
    return torch.cat([modulus.sqrt(), phase.cos() * there, phase.sin() * there], dim=1)


class MLP(nn.Module):
    """Hidden layers of SiLU, and a head each for crystal systems and space groups."""

    def __init__(self, settings: MLPSettings):
        super().__init__()
        self.settings = settings
        self.register_buffer("mean", torch.zeros(N_INPUTS))
        self.register_buffer("std", torch.ones(N_INPUTS))
        layers, channels = [], (N_INPUTS, *settings.hidden)
        for inputs, outputs in pairwise(channels):
            layers += [nn.Linear(inputs, outputs), nn.SiLU(), nn.Dropout(settings.dropout)]
        self.hidden = nn.Sequential(*layers)
        self.system_head = nn.Linear(channels[-1], len(CRYSTAL_SYSTEMS))
        self.spacegroup_head = nn.Linear(channels[-1], N_SPACE_GROUPS)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of systems (P, 7) and groups (P, 230) of inputs (P, `N_INPUTS`)."""
        h = self.hidden((x - self.mean) / self.std)
        return self.system_head(h), self.spacegroup_head(h)
