"""The lock, the conda environments and what the code imports agree."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from edsym.provenance.digest import reached_modules
from edsym.simulation.engines.choice import ENGINES

ROOT = Path(__file__).parents[2]
RULES = "\n".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
# Packages whose module has another name.
PACKAGES = {
    "yaml": "pyyaml",
    "mp_api": "mp-api",
    "PIL": "pillow",
    "sklearn": "scikit-learn",
    "typing_extensions": "typing-extensions",
}
ENVIRONMENT_OF = {
    script: environment
    for environment, script in re.findall(r'envs/(\w+)\.yaml".*?scripts/(\w+)\.py"', RULES, flags=re.DOTALL)
}


def lock():
    return dict(line.split("==") for line in (ROOT / "requirements.lock").read_text().split())


def dependencies(*extras):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = sum((project["optional-dependencies"][extra] for extra in extras), project["dependencies"])
    return {re.split("[=<>]", name)[0] for name in wanted}


def pins(environment):
    parts = yaml.safe_load((ROOT / f"envs/{environment}.yaml").read_text())["dependencies"]
    return dict(pin.split("==") for pin in parts[-1]["pip"])


def imported(path):
    """Return the packages, outside of edsym and the standard library, that a file imports anywhere."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module.split(".")[0])
    return {PACKAGES.get(name, name) for name in names - set(sys.stdlib_module_names) - {"edsym"}}


@pytest.mark.parametrize("environment", ["structures", "simulation", "learning", "evaluation", "provenance"])
def test_environments_are_pinned_as_the_lock_is(environment):
    assert pins(environment).items() <= lock().items()


def test_the_lock_is_exact_and_holds_every_dependency():
    assert dependencies("dev", "reference", "training", "workflow") <= set(lock())
    assert lock()["torch"] == "2.13.0"


def test_every_package_that_the_library_imports_is_a_dependency():
    named = dependencies("microscope", "reference", "training", "workflow")
    assert set().union(*map(imported, (ROOT / "src").rglob("*.py"))) <= named


def test_every_rule_has_an_environment():
    assert set(ENVIRONMENT_OF) == {path.stem for path in (ROOT / "workflow/scripts").glob("*.py")}


@pytest.mark.parametrize("script", ENVIRONMENT_OF)
def test_environments_hold_what_their_scripts_import(script):
    path = ROOT / f"workflow/scripts/{script}.py"
    needed = set().union(*map(imported, [path, *reached_modules(path)]))
    # filters of HDF5 files are taken where they are installed
    assert needed - {"hdf5plugin"} <= set(pins(ENVIRONMENT_OF[script])), ENVIRONMENT_OF[script]


def test_the_environment_of_the_simulation_holds_what_every_engine_imports():
    script = ROOT / "workflow/scripts/simulate.py"
    needed = set().union(*map(imported, reached_modules(script, *ENGINES.values())))
    assert needed <= set(pins("simulation"))
