"""What all tests share."""

import os

# One thread a process, set before anything loads OpenMP: on busy cores several threads wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
