"""What models in torch have in common: a network, and weights in safetensors."""

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from edsym.errors import InputError
from edsym.models.model import Model


class TorchModel(Model):
    """A model that is a network.

    Attributes
    ----------
    network : torch.nn.Module
        The network; there is none before `fit`, or before weights are read.
    """

    weights: ClassVar[str] = "weights.safetensors"
    network: nn.Module

    @abstractmethod
    def build(self) -> nn.Module:
        """Return an untrained network, with weights from torch's random numbers."""

    def keep(self, network: nn.Module, curves: pd.DataFrame, validation: np.ndarray) -> None:
        """Take what a training has made: the network, its curves with ``epoch`` and ``val_loss``.

        `validation` (P,) tells which of the patterns validated.
        """
        self.network, self.curves = network.eval(), curves
        self.record = {
            "training_patterns": int((~validation).sum()),
            "validation_patterns": int(validation.sum()),
            "epochs": len(curves),
            "best_epoch": int(curves.epoch[curves.val_loss.idxmin()]),
        }

    def facts(self) -> dict:
        """Return the number of parameters."""
        return {"n_parameters": sum(parameter.numel() for parameter in self.network.parameters())}

    def write_weights(self, path: Path) -> None:
        """Write the state of the network."""
        save_file(
            {name: t.detach().cpu().contiguous() for name, t in self.network.state_dict().items()}, path
        )

    def read_weights(self, path: Path) -> None:
        """Read the state of the network, and make it ready to predict."""
        self.network = self.build()
        try:
            self.network.load_state_dict(load_file(path))
        except (OSError, SafetensorError) as error:
            raise InputError(f"{path} cannot be read as safetensors: {error}") from error
        except RuntimeError as error:
            raise InputError(f"{path} does not fit the network that model.json describes: {error}") from error
        self.network.eval()
