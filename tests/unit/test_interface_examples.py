"""The examples in docstrings of the public interface, and what `import edsym` costs."""

import doctest
import subprocess
import sys
from importlib import import_module

import pytest
from pymatgen.core import Lattice
from pymatgen.core import Structure as Pymatgen

import edsym

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
