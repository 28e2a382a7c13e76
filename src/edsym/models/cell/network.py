"""The network on found lattices."""

import numpy as np
import torch
from torch import Tensor, nn

from edsym.models.cell.answers import NUMBERS, Answers
from edsym.models.cell.features import N_FEATURES, lattice_features
from edsym.models.cell.settings import CellSettings
from edsym.symmetry import CRYSTAL_SYSTEMS, N_SPACE_GROUPS, SYSTEM_OF_GROUP

N_INPUTS = N_FEATURES + 2
_LEAST_CHANCE = 1e-3
IS_OF_SYSTEM = torch.from_numpy(np.eye(len(CRYSTAL_SYSTEMS), dtype=np.float32)[SYSTEM_OF_GROUP])
"""(230, 7): 1 where a space group is of a crystal system."""


def network_inputs(answers: Answers) -> tuple[Tensor, Tensor]:
    """Return what the network is given of answers: lattices (N, K, `N_INPUTS`) and numbers (N, 9).

    The last two inputs of a lattice are the logarithm of its probability, and that itself.
    """
    shape = (*answers.chance.shape, N_FEATURES)
    features = torch.from_numpy(lattice_features(answers.direct.reshape(-1, 3, 3)).reshape(shape))
    chance = torch.from_numpy(answers.chance.astype(np.float32))[..., None]
    lattices = torch.cat([features, torch.log(chance + _LEAST_CHANCE), chance], dim=2)
    return lattices, torch.from_numpy(answers.numbers.astype(np.float32))


class CellNetwork(nn.Module):
    """An encoder for each lattice, the mean of all by their probabilities, and two hidden layers.

    The probabilities of crystal systems are sums of those of space groups, so that the two agree.
    """

    def __init__(self, settings: CellSettings):
        super().__init__()
        self.settings = settings
        for name, size in (("lattice", N_INPUTS), ("number", len(NUMBERS))):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_std", torch.ones(size))
        width, hidden, drop = settings.width, settings.hidden, nn.Dropout(settings.dropout)
        self.encoder = nn.Sequential(
            nn.Linear(N_INPUTS, width), nn.GELU(), nn.Linear(width, width), nn.GELU()
        )
        self.trunk = nn.Sequential(
            nn.Linear(2 * width + len(NUMBERS), hidden),
            nn.GELU(),
            drop,
            nn.Linear(hidden, hidden),
            nn.GELU(),
            drop,
            nn.Linear(hidden, N_SPACE_GROUPS),
        )

    def measure(self, lattices: Tensor, numbers: Tensor) -> None:
        """Set mean and standard deviation of the inputs to those of (N, K, `N_INPUTS`) and (N, 9)."""
        for name, values in (("lattice", lattices[lattices[..., -1] > 0]), ("number", numbers)):
            if len(values) > 1:
                getattr(self, f"{name}_mean")[:] = values.mean(dim=0)
                getattr(self, f"{name}_std")[:] = values.std(dim=0) + 0.01

    def forward(self, lattices: Tensor, numbers: Tensor) -> Tensor:
        """Return the logarithms of the probabilities of space groups, (N, 230).

        Parameters
        ----------
        lattices : (N, `CANDIDATES`, `N_INPUTS`) tensor
            Of each answer.
        numbers : (N, 9) tensor
            See `edsym.models.cell.answers.NUMBERS`.
        """
        chance = lattices[..., -1:]
        encoded = self.encoder((lattices - self.lattice_mean) / self.lattice_std) * (chance > 0)
        mean = (chance * encoded).sum(dim=1) / chance.sum(dim=1).clamp(min=_LEAST_CHANCE)
        numbers = (numbers - self.number_mean) / self.number_std
        return self.trunk(torch.cat([mean, encoded[:, 0], numbers], dim=1)).log_softmax(dim=1)
