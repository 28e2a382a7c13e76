"""A trained network on disk: weights.safetensors, and model.json with all that is needed to read it."""

import json
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from edsym.errors import InputError
from edsym.files import atomic_path, write_text
from edsym.models.gmoe.network import GMoENetwork
from edsym.models.gmoe.settings import NetworkSettings

FORMAT = "edsym-gmoe"
VERSION = 1
CHANNELS = ("r", "theta", "intensity")


def save_network(network: GMoENetwork, model_dir: str | Path, training: dict) -> None:
    """Write a network to a folder, atomically.

    Parameters
    ----------
    network : GMoENetwork
        The network.
    model_dir : str or Path
        The folder.
    training : dict
        How it was trained, for the record: goes to model.json as it is.
    """
    model_dir = Path(model_dir)
    encoder = network.encoder
    description = {
        "format": FORMAT,
        "version": VERSION,
        "network": network.settings.model_dump(),
        "normalisation": {
            name: {"mean": float(mean), "std": float(std)}
            for name, mean, std in zip(CHANNELS, encoder.mean, encoder.std, strict=True)
        },
        "n_parameters": sum(p.numel() for p in network.parameters()),
        "training": training,
    }
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    with atomic_path(model_dir / "weights.safetensors") as temporary:
        save_file(weights, temporary)
    write_text(model_dir / "model.json", json.dumps(description, indent=2) + "\n")


def load_network(model_dir: str | Path) -> GMoENetwork:
    """Return the network of a folder, ready to predict.

    Raises
    ------
    InputError
        If a file is missing or damaged, or does not belong to this version of the network.
    """
    settings = _read_settings(Path(model_dir) / "model.json")
    network = GMoENetwork(settings)
    path = Path(model_dir) / "weights.safetensors"
    try:
        network.load_state_dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} cannot be read as safetensors: {error}") from error
    except RuntimeError as error:
        raise InputError(f"{path} does not fit the network that model.json describes: {error}") from error
    return network.eval()


def _read_settings(path: Path) -> NetworkSettings:
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as the description of a network: {error}") from error
    found = (description.get("format"), description.get("version")) if isinstance(description, dict) else None
    if found != (FORMAT, VERSION):
        raise InputError(f"{path} does not describe a network of format {FORMAT}, version {VERSION}: {found}")
    return NetworkSettings.stored(description.get("network"), str(path))
