import re

import h5py
import numpy as np
import pytest

from edsym.errors import InputError
from edsym.hdf5 import create_dataset, create_store, open_store, read_text, write_text


@pytest.fixture
def path(tmp_path):
    with create_store(tmp_path / "store.h5", "edsym-test", 2, about="é") as file:
        write_text(file, "some/texts", ["mp-1", "", "Å"])
        write_text(file, "none", [])
        create_dataset(file, "numbers", np.arange(6.0).reshape(3, 2))
    return tmp_path / "store.h5"


def test_what_is_written_is_read_with_this_module_and_with_h5py_alone(path):
    with open_store(path, "edsym-test", 2) as file:
        assert read_text(file, "some/texts").tolist() == ["mp-1", "", "Å"]
        assert read_text(file, "none").tolist() == []
    with h5py.File(path) as file:
        assert file["some/texts"].asstr()[2] == "Å"
        assert file.attrs["about"].decode() == "é"
        np.testing.assert_array_equal(file["numbers"], np.arange(6).reshape(3, 2))


def test_nothing_lies_outside_what_has_a_checksum(path):
    """No heap of texts, no dataset outside chunks, no header of the format that had no checksums."""
    data = path.read_bytes()
    assert data[8] == 3 and not re.search(b"GCOL|HEAP|SNOD|TREE", data)
    with h5py.File(path) as file:
        for name in ("some/texts", "none", "numbers"):
            assert file[name].chunks and file[name].fletcher32


def test_a_file_of_before_is_refused_in_one_sentence_that_says_what_to_do(path, tmp_path):
    with pytest.raises(InputError) as caught, open_store(path, "edsym-test", 3):
        pass
    message = str(caught.value)
    assert message.startswith(f"{path} is edsym-test of version 2, and version 3 is expected: remove it")
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file.attrs.update(format="edsym-test", version=1)  # as texts were before
    with pytest.raises(InputError, match=r"old\.h5 is edsym-test of version 1"):
        open_store(tmp_path / "old.h5", "edsym-test", 3).__enter__()
    with pytest.raises(InputError, match="not a file of the format edsym-other: it says edsym-test"):
        open_store(path, "edsym-other", 2).__enter__()


def test_a_text_with_a_nul_is_neither_written_nor_read(path, tmp_path):
    with (
        pytest.raises(InputError, match=r"ids: 'a\\x00b' holds a NUL"),
        create_store(tmp_path / "x.h5", "edsym-test", 2) as file,
    ):
        write_text(file, "ids", ["a", "a\0b"])
    assert not (tmp_path / "x.h5").exists()
    with h5py.File(path, "a") as file:
        file["ids"] = np.array([b"a", b"a\0b"])
    with (
        pytest.raises(InputError, match=r"store\.h5: ids number 1 is 'a\\x00b'"),
        open_store(path, "edsym-test", 2) as file,
    ):
        read_text(file, "ids")
