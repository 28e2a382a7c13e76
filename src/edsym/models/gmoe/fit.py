"""Training of PE-AG-GMoE."""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from edsym.models.gmoe.network import GMoENetwork
from edsym.models.torch_model import TorchModel
from edsym.spots.store import SpotLists
from edsym.training.fit import train_network


def fit(
    model: TorchModel,
    spots: SpotLists,
    labels: np.ndarray,
    validation: np.ndarray,
    threads: int,
    checkpoints: Path | None,
) -> None:
    """Train, see `Model.fit`; `threads` are those of the settings, on which sums depend."""
    build = partial(GMoENetwork, model.settings["network"])
    with TemporaryDirectory() as folder:
        training = model.settings["training"]
        trained = train_network(
            build, spots, labels, validation, training, checkpoints or folder, model.detector
        )
    model.keep(*trained, validation)
