"""The same numbers on two kinds of processors, which libraries choose their code for."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

TESTS = Path(__file__).parents[1]
# What numba, OpenBLAS, NumPy and the system's mathematics would do on a processor of twenty years ago, and on
# one of ten: the second has vectors of another width than the one at hand, or the same.
PROCESSORS = {
    "without vectors of eight": {
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "OPENBLAS_CORETYPE": "Prescott",
        "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F",
    },
    "with other products": {"OPENBLAS_CORETYPE": "Haswell", "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL"},
}


def numbers(folder: Path, **environment) -> dict[str, np.ndarray]:
    paths = os.pathsep.join([str(TESTS), str(TESTS.parent / "src")])
    subprocess.run(
        [sys.executable, "-W", "ignore", TESTS / "physics" / "processor.py", folder / "numbers.npz"],
        env=os.environ | {"PYTHONPATH": paths} | environment,
        check=True,
    )
    with np.load(folder / "numbers.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def native(tmp_path_factory):
    return numbers(tmp_path_factory.mktemp("native"))


@pytest.mark.parametrize("processor", PROCESSORS)
def test_beams_spots_and_features_are_the_same_to_the_last_bit(native, tmp_path, processor):
    other = numbers(tmp_path, **PROCESSORS[processor])
    assert len(native["spots"]) > 300
    for name, values in native.items():
        np.testing.assert_array_equal(other[name], values, err_msg=name)
