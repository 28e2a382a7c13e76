"""Structures from a table of materials: an earlier query's, or a user's own."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from edsym.files import sha256
from edsym.structures.checks import row_problems
from edsym.structures.source import Material, Rejection
from edsym.structures.table import read_columns, read_metadata


class Snapshot:
    """The source ``snapshot``: a Parquet table with the columns of `edsym.structures.table.SCHEMA`.

    A table that lacks a column or has no rows is an error; a malformed row is a rejection.
    """

    reduces = False

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._frame = read_columns(path, foreign=True)

    def ids(self) -> list[str]:
        """Return the ids of all rows, each once."""
        return self._frame.material_id.unique().tolist()

    def read(self, ids: list[str]) -> Iterator[Material | Rejection]:
        """Yield the rows of these ids."""
        frame = self._frame[self._frame.material_id.isin(ids)].reset_index(drop=True)
        for row, problem in zip(frame.itertuples(), row_problems(frame), strict=True):
            if problem:
                yield Rejection(row.material_id, row.formula or "", problem)
            else:
                yield Material(
                    row.material_id,
                    row.formula or "",
                    np.reshape(row.lattice, (3, 3)),
                    row.numbers,
                    np.reshape(row.frac_coords, (-1, 3)),
                    int(row.spacegroup_number),
                )

    def metadata(self) -> dict:
        """Return the digest of the file, its date, and as ``origin`` what it says of itself."""
        origin = read_metadata(self.path, foreign=True)
        modified = datetime.fromtimestamp(self.path.stat().st_mtime, UTC).date().isoformat()
        return {
            "version": f"sha256:{sha256(self.path)[:16]}",
            "date": origin.get("date", modified),
            "origin": origin,
        }
