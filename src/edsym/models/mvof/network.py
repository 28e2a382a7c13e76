"""The evidential network: convolutions along the spot list in three orders."""

from itertools import pairwise

import numpy as np
import torch
from numba import njit
from torch import Tensor, nn
from torch.nn.functional import max_pool1d, silu, softplus

from edsym.models.mvof.settings import MVOFSettings
from edsym.spots.store import SpotLists
from edsym.symmetry import CRYSTAL_SYSTEMS, N_SPACE_GROUPS, SYSTEM_OF_GROUP

ORDERS = ("intensity", "length", "azimuth")
"""What the spots are sorted by: falling intensity, growing |q|, growing azimuth from the brightest spot."""
N_FEATURES = 5
NEGLIGIBLE = 1e-6


def spot_sequences(spots: SpotLists, n: int) -> Tensor:
    """Return the n brightest spots of patterns in the three orders.

    Parameters
    ----------
    spots : SpotLists
        P patterns.
    n : int
        Spots of a sequence; what a pattern has less is 0.

    Returns
    -------
    (P, 3, 5, n) tensor of float32
        Of each spot |q| in 1/Å, cosine and sine of the azimuth from that of the brightest spot, the root of
        its intensity by that of the brightest, and 1. No rotation of the pattern in its plane changes them.
    """
    offset = np.asarray(spots.offset, dtype=np.int64)
    return torch.from_numpy(_sequences(spots.qx, spots.qy, spots.intensity, offset, n))


@njit(cache=True, nogil=True)
def _sequences(qx, qy, intensity, offset, n):
    sequences = np.zeros((len(offset) - 1, len(ORDERS), N_FEATURES, n), dtype=np.float32)
    for p in range(len(sequences)):
        falling = -intensity[offset[p] : offset[p + 1]].astype(np.float64)
        brightest = np.argsort(falling, kind="mergesort")[:n]
        keys = np.empty((len(ORDERS), len(brightest)))
        for i in range(len(brightest)):
            x, y = np.float64(qx[offset[p] + brightest[i]]), np.float64(qy[offset[p] + brightest[i]])
            if i == 0:
                x0, y0, largest = x, y, falling[brightest[0]]
            azimuth = np.arctan2(x0 * y - y0 * x, x0 * x + y0 * y) % (2 * np.pi)
            keys[0, i], keys[1, i] = falling[brightest[i]], np.hypot(x, y)
            # along the brightest spot it is 0, but for rounding
            keys[2, i] = azimuth if 2 * np.pi - azimuth > NEGLIGIBLE else 0.0
        for o in range(len(ORDERS)):
            order = np.argsort(keys[o], kind="mergesort")
            for place in range(len(order)):
                i = order[place]
                sequences[p, o, 0, place] = keys[1, i]
                sequences[p, o, 1, place] = np.cos(keys[2, i])
                sequences[p, o, 2, place] = np.sin(keys[2, i])
                sequences[p, o, 3, place] = np.sqrt(keys[0, i] / largest)
                sequences[p, o, 4, place] = 1.0
    return sequences


class OpinionNetwork(nn.Module):
    """Convolutions along each order, the largest and the mean value of each channel, and the evidence.

    Attributes
    ----------
    group_share : (230,) tensor
        Share of each space group among the training patterns of its crystal system.
    """

    def __init__(self, settings: MVOFSettings):
        super().__init__()
        self.settings = settings
        self.register_buffer("group_share", torch.zeros(N_SPACE_GROUPS))
        self.branches = nn.ModuleList(_Branch(settings) for _ in ORDERS)
        inputs = 2 * len(ORDERS) * settings.channels[-1]
        self.head = nn.Sequential(
            nn.Linear(inputs, settings.hidden),
            nn.SiLU(),
            nn.Dropout(settings.dropout),
            nn.Linear(settings.hidden, len(CRYSTAL_SYSTEMS)),
        )

    def forward(self, sequences: Tensor) -> Tensor:
        """Return the evidence of the crystal systems (P, 7) by sequences (P, 3, 5, n)."""
        pooled = [branch(sequences[:, o]) for o, branch in enumerate(self.branches)]
        return softplus(self.head(torch.cat(pooled, dim=1)))


class _Branch(nn.Module):
    """Convolutions along one order; between two of them, of neighbours in pairs the larger one stays."""

    def __init__(self, settings: MVOFSettings):
        super().__init__()
        sizes = pairwise((N_FEATURES, *settings.channels))
        self.layers = nn.ModuleList(nn.Conv1d(*size, settings.kernel, padding="same") for size in sizes)

    def forward(self, h: Tensor) -> Tensor:
        """Return the largest and the mean values (P, 2 · channels) of sequences (P, 5, n)."""
        there = h[:, -1:]
        for i, layer in enumerate(self.layers):
            if i:
                h, there = (max_pool1d(values, 2, ceil_mode=True) for values in (h, there))
            h = silu(layer(h)) * there
        largest = h.masked_fill(there == 0, -torch.inf).amax(dim=-1)
        return torch.cat([largest, h.sum(dim=-1) / there.sum(dim=-1)], dim=1)


def group_shares(groups: np.ndarray) -> Tensor:
    """Return the share of each space group in its crystal system among groups (P,), 1 to 230.

    Groups of a system that does not occur share it evenly.
    """
    counts = np.bincount(groups - 1, minlength=N_SPACE_GROUPS).astype(float)
    of_system = np.bincount(SYSTEM_OF_GROUP, counts)[SYSTEM_OF_GROUP]
    sizes = np.bincount(SYSTEM_OF_GROUP)[SYSTEM_OF_GROUP]
    shares = np.where(of_system > 0, counts / np.maximum(of_system, 1), 1 / sizes)
    return torch.from_numpy(shares.astype(np.float32))
