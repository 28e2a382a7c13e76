"""The torch engine against the other one, beam by beam, and against scipy's matrix exponential."""

import itertools
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.linalg import expm

from edsym.errors import InputError, MaterialError
from edsym.simulation.crystal.cell import computing_cell
from edsym.simulation.engines.batched.crystal import fill_hamiltonians, make_crystal, select_beams
from edsym.simulation.engines.batched.engine import batches
from edsym.simulation.engines.batched.propagation import exponential_column, propagate
from edsym.simulation.engines.choice import make_engine

ADAPTIVE = {"basis": "adaptive", "g_max": 3.0, "max_excitation_error": 0.07, "min_beam_amplitude": 0.001}
CASES = {
    "elastic": {},
    "box": {"basis": "box", "g_max": 4.0, "max_excitation_error": 0.01},
    "adaptive": ADAPTIVE,
    "absorption": {"absorption": "weickenmeier_kohl", "scattering_factors": "py4dstem"},
    "proportional": {"absorption": "proportional", "scattering_factors": "weickenmeier_kohl"},
}


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES)
def test_same_beams_and_intensities_as_the_other_engine(crystals, settings, random_orientations, changes):
    # Small enough that it does not matter at which steps each looks whether it has converged.
    common = {"device": "cpu", "tolerance": 1e-6}
    ours, other = (make_engine(settings(engine=name, **common, **changes)) for name in ("torch", "krylov"))
    for name, structure in crystals.items():
        orientations = random_orientations(3, seed=structure.spacegroup_number)
        for a, b in zip(
            ours.patterns(structure, orientations), other.patterns(structure, orientations), strict=True
        ):
            np.testing.assert_array_equal(a.hkl, b.hkl, name)
            assert a.incident == b.incident, name
            assert np.abs(a.intensity - b.intensity).max() <= 2e-6, name
            assert [x.dtype for x in (a.hkl, a.intensity)] == [np.int16, np.float32]


@pytest.mark.parametrize("name", ["corundum", "alpha quartz"])
@pytest.mark.parametrize("changes", [{}, {"absorption": "proportional"}], ids=["elastic", "absorbing"])
@pytest.mark.parametrize("thickness", [10.0, 200.0, 1000.0])
def test_propagation_of_a_batch(crystals, settings, random_orientations, name, changes, thickness):
    settings = settings(**changes)
    crystal = make_crystal(computing_cell(crystals[name]), settings, torch.device("cpu"))
    assert crystal.planes == (1 if name == "corundum" and not changes else 2)
    beams = select_beams(crystal, random_orientations(3, seed=5)[:, 2])
    offset = np.concatenate([[0], np.cumsum(beams.counts)])
    lists = [(beams.candidate[a:b], beams.excitation_error[a:b]) for a, b in itertools.pairwise(offset)]
    candidate, error = (
        torch.nn.utils.rnn.pad_sequence(part, batch_first=True, padding_value=padding)
        for part, padding in zip(zip(*lists, strict=True), (-1, 0), strict=True)
    )
    matrix = fill_hamiltonians(crystal, candidate, error)
    start = (candidate == crystal.incident).int().argmax(dim=1)
    found = propagate(matrix, start, thickness, 1e-6, 4000, hermitian=not changes)
    for p, n in enumerate(beams.counts):
        planes = matrix[p].double().numpy().reshape(candidate.shape[1], crystal.planes, -1)
        transpose = planes[:, 0] + (1j * planes[:, 1] if crystal.planes == 2 else 0)
        assert not transpose[n:].any() and not transpose[:, n:].any(), "padding couples"
        if not changes:
            np.testing.assert_allclose(transpose, transpose.conj().T, atol=1e-9)
        expected = np.abs(expm(1j * transpose.T * thickness)[:, start[p]]) ** 2
        np.testing.assert_allclose(found[p], expected, atol=2e-6)


def test_results_do_not_depend_on_the_batches(crystals, settings, random_orientations):
    orientations = random_orientations(7, seed=2)
    for name in ("baddeleyite", "wurtzite"):
        alone = [
            make_engine(settings(engine="torch", device="cpu")).patterns(crystals[name], [o])
            for o in orientations
        ]
        together = make_engine(settings(engine="torch", device="cpu")).patterns(crystals[name], orientations)
        for (a,), b in zip(alone, together, strict=True):
            np.testing.assert_array_equal(a.hkl, b.hkl)
            np.testing.assert_allclose(a.intensity, b.intensity, atol=5e-7)


def test_batches_are_of_similar_size():
    counts = np.array([10, 500, 480, 12, 100, 490, 470, 11])
    found = [batch.tolist() for batch in batches(counts, lambda n: 3 if n > 100 else 100)]
    assert found == [[1, 5, 2], [6], [4], [3, 7], [0]]


def test_exponential_of_tridiagonal_matrices():
    rng = np.random.default_rng(0)
    diagonal, lower = rng.normal(size=(2, 2, 60))
    lower = np.abs(lower)
    absorbing = 0.02j * rng.random((2, 60))
    column = exponential_column(
        *(torch.as_tensor(x) for x in (diagonal + absorbing, lower + 0.1 * absorbing, lower)), 37.0
    )
    for p in range(2):
        full = np.diag(diagonal[p] + absorbing[p]) + np.diag(lower[p, :-1], -1)
        full = full + np.diag((lower + 0.1 * absorbing)[p, :-1], 1)
        np.testing.assert_allclose(column[p], expm(37j * full)[:, 0], atol=1e-9)


def test_limits_are_kept(crystals, settings):
    with pytest.raises(MaterialError, match=r"a pattern of \d+ beams needs .*simulation.max_memory"):
        list(
            make_engine(settings(engine="torch", device="cpu", max_memory=1)).patterns(
                crystals["pyrite"], [np.eye(3)]
            )
        )
    with pytest.raises(MaterialError, match="has not converged"):
        engine = make_engine(settings(engine="torch", device="cpu"))
        engine._steps = 20
        list(engine.patterns(crystals["pyrite"], [np.eye(3)]))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_missing_device_is_named(settings):
    with pytest.raises(InputError, match=r"simulation\.device is 'cuda'"):
        make_engine(settings(engine="torch", device="cuda"))


def test_device_of_another_engine_is_refused(settings):
    with pytest.raises(InputError, match=r"simulation\.device: cuda .*engine krylov"):
        settings(engine="krylov", device="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("changes", CASES.values(), ids=CASES)
def test_gpu_agrees_with_cpu(crystals, settings, random_orientations, changes):
    for name, structure in crystals.items():
        orientations = random_orientations(20, seed=1)
        on_gpu, on_cpu = (
            make_engine(settings(engine="torch", device=device, **changes)).patterns(structure, orientations)
            for device in ("cuda", "cpu")
        )
        for a, b in zip(on_gpu, on_cpu, strict=True):
            np.testing.assert_array_equal(a.hkl, b.hkl, name)
            assert np.abs(a.intensity - b.intensity).max() <= 2e-6, name


# What a machine for torch may lack.
BARE = """
import json, sys
FORBIDDEN = {"abtem", "numba", "spglib", "pymatgen", "ase", "pandas", "sklearn"}

class Hook:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in FORBIDDEN:
            raise ModuleNotFoundError(f"{name} is not here", name=name)

sys.meta_path.insert(0, Hook())
import numpy as np
from edsym.simulation.engines.choice import make_engine
from edsym.simulation.settings import SimulationSettings
from edsym.structures.structure import Structure

task = json.load(sys.stdin)
structure = Structure(*(np.array(x) for x in task["structure"]))
engine = make_engine(SimulationSettings(**task["settings"]))
print(json.dumps([p.intensity.tolist() for p in engine.patterns(structure, task["orientations"])]))
print(sorted(FORBIDDEN & set(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize("changes", [ADAPTIVE, CASES["absorption"]], ids=["elastic", "absorption"])
def test_runs_where_only_torch_numpy_and_scipy_are(crystals, settings, random_orientations, changes):
    structure, orientations = crystals["chalcopyrite"], random_orientations(2, seed=0)
    task = {
        "structure": [
            structure.lattice.tolist(),
            np.asarray(structure.numbers).tolist(),
            structure.frac_coords.tolist(),
            structure.spacegroup_number,
        ],
        "settings": vars(settings(engine="torch", device="cpu", **changes)),
        "orientations": orientations.tolist(),
    }
    done = subprocess.run(
        [sys.executable, "-c", BARE], input=json.dumps(task), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "[]"
    here = make_engine(settings(engine="torch", device="cpu", **changes)).patterns(structure, orientations)
    for found, pattern in zip(json.loads(done.stdout), here, strict=True):
        np.testing.assert_allclose(found, pattern.intensity, atol=1e-6)
