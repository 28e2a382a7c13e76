"""The arithmetic of training and prediction."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

# Names of the configuration and what Lightning calls them.
_LIGHTNING = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}


def lightning_precision(precision: str) -> str:
    """Return what Lightning calls a precision of the configuration; `auto` depends on the device."""
    return _LIGHTNING.get(precision, "bf16-mixed" if torch.cuda.is_available() else "32-true")


def arithmetic(precision: str, device: str) -> torch.autocast:
    """Return the context in which a precision's name becomes what Lightning makes of it in training."""
    name = lightning_precision(precision)
    dtype = torch.float16 if name == "16-mixed" else torch.bfloat16
    return torch.autocast(device, dtype, enabled=name != "32-true")


@contextmanager
def compute_threads(count: int | None) -> Iterator[None]:
    """Compute with this many threads; None leaves it to torch."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
