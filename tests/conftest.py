"""What all tests share."""

import os
from pathlib import Path

from edsym.provenance.digest import compiled_code_cache

# One thread a process, set before anything loads OpenMP: on busy cores several threads wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# The workflow's, so that the tests find compiled what a run has compiled.
if "NUMBA_CACHE_DIR" not in os.environ:
    os.environ["NUMBA_CACHE_DIR"] = str(compiled_code_cache(Path(__file__).parents[1] / ".snakemake/numba"))
