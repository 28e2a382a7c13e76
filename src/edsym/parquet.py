"""Parquet tables in which a flipped bit is an error, and never another number.

The format has checksums of pages, but none of their headers nor of the footer with names, types and metadata.
So the SHA-256 of the rest of the file lies before the footer, where other readers do not look.
"""

import hashlib
import mmap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from edsym.errors import InputError
from edsym.files import atomic_path

_MARK = b"edsym-sha256:"
_MARK_LENGTH = len(_MARK) + hashlib.sha256().digest_size
# Of rows so many are compressed together: how much memory a reader needs at once.
_ROW_GROUP = 65536


def write_parquet(table: pa.Table, path: str | Path) -> None:
    """Write a table atomically."""
    with atomic_path(path) as temporary:
        pq.write_table(
            table, temporary, compression="zstd", row_group_size=_ROW_GROUP, write_page_checksum=True
        )
        with open(temporary, "r+b") as file, _mapped(file) as content:
            start = _footer_start(content)
            marked = _MARK + hashlib.sha256(content).digest() + content[start:]
            file.seek(start)
            file.write(marked)


def read_parquet(path: str | Path, columns: Sequence[str] | None = None, foreign: bool = False) -> pa.Table:
    """Read a table of one file.

    Parameters
    ----------
    path : str or Path
        The file.
    columns : sequence of str, optional
        Read only these.
    foreign : bool
        Take a table that others have written too, without that checksum.

    Raises
    ------
    InputError
        If the file is not there, is not Parquet, or is not what its checksum says.
    """
    with _open(path, foreign) as file:
        return file.read(columns=columns)


def read_schema(path: str | Path, foreign: bool = False) -> pa.Schema:
    """Return names, types and metadata of a table; takes and raises what `read_parquet` does."""
    with _open(path, foreign) as file:
        return file.schema_arrow


@contextmanager
def _open(path: str | Path, foreign: bool) -> Iterator[pq.ParquetFile]:
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            _check(path, foreign)
            yield file
    # pyarrow lets a UnicodeDecodeError pass where a damaged name is no text
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a readable Parquet file ({error})") from error


def _check(path: str | Path, foreign: bool) -> None:
    with open(path, "rb") as file, _mapped(file) as content:
        start = _footer_start(content)
        mark = content[max(start - _MARK_LENGTH, 0) : start]
        if mark.startswith(_MARK):
            with memoryview(content) as view:
                found = hashlib.sha256(view[: start - _MARK_LENGTH])
                found.update(view[start:])
            if mark != _MARK + found.digest():
                raise InputError(f"{path} is damaged: it is not what its checksum says")
        elif not foreign:
            raise InputError(
                f"{path} has no checksum, as tables of earlier versions and of others have none: "
                "remove it, and its stage of the workflow makes it again"
            )


def _mapped(file: BinaryIO) -> mmap.mmap:
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _footer_start(content: mmap.mmap) -> int:
    """Return where the footer starts: its length is before the last four letters."""
    return len(content) - 8 - int.from_bytes(content[-8:-4], "little")
