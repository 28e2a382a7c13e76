"""The journal of a shard: each material is safe on disk once it is simulated, and an interrupted run goes on.

HDF5 does not survive a kill while it is written, and Snakemake deletes what a failed rule has made. So
results go first to a file of their own: a line that says what it belongs to, then one record a material, each
with its length and checksum. A record that is not whole ends the journal; the next run writes over it.
Nothing is forced to the disk: a process that is killed loses at most one record, and what a machine
that crashes loses, the checksums find.
"""

import io
import os
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from edsym.errors import InputError
from edsym.locks import locked
from edsym.simulation.run.results import FailedMaterial, SimulatedMaterial

_FORMAT = "edsym-journal 1"
_HEAD = struct.Struct("<QI")  # length of a record, and its CRC-32

Result = SimulatedMaterial | FailedMaterial


@dataclass(frozen=True)
class Checkpoint:
    """Where a run keeps what it has done until it is complete.

    Attributes
    ----------
    path : Path
        The journal.
    key : str
        Stands for everything that the results depend on: inputs, settings, code. A journal of
        another key is overwritten.
    """

    path: Path
    key: str


class Journal:
    """Results in the order in which they were made.

    Parameters
    ----------
    file : binary file
        Open for reading and writing.
    key : str
        See `Checkpoint`.
    """

    def __init__(self, file: BinaryIO, key: str):
        self._file = file
        head = f"{_FORMAT} {key}\n".encode()
        file.seek(0)
        if file.read(len(head)) != head:
            file.seek(0)
            file.truncate()
            file.write(head)
        self._start = len(head)
        self._length = sum(1 for _ in self._records())
        file.truncate()

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Result]:
        whole = 0
        for record in self._records():
            whole += 1
            with np.load(io.BytesIO(record)) as arrays:
                yield _result(dict(arrays))
        if whole < self._length:
            raise InputError(
                f"the journal of this shard was damaged while it ran, after {whole} of {self._length} "
                "materials: run again, and it goes on from there"
            )

    def append(self, result: Result) -> None:
        """Add a result; it is with the operating system when this returns."""
        buffer = io.BytesIO()
        np.savez(buffer, **vars(result))
        record = buffer.getvalue()
        self._file.write(_HEAD.pack(len(record), zlib.crc32(record)) + record)
        self._file.flush()
        self._length += 1

    def _records(self) -> Iterator[bytes]:
        """Yield the whole records; the file is left at their end."""
        size, end = os.fstat(self._file.fileno()).st_size, self._start
        self._file.seek(end)
        while end + _HEAD.size < size:
            length, checksum = _HEAD.unpack(self._file.read(_HEAD.size))
            # A broken length may be any number: it must not be read into memory.
            record = self._file.read(length) if end + _HEAD.size + length <= size else b""
            if not record or zlib.crc32(record) != checksum:
                break
            yield record
            end += _HEAD.size + length
        self._file.seek(end)


@contextmanager
def open_journal(checkpoint: Checkpoint | None, folder: Path, keep: bool = False) -> Iterator[Journal]:
    """Open a journal; it is removed when the block succeeds, and stays when it fails.

    Parameters
    ----------
    checkpoint : Checkpoint, optional
        Without one, the journal is a nameless file that goes with the process.
    folder : Path
        Where the nameless file is: on the disk that has room for the results.
    keep : bool
        Leave it in any case.

    Raises
    ------
    InputError
        If another process has it open.
    """
    if checkpoint is None:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            yield Journal(file, "")
        return
    path = Path(checkpoint.path)
    with locked(path.with_suffix(".lock")):
        path.touch()
        with open(path, "r+b") as file:
            yield Journal(file, checkpoint.key)
        if not keep:
            path.unlink(missing_ok=True)


def _result(arrays: dict[str, np.ndarray]) -> Result:
    texts = {name: str(arrays.pop(name)) for name in ("material_id", "reason") if name in arrays}
    return FailedMaterial(**texts) if "reason" in texts else SimulatedMaterial(**texts, **arrays)
