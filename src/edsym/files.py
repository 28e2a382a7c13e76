"""Writing files so that a killed job never leaves half a file under a final name; their checksums."""

import hashlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that is renamed to it on success and removed on failure.

    The temporary name keeps the suffix of `path`, since some writers choose a format by it.

    Raises
    ------
    OSError
        If the system cannot write: a full disk, for example.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The name is known before the file is there: an interrupt between the two leaves nothing.
    temporary = path.with_name(f".{path.stem}-{secrets.token_hex(8)}{path.suffix}")
    try:
        temporary.touch(exist_ok=False)
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    except RuntimeError as error:
        # As such HDF5 tells, when a file is closed, that the system could not write.
        if "errno = " not in str(error):
            raise
        raise OSError(f"{path} cannot be written: {' '.join(str(error).split())}") from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def kept_arrays(
    path: str | Path | None, make: Callable[[], Mapping[str, np.ndarray]]
) -> Mapping[str, np.ndarray]:
    """Return the arrays that a file of an interrupted job has; or make them, and keep them there.

    Parameters
    ----------
    path : str or Path or None
        An npz file, whose name stands for all that the arrays depend on. None keeps nothing.
    make : callable
        Returns the arrays by their names.
    """
    if path is None:
        return make()
    if Path(path).exists():
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    arrays = make()
    with atomic_path(path) as temporary:
        np.savez(temporary, **arrays)
    return arrays


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file's content, read in pieces."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
