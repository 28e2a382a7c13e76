"""The arithmetic of training and prediction."""

import torch

# Names of the configuration and what Lightning calls them.
_LIGHTNING = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}


def lightning_precision(precision: str) -> str:
    """Return what Lightning calls a precision of the configuration; `auto` depends on the device."""
    return _LIGHTNING.get(precision, "bf16-mixed" if torch.cuda.is_available() else "32-true")
