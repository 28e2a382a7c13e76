"""Random generators that depend on names, never on the order or the place where things run."""

import hashlib

import numpy as np


def stable_hash(*names: str | int) -> int:
    """Return a 64-bit hash of names that is the same on every machine and in every process."""
    text = "\x1f".join(str(name) for name in names)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """Return a random generator for one named purpose.

    Parameters
    ----------
    seed : int
        The seed of the configuration.
    *names : str or int
        What the numbers are for, for example ``"orientations", "mp-149"``. Generators of
        different names are independent, so that a material draws the same numbers whatever
        shard or process it is in.
    """
    return np.random.default_rng([seed, stable_hash(*names)])
