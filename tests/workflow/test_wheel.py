"""A wheel built from the checkout works outside of it, without the packages of the extras."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from compiled import lend_compiled_code
from pymatgen.core import Lattice
from pymatgen.core import Structure as Pymatgen

ROOT = Path(__file__).parents[2]

# What the venv runs first: it has the packages of the tests, but for those that only extras ask for.
_BLOCK = """
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"abtem", "lightning", "mp_api", "rocrate", "snakemake", "torchmetrics"}:
            raise ImportError(f"{name} belongs to an extra")

sys.meta_path.insert(0, Block())
"""

_NOTEBOOK = """
import edsym

assert edsym.__file__.startswith(SITE), edsym.__file__
patterns = edsym.simulate(edsym.Structure.from_cif("NaCl.cif"), n=2, orientations="grid")
spots = edsym.find_spots(patterns)
for name in ("lattice", "spectra-grid", "spectra-random"):
    answer = edsym.load_model(name).predict(spots)
    assert answer.calibrated and answer.top(1).pattern.to_list() == ["0", "1", "all"]
edsym.plot_pattern(spots).figure.savefig("pattern.png")
try:
    import lightning
except ImportError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    """A folder with a virtual environment ``venv`` that the wheel is installed in."""
    folder = tmp_path_factory.mktemp("wheel")
    checkout = folder / "checkout"
    shutil.copytree(ROOT / "src", checkout / "src", symlinks=True)
    shutil.copytree(ROOT / "models", checkout / "models")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, checkout]
    subprocess.run([*pip, *build], check=True)
    shutil.rmtree(checkout)
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv/bin/python"
    (site,) = (folder / "venv/lib").glob("python*/site-packages")
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*pip, "--python", python, "install", "--no-deps", wheel], check=True)
    (site / "tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (site / "sitecustomize.py").write_text(_BLOCK)
    lend_compiled_code(site / "edsym", folder / "numba")
    cell = Pymatgen.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5] * 3])
    cell.to(filename=folder / "NaCl.cif")
    return folder


def run(outside, *command):
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    env |= {"NUMBA_CACHE_DIR": str(outside / "numba"), "MPLBACKEND": "agg"}
    done = subprocess.run(
        [outside / "venv/bin" / command[0], *command[1:]],
        cwd=outside,
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_notebook_simulates_predicts_and_plots(outside):
    code = f"SITE = {str(outside)!r}\n" + _NOTEBOOK
    assert run(outside, "python", "-c", code) == "lightning belongs to an extra\n"
    assert (outside / "pattern.png").read_bytes().startswith(b"\x89PNG")


def test_the_command_simulates_and_predicts(outside):
    outputs = ["--out", "patterns.h5", "--spots", "spots.csv", "--plot", "patterns.pdf"]
    run(outside, "edsym", "simulate", "NaCl.cif", "--n", "2", "--orientations", "grid", *outputs)
    answer = run(outside, "edsym", "predict", "spots.csv", "--top", "1").splitlines()
    assert answer[-1].split()[:2] == ["all", "1"]
    assert (outside / "patterns.h5").is_file() and (outside / "patterns.pdf").is_file()
