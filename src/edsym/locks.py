"""Locks between processes: what one process writes step by step, no other must write."""

import fcntl
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TextIO

from edsym.errors import InputError


@contextmanager
def locked(path: str | Path) -> Iterator[None]:
    """Hold a lock, a file that says which process has it.

    The system itself releases the lock when the process ends, however it ends: a file that a killed process
    has left locks nothing.

    Raises
    ------
    InputError
        If another process holds it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _open_locked(path) as file:
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}, since {datetime.now():%Y-%m-%d %H:%M:%S}")
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _open_locked(path: Path) -> TextIO:
    while True:
        file = open(path, "a+", encoding="utf-8")  # noqa: SIM115 (open while locked)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with file:
                file.seek(0)
                holder = file.read() or "another process"
            raise InputError(f"{path} is in use by {holder}: wait for that job, or end it") from None
        # Who held it until now has removed the file: it locks nothing any more.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                return file
        file.close()
