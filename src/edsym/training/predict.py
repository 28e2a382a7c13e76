"""Prediction with the trained network, from files to files."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from edsym.models.gmoe.network import GMoENetwork
from edsym.models.gmoe.store import load_network
from edsym.predictions.table import Predictions, write_predictions
from edsym.spots.split import patterns_to_predict
from edsym.spots.store import SpotLists
from edsym.symmetry import CRYSTAL_SYSTEMS, N_SPACE_GROUPS
from edsym.training.data import BatchSampler, PatternDataset, batch_loader
from edsym.training.fit import compute_threads
from edsym.training.precision import lightning_precision


def predict_network(
    spots_paths: Iterable[str | Path],
    split_path: str | Path,
    model_dir: str | Path,
    output_path: str | Path,
    batch_size: int,
    threads: int,
    precision: str = "auto",
    validation: tuple[float, int] | None = None,
) -> None:
    """Write the network's predictions for the test patterns, or for those that validated its training.

    Parameters
    ----------
    spots_paths : iterable of str or Path
        All shards of spot lists.
    split_path : str or Path
        The split.
    model_dir : str or Path
        Where the trained network is.
    output_path : str or Path
        The table to write, see `edsym.predictions.table`.
    batch_size : int
        Patterns at once.
    threads : int
        Threads of the process.
    precision : str
        As of `edsym.training.settings.TrainingSettings`.
    validation : (float, int) or None
        Validation share and seed of the training: predict its validation patterns, not the test patterns.

    Raises
    ------
    InputError
        If an input is unreadable or there is no pattern to predict.
    """
    network = load_network(model_dir)
    spots, groups = patterns_to_predict(spots_paths, split_path, validation)
    with compute_threads(threads):
        p_system, p_spacegroup = predict_patterns(network, spots, batch_size, precision)
    ids = spots.material_id[spots.material]
    predictions = Predictions(ids, spots.view, p_system, p_spacegroup, groups)
    write_predictions(predictions, output_path)


@torch.inference_mode()
def predict_patterns(
    network: GMoENetwork,
    spots: SpotLists,
    batch_size: int,
    precision: str = "auto",
    progress: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the probabilities of crystal systems (P, 7) and space groups (P, 230) of all patterns.

    Patterns of similar size go together, on a GPU if there is one.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = network.to(device).eval()
    dataset = PatternDataset(spots)
    sampler = BatchSampler(np.arange(len(dataset)), dataset.sizes, batch_size)
    p_system = np.empty((len(dataset), len(CRYSTAL_SYSTEMS)), np.float32)
    p_spacegroup = np.empty((len(dataset), N_SPACE_GROUPS), np.float32)
    bar = tqdm(batch_loader(dataset, sampler), desc="network", unit="batch", disable=not progress)
    for batch in bar:
        with _arithmetic(precision, device):
            output = network(batch.to(device))
        patterns = batch.pattern.cpu().numpy()
        p_system[patterns] = output.system.float().softmax(-1).cpu().numpy()
        p_spacegroup[patterns] = output.spacegroup.float().softmax(-1).cpu().numpy()
    return p_system, p_spacegroup


def _arithmetic(precision: str, device: str) -> torch.autocast:
    """Return the context in which a precision's name becomes what Lightning makes of it in training."""
    name = lightning_precision(precision)
    dtype = torch.float16 if name == "16-mixed" else torch.bfloat16
    return torch.autocast(device, dtype, enabled=name != "32-true")
