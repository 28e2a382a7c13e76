"""What all tests share, and their order: two processes get file by file, and the longest file comes first."""

import os
from pathlib import Path

from edsym.provenance.digest import keep_compiled_code

# One thread a process, set before anything loads OpenMP: on busy cores several threads wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# The workflow's, so that the tests find compiled what a run has compiled.
keep_compiled_code(Path(__file__).parents[1] / ".snakemake/numba")


def pytest_configure(config):
    # pytest-xdist would hand out files by their number of tests: last those of few tests, which are long
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.name != "test_workflow.py")
