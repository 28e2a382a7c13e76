"""Diffraction patterns by py4DSTEM, in its own environment: started by `simulation.py`.

Reads one line a job, ``input.npz output.npz``, and answers with a line. Needs numpy and py4DSTEM only.
py4DSTEM selects its beams and computes its matrix; the matrix is made for the beams of the job, though,
because intensities can be compared on equal beams only.
"""

import contextlib
import sys
import time

import numpy as np
from py4DSTEM.process.diffraction import Crystal

ROUNDING = 1 + 1e-9


def prepared(job):
    """Return the crystal with its structure factors up to twice g_max."""
    crystal = Crystal(job["frac_coords"], job["numbers"], job["lattice"])
    crystal.setup_diffraction(float(job["voltage"]))
    crystal.calculate_dynamical_structure_factors(
        float(job["voltage"]),
        str(job["method"]),
        k_max=2 * float(job["g_max"]) * ROUNDING,
        thermal_sigma=float(job["thermal_sigma"]),
        tol_structure_factor=0,
    )
    return crystal


def pattern(crystal, job, orientation, hkl):
    """Return the intensities (n,) of beams (n, 3), and the number of beams that py4DSTEM would take."""
    # its electrons travel along -z
    axis = -orientation[2]
    # sigma times its tolerance of three is the largest excitation error
    own = crystal.generate_diffraction_pattern(
        zone_axis_cartesian=axis,
        sigma_excitation_error=float(job["max_error"]) / 3,
        tol_intensity=0,
        k_max=float(job["g_max"]) * ROUNDING,
    )
    beams = own.copy()
    beams.data = np.zeros(len(hkl), dtype=own.data.dtype)
    for name, column in zip("hkl", hkl.T, strict=True):
        beams.data[name] = column
    result = crystal.generate_dynamical_diffraction_pattern(
        beams, float(job["thickness"]), zone_axis_cartesian=axis
    )
    return result.data["intensity"], len(own.data)


def run(job):
    """Return times in s, intensities and numbers of beams of a job."""
    start = time.perf_counter()
    crystal = prepared(job)
    setup = time.perf_counter() - start
    seconds, intensities, n_own = [], [], []
    for orientation, begin, end in zip(
        job["orientations"], job["offset"][:-1], job["offset"][1:], strict=True
    ):
        start = time.perf_counter()
        intensity, n = pattern(crystal, job, orientation, job["hkl"][begin:end])
        seconds.append(time.perf_counter() - start)
        intensities.append(intensity)
        n_own.append(n)
    return {"setup": setup, "seconds": seconds, "intensity": np.concatenate(intensities), "n_own": n_own}


answers = sys.stdout
with contextlib.redirect_stdout(sys.stderr):
    for line in sys.stdin:
        source, target = line.split()
        with np.load(source) as job:
            np.savez(target, **run(dict(job)))
        print("done", file=answers, flush=True)
