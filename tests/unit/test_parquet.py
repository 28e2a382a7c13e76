import re

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from edsym.errors import InputError
from edsym.parquet import read_parquet, read_schema, write_parquet

TABLE = pa.table({"name": ["a", "b"], "x": [1.5, 2.5]}, metadata={"edsym": "about"})


@pytest.fixture
def path(tmp_path):
    write_parquet(TABLE, tmp_path / "table.parquet")
    return tmp_path / "table.parquet"


def test_a_table_is_read_as_it_was_here_and_elsewhere(path):
    assert read_parquet(path).equals(TABLE, check_metadata=True)
    assert read_schema(path).metadata == {b"edsym": b"about"}
    assert read_parquet(path, ["x"]).column_names == ["x"]
    assert pq.read_table(path, page_checksum_verification=True).equals(TABLE)
    assert pd.read_parquet(path).name.tolist() == ["a", "b"]


def test_a_table_without_checksum_is_taken_only_where_foreign_ones_may_be(path, tmp_path):
    foreign = tmp_path / "foreign.parquet"
    pq.write_table(TABLE, foreign)
    assert read_parquet(foreign, foreign=True).equals(TABLE)
    for read in (read_parquet, read_schema):
        with pytest.raises(InputError, match=re.escape(str(foreign)) + " has no checksum"):
            read(foreign)
    # One with a checksum is verified all the same: here a name is another, of the same length.
    path.write_bytes(path.read_bytes().replace(b"name", b"nome"))
    with pytest.raises(InputError, match=re.escape(str(path)) + " is damaged"):
        read_parquet(path, foreign=True)
