"""Crystal symmetry from electron diffraction: simulation, networks, forests and their evaluation."""

from importlib import import_module


def __getattr__(name: str):
    # Late and by name: who only simulates does not load torch, and no stage stands on the trained networks.
    if name == "load_model":
        return import_module("edsym.models.pretrained").load_model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
