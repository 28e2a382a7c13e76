"""Files that tests of several models start from."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from labelled import labelled_spots

from edsym.models.cell import answers
from edsym.parquet import write_parquet
from edsym.spots.store import write_spots
from edsym.symmetry import crystal_system


@pytest.fixture(scope="module")
def quick_lattices():
    """Have the lattice network told lattices that hang on the spots, without looking for any."""

    def told(patterns, wavelength, material, absences):
        answer, spots = answers._nothing(1, absences), np.concatenate(patterns)
        answer.direct[0] = np.diag(1 + 1 / np.abs(spots).mean(axis=0))
        answer.chance[0], answer.numbers[0] = 0.2, len(spots) / 20
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answers, "_answer", told)
        yield


@pytest.fixture
def files(tmp_path):
    """Write those spot lists in two shards, and a split of them."""
    lists, groups = labelled_spots()
    ids = lists.material_id
    for k, part in enumerate((ids[::2], ids[1::2])):
        write_spots(tmp_path / f"{k}.h5", lists.select(part), np.tile([0, 0, 1.0], (60, 1)), {})
    systems = [crystal_system(group) for group in groups]
    split = pd.DataFrame({"material_id": ids, "crystal_system": systems, "spacegroup_number": groups})
    split["split"] = np.where(np.arange(24) % 4 == 3, "test", "train")
    write_parquet(pa.Table.from_pandas(split, preserve_index=False), tmp_path / "split.parquet")
    return [tmp_path / "0.h5", tmp_path / "1.h5"], tmp_path / "split.parquet", split
