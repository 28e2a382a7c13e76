"""The examples in docstrings of the public interface and in the README, and what `import edsym` costs."""

import doctest
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from pymatgen.core import Lattice
from pymatgen.core import Structure as Pymatgen

import edsym
from edsym.cli import main

ROOT = Path(__file__).parents[2]
MODULES = sorted(set(edsym._MODULES.values()))


@pytest.mark.parametrize("name", MODULES)
def test_examples(name, tmp_path, monkeypatch):
    cell = Pymatgen.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5] * 3])
    cell.to(filename=tmp_path / "NaCl.cif")
    monkeypatch.chdir(tmp_path)
    found = doctest.testmod(import_module(name), extraglobs={"edsym": edsym})
    assert found.attempted and not found.failed


def test_every_public_name_is_listed_and_explained():
    assert set(edsym.__all__) == set(edsym._MODULES) <= set(dir(edsym))
    for name in edsym.__all__:
        public = getattr(edsym, name)
        assert public.__doc__ and (public.__module__ == edsym._MODULES[name])
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        edsym.nothing  # noqa: B018


def test_to_import_edsym_imports_nothing_else():
    code = "import sys; old = set(sys.modules); import edsym; print(*set(sys.modules) - old)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in found.stdout.split()}
    assert loaded - set(sys.stdlib_module_names) == {"edsym"}


def test_commands_of_the_readme(tmp_path, monkeypatch):
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "README.md").read_text()
    commands = re.findall(r"^edsym (simulate|predict)(.*)$", text, flags=re.MULTILINE)
    assert {name for name, _ in commands} == {"simulate", "predict"}
    for name, arguments in commands:
        assert main([name, *shlex.split(arguments, comments=True)]) == 0
