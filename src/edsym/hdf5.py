"""HDF5 files in which a flipped bit is an error, and never another number.

Data lie in chunks, each with its Fletcher-32 checksum. What describes them (superblock, object headers with
their attributes, links, indexes of chunks) has checksums in the format of HDF5 1.10 and later. Texts of
variable length would lie in a heap that has none: here all are of fixed length, UTF-8, padded with zeros.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from edsym.errors import InputError
from edsym.files import atomic_path


@contextmanager
def create_store(path: str | Path, form: str, version: int, **texts: str) -> Iterator[h5py.File]:
    """Open a new HDF5 file for writing; it appears under its name once the block has succeeded.

    Parameters
    ----------
    path : str or Path
        The file.
    form, version : str, int
        Its attributes ``format`` and ``version``, which `open_store` asks for.
    **texts : str
        Other attributes.

    Raises
    ------
    OSError
        If the system cannot write.
    """
    with atomic_path(path) as temporary, h5py.File(temporary, "w", libver=("v110", "v110")) as file:
        file.attrs["version"] = version
        for name, text in {"format": form, **texts}.items():
            values = _encoded([text], name)
            file.attrs.create(name, values[0], dtype=_text_type(values))
        yield file


def create_dataset(
    group: h5py.Group, name: str, data: np.ndarray, chunks: bool | tuple = True, level: int = 4
) -> h5py.Dataset:
    """Add a dataset that can grow, in compressed chunks with checksums."""
    return group.create_dataset(
        name,
        data=data,
        maxshape=(None, *data.shape[1:]),
        chunks=chunks,
        shuffle=True,
        compression="gzip",
        compression_opts=level,
        fletcher32=True,
    )


def write_text(file: h5py.File, name: str, values: Sequence[str]) -> None:
    """Add a dataset of texts.

    Raises
    ------
    InputError
        If a text holds a NUL, which ends a text here.
    """
    values = _encoded(values, name)
    create_dataset(file, name, values.astype(_text_type(values)))


@contextmanager
def open_store(path: str | Path, form: str, version: int) -> Iterator[h5py.File]:
    """Open an HDF5 file of a given format for reading.

    Raises
    ------
    InputError
        Whatever is wrong with the file, also while the block reads it.
    """
    try:
        with h5py.File(path, "r") as file:
            _check_format(file, form, version)
            yield file
    except (KeyError, OSError, RuntimeError, IndexError, TypeError, ValueError) as error:
        raise InputError(f"{path} cannot be read as HDF5 of the format {form}: {error}") from error


def read_text(file: h5py.File, name: str) -> np.ndarray:
    """Return a dataset of texts as an array of str."""
    values = file[name].asstr()[:].astype(str)
    clean = np.array(["\0" not in value for value in values], dtype=bool)
    check_values(file, name, values, clean, "a text without NUL")
    return values


def check_values(
    file: h5py.File, name: str, values: np.ndarray, good: np.ndarray, expected: str, start: int = 0
) -> None:
    """Raise an InputError that tells the first value of a dataset that is not good.

    Parameters
    ----------
    file : h5py.File
        The file, to be named.
    name : str
        The dataset.
    values : (n, ...) array
        Its values.
    good : (n,) array of bool
        Which of them are as they should be.
    expected : str
        What that is, in words.
    start : int
        Number of the first value within the dataset.
    """
    if not good.all():
        bad = int(good.argmin())
        value = values[bad]
        text = repr(str(value)) if isinstance(value, str) else " ".join(str(value).split())
        raise InputError(f"{file.filename}: {name} number {start + bad} is {text}, expected {expected}")


def _check_format(file: h5py.File, form: str, version: int) -> None:
    found = file.attrs.get("format", b"nothing")
    found = found.decode() if isinstance(found, bytes) else found
    number = file.attrs.get("version")
    if found != form:
        raise InputError(f"{file.filename} is not a file of the format {form}: it says {found}")
    if number != version:
        raise InputError(
            f"{file.filename} is {form} of version {number}, and version {version} is expected: "
            "remove it, and its stage of the workflow makes it again"
        )


def _encoded(values: Iterable[str], name: str) -> np.ndarray:
    values = [str(value) for value in values]
    for value in values:
        if "\0" in value:
            raise InputError(f"{name}: {value!r} holds a NUL, expected a text without")
    return np.array([value.encode() for value in values], dtype=np.bytes_)


def _text_type(values: np.ndarray) -> np.dtype:
    return h5py.string_dtype("utf-8", max(values.dtype.itemsize, 1))
