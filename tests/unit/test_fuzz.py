"""Malformed files: whatever is in them, a user reads one line, not a traceback.

By default a few hundred of them; ``EDSYM_FUZZ=10000`` says how many else.
"""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_predictions import predictions as predictions_fixture
from test_simulation import MATERIALS, SETTINGS, read_patterns
from test_spots_store import write as write_spot_store

from edsym.configuration import check_configuration, default_configuration
from edsym.errors import EdsymError
from edsym.predictions.table import read_predictions, write_predictions
from edsym.simulation.run.shard import simulate_shard
from edsym.spots.store import read_spots
from edsym.structures.cif import CifFolder
from edsym.structures.table import read_materials, read_metadata, write_materials

ROOT = Path(__file__).parents[2]
EXAMPLES = int(os.environ.get("EDSYM_FUZZ", 300)) // 6
CIF = """data_NaCl
_symmetry_space_group_name_H-M   'F m -3 m'
_cell_length_a   5.64
_cell_length_b   5.64
_cell_length_c   5.64
_cell_angle_alpha   90
_cell_angle_beta   90
_cell_angle_gamma   90
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Na Na 0 0 0 1
Cl Cl 0.5 0.5 0.5 1
"""


def write_table(path):
    write_materials(MATERIALS, path, {"source": "test"})


def write_predictions_of_two(path):
    write_predictions(predictions_fixture.__wrapped__(), path)


def write_patterns(path):
    table = path.with_name("materials.parquet")
    write_table(table)
    simulate_shard(table, path, 0, SETTINGS)


def read_cif(path):
    source = CifFolder(path.parent)
    return list(source.read(source.ids()))


# How a good file is written, and how it is read.
FORMATS = {
    "table.parquet": (write_table, lambda path: (read_metadata(path), read_materials(path))),
    "predictions.parquet": (write_predictions_of_two, read_predictions),
    "spots.h5": (
        lambda path: write_spot_store(path, {"mp-1": [0, 2], "mp-3": [1]}),
        lambda p: read_spots([p]),
    ),
    "patterns.h5": (write_patterns, read_patterns),
    "NaCl.cif": (lambda path: path.write_text(CIF), read_cif),
}


@st.composite
def damages(draw):
    """A function of the bytes of a file: cut, overwritten, inserted or taken out, once or several times."""
    edits = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["cut", "overwrite", "insert", "remove"]),
                st.floats(0, 1, exclude_max=True),
                st.binary(min_size=1, max_size=12),
            ),
            min_size=1,
            max_size=4,
        )
    )

    def damaged(data):
        for kind, where, new in edits:
            at = int(where * len(data))
            tail = {"cut": b"", "overwrite": new + data[at + len(new) :], "insert": new + data[at:]}
            data = data[:at] + tail.get(kind, data[at + len(new) :])
        return data

    return damaged


@pytest.fixture(scope="module", params=FORMATS)
def good(request, tmp_path_factory):
    """A good file's bytes, a place for a damaged one, and its reader."""
    path = tmp_path_factory.mktemp("fuzz") / request.param
    write, read = FORMATS[request.param]
    write(path)
    data = path.read_bytes()
    folder = path.parent / "damaged"
    folder.mkdir()
    return data, folder / request.param, read


def check(read, argument):
    try:
        read(argument)
    except EdsymError as error:
        assert "\n" not in str(error) or str(error).count("\n") < 20


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(damage=damages())
def test_a_damaged_file_gives_an_error_for_users_or_is_read(good, damage):
    data, path, read = good
    path.write_bytes(damage(data))
    check(read, path)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=4,
)
CONFIG = default_configuration()
KEYS = [(section, key) for section, keys in CONFIG.items() if isinstance(keys, dict) for key in keys]


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(place=st.sampled_from(KEYS), value=VALUES, whole=st.booleans(), extra=st.text(max_size=8))
def test_a_configuration_of_whatever_values_is_refused_in_words_or_taken(place, value, whole, extra):
    section, key = place
    config = CONFIG | {section: value if whole else CONFIG[section] | {key: value, extra: value}}
    check(check_configuration, config)
