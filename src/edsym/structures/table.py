"""The table of materials: one row a material, as Parquet; in this form structures go from stage to stage."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from edsym.errors import InputError
from edsym.parquet import read_parquet, read_schema, write_parquet
from edsym.structures.checks import printable, row_problems

SCHEMA = pa.schema(
    {
        "material_id": pa.string(),
        "formula": pa.string(),
        "spacegroup_number": pa.uint8(),
        "crystal_system": pa.string(),
        "volume": pa.float64(),
        "nsites": pa.int32(),
        "lattice": pa.list_(pa.float64(), 9),
        "numbers": pa.list_(pa.uint8()),
        "frac_coords": pa.list_(pa.float32()),
    }
)
"""Columns of the table: volumes in Å³, lattices as nine numbers (row vectors a, b, c in Å)."""

# What a foreign table may hold: wide enough that wrong values arrive here and can be named.
_READ_AS = {
    "material_id": pa.large_string(),
    "formula": pa.large_string(),
    "spacegroup_number": pa.float64(),
    "crystal_system": pa.large_string(),
    "volume": pa.float64(),
    "nsites": pa.float64(),
    "lattice": pa.large_list(pa.float64()),
    "numbers": pa.large_list(pa.int64()),
    "frac_coords": pa.large_list(pa.float64()),
}
_METADATA_KEY = b"edsym"


def read_materials(path: str | Path) -> pd.DataFrame:
    """Read a table of materials and check every row of it.

    Parameters
    ----------
    path : str or Path
        A Parquet file with the columns of `SCHEMA`.

    Returns
    -------
    DataFrame
        Sorted by ``material_id``; ``lattice`` (9,), ``numbers`` (n,) and ``frac_coords`` (3n,) are
        arrays.

    Raises
    ------
    InputError
        If the file cannot be read, has no rows or lacks a column, or if an id is missing or
        repeated or a value is not what it should be.
    """
    frame = read_columns(path)
    problems = row_problems(frame)
    bad = problems[problems != ""]
    if len(bad):
        first = printable(frame.material_id[bad.index[0]]) or "without an id"
        raise InputError(
            f"{path}: material {first}: {bad.iloc[0]} ({len(bad)} of {len(frame)} rows are wrong)"
        )
    return _to_frame(_to_table(frame, {}))


def read_columns(path: str | Path, foreign: bool = False) -> pd.DataFrame:
    """Read the columns of a table of materials, whatever their rows hold.

    Like `read_materials`, but rows are not checked (see `row_problems`): missing ids are empty, and
    numbers are left wide enough to hold wrong values; with `foreign`, others may have written the table.
    """
    table = read_parquet(existing_table(path), foreign=foreign)
    missing = [name for name in SCHEMA.names if name not in table.column_names]
    if missing:
        raise InputError(
            f"{path}: no column {', '.join(missing)}; found {', '.join(table.column_names) or 'none'}, "
            f"expected {', '.join(SCHEMA.names)}"
        )
    if not table.num_rows:
        raise InputError(f"{path}: the table has no rows; expected one row a material")
    frame = _to_frame(pa.table({name: _cast(path, name, table[name]) for name in SCHEMA.names}))
    frame["material_id"] = frame.material_id.fillna("")
    return frame.sort_values("material_id", kind="stable", ignore_index=True)


def write_materials(frame: pd.DataFrame, path: str | Path, metadata: Mapping) -> None:
    """Write a table of materials, sorted by ``material_id``.

    Parameters
    ----------
    frame : DataFrame
        With the columns of `SCHEMA`.
    path : str or Path
        Where to write, atomically.
    metadata : mapping
        Source, version and date of the structures; any JSON values.
    """
    table = _to_table(frame.sort_values("material_id", kind="stable"), metadata)
    write_parquet(table, path)


def read_metadata(path: str | Path, foreign: bool = False) -> dict:
    """Return the metadata with which `write_materials` wrote a table; empty for other tables."""
    metadata = read_schema(existing_table(path), foreign).metadata or {}
    try:
        return json.loads(metadata.get(_METADATA_KEY, b"{}"))
    except ValueError as error:
        raise InputError(f"{path}: its metadata is not JSON ({error})") from error


def existing_table(path: str | Path) -> Path:
    """Return the path of a table of materials; raise InputError if no file is there."""
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; expected a table of materials (Parquet)")
    return Path(path)


def _cast(path: str | Path, name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return column.cast(_READ_AS[name])
    except pa.ArrowException as error:
        raise InputError(
            f"{path}: column {name} is {column.type}, expected {SCHEMA.field(name).type} ({error})"
        ) from error


def _to_frame(table: pa.Table) -> pd.DataFrame:
    """Return a table as a frame of plain numpy and Python values; missing lists become empty arrays."""
    columns = {}
    for name in table.column_names:
        column = table[name].combine_chunks()
        if pa.types.is_nested(column.type):
            columns[name] = _split(column)
        elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            columns[name] = pd.Series(column.to_pylist(), dtype=object)
        else:
            columns[name] = column.to_numpy(zero_copy_only=False)
    return pd.DataFrame(columns)


def _split(column: pa.Array) -> pd.Series:
    values = column.flatten()
    if values.null_count:
        values = values.fill_null(0 if pa.types.is_integer(values.type) else np.nan)
    lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    parts = np.split(values.to_numpy(zero_copy_only=False), np.cumsum(lengths)[:-1])
    series = pd.Series(index=range(len(parts)), dtype=object)
    series[:] = parts
    return series


def _to_table(frame: pd.DataFrame, metadata: Mapping) -> pa.Table:
    columns = []
    for field in SCHEMA:
        values = frame[field.name]
        if pa.types.is_nested(field.type):
            dtype = field.type.value_type.to_pandas_dtype()
            values = [np.asarray(value, dtype=dtype) for value in values]
        columns.append(pa.array(values, type=field.type, from_pandas=False))
    text = json.dumps(dict(metadata), sort_keys=True).encode()
    return pa.table(columns, schema=SCHEMA.with_metadata({_METADATA_KEY: text}))
