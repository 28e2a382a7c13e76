"""What `lanes` has of processors' instructions, in Python: for a debugger, with NUMBA_DISABLE_JIT=1."""

import numpy as np

LANES = 8


def load(array: np.ndarray, index: int) -> np.ndarray:
    """Return the elements of a float32 array from an index on."""
    return array[index : index + LANES].copy()


def store(array: np.ndarray, index: int, vector: np.ndarray) -> None:
    """Write a vector to the elements of an array from an index on."""
    array[index : index + LANES] = vector


def splat(number: float) -> np.ndarray:
    """Return a vector of eight times the same number."""
    return np.full(LANES, number, np.float32)


def fma(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Return a b + c, rounded once, or hardly ever twice."""
    return (a.astype(np.float64) * b + c).astype(np.float32)


def minus(vector: np.ndarray) -> np.ndarray:
    """Return a vector with all signs changed."""
    return -vector


def total(vector: np.ndarray) -> np.float32:
    """Return the sum of a vector: halves added to halves."""
    while vector.size > 1:
        vector = vector[: vector.size // 2] + vector[vector.size // 2 :]
    return vector[0]
