"""Prediction with a trained network."""

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from edsym.spots.store import SpotLists
from edsym.symmetry import CRYSTAL_SYSTEMS, N_SPACE_GROUPS
from edsym.training.batches import BatchSampler, PatternDataset, batch_loader
from edsym.training.precision import arithmetic


@torch.inference_mode()
def predict_patterns(
    network: nn.Module, spots: SpotLists, batch_size: int, precision: str = "auto", progress: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return the probabilities of crystal systems (P, 7) and space groups (P, 230) of all patterns.

    Patterns of similar size go together, on a GPU if there is one.

    Parameters
    ----------
    network : torch.nn.Module
        From ragged batches, see `edsym.training.batches`, to `edsym.training.output.Output`.
    spots : SpotLists
        The patterns.
    batch_size : int
        Most patterns at once.
    precision : str
        As of `edsym.training.settings.TrainingSettings`.
    progress : bool
        Whether to show a progress bar.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = network.to(device).eval()
    dataset = PatternDataset(spots)
    sampler = BatchSampler(np.arange(len(dataset)), dataset.sizes, batch_size)
    p_system = np.empty((len(dataset), len(CRYSTAL_SYSTEMS)), np.float32)
    p_spacegroup = np.empty((len(dataset), N_SPACE_GROUPS), np.float32)
    bar = tqdm(batch_loader(dataset, sampler), desc="network", unit="batch", disable=not progress)
    for batch in bar:
        with arithmetic(precision, device):
            output = network(batch.to(device))
        patterns = batch.pattern.cpu().numpy()
        p_system[patterns] = output.system.float().softmax(-1).cpu().numpy()
        p_spacegroup[patterns] = output.spacegroup.float().softmax(-1).cpu().numpy()
    return p_system, p_spacegroup
