"""Parquet tables whose pages carry checksums, so that a flipped bit is an error and not another number."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from edsym.files import atomic_path


def write_parquet(table: pa.Table, path: str | Path, row_group_size: int | None = None) -> None:
    """Write a table atomically."""
    with atomic_path(path) as temporary:
        pq.write_table(
            table, temporary, compression="zstd", row_group_size=row_group_size, write_page_checksum=True
        )


def read_parquet(path: str | Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a table of one file, some of its columns if they are named.

    Raises
    ------
    OSError, pyarrow.ArrowException
        If the file is not there, is not Parquet, or a page is not what its checksum says.
    """
    with _open(path) as file:
        return file.read(columns=columns)


def read_schema(path: str | Path) -> pa.Schema:
    """Return names, types and metadata of a table; raises as `read_parquet` does."""
    with _open(path) as file:
        return file.schema_arrow


@contextmanager
def _open(path: str | Path) -> Iterator[pq.ParquetFile]:
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield file
    except UnicodeDecodeError as error:  # which pyarrow lets pass where a damaged name is no text
        raise pa.ArrowInvalid(f"a name in it is not UTF-8: {error}") from error
