"""The perceptron, and how it is kept on disk: weights.safetensors and model.json."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from edsym.errors import InputError
from edsym.files import atomic_path, write_text
from edsym.models.forest.features import N_FEATURES
from edsym.models.mlp.settings import MLPSettings
from edsym.symmetry import CRYSTAL_SYSTEMS, N_SPACE_GROUPS

N_INPUTS = 3 * N_FEATURES // 2
_FORMAT = "edsym-mlp"


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

    def save(self, model_dir: str | Path, training: dict) -> None:
        """Write the perceptron to a folder, with what is to be said of its training."""
        model_dir = Path(model_dir)
        description = {
            "format": _FORMAT,
            "settings": self.settings.model_dump(),
            "n_parameters": sum(p.numel() for p in self.parameters()),
            "training": training,
        }
        with atomic_path(model_dir / "weights.safetensors") as temporary:
            save_file(self.state_dict(), temporary)
        write_text(model_dir / "model.json", json.dumps(description, indent=2) + "\n")

    @classmethod
    def load(cls, model_dir: str | Path) -> "MLP":
        """Return the perceptron of a folder, ready to predict.

        Raises
        ------
        InputError
            If a file is missing or damaged, or is not of a perceptron.
        """
        description, weights = Path(model_dir) / "model.json", Path(model_dir) / "weights.safetensors"
        try:
            found = json.loads(description.read_text(encoding="utf-8"))
            if found["format"] != _FORMAT:
                raise InputError(f"{description} describes {found['format']!r}, not {_FORMAT}")
            network = cls(MLPSettings.stored(found["settings"], str(description)))
            network.load_state_dict(load_file(weights))
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            raise InputError(f"{model_dir} does not hold a trained perceptron: {error}") from error
        return network.eval()
