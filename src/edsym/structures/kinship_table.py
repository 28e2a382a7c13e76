"""The table of what materials share, which `edsym.structures.kinship` makes."""

from pathlib import Path

import pandas as pd

from edsym.errors import InputError
from edsym.parquet import read_parquet

COLUMNS = ("material_id", "prototype", "chemical_system")


def read_kinship(path: str | Path) -> pd.DataFrame:
    """Read what `edsym.structures.kinship.write_kinship` wrote, indexed by material_id.

    Raises
    ------
    InputError
        If the file is unreadable or lacks a column.
    """
    table = read_parquet(path)
    if missing := [name for name in COLUMNS if name not in table.column_names]:
        raise InputError(f"{path} lacks the columns {', '.join(missing)}, expected {', '.join(COLUMNS)}")
    return table.select(list(COLUMNS)).to_pandas().set_index("material_id")
