"""Mutate the code that the numbers stand on, and count how many mutants a test notices.

mutmut changes one expression at a time, and runs the tests that reach it in a forked process. It replaces
functions by switches, which numba cannot compile, so kernels run in Python here: tests on tiny inputs count.

    python benchmarks/mutants.py --mutmut FOLDER [--output docs/mutants.md] [GROUP ...]
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

CHECKOUT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Group:
    """Modules that are mutated together, and the tests that shall notice.

    Attributes
    ----------
    modules : tuple of str
        Below src/edsym.
    tests : tuple of str
        Below tests.
    chosen : str
        Which of these tests: pytest's ``-k``.
    """

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    chosen: str = ""


GROUPS = {
    "decisions": Group(
        (
            "predictions/calibration.py",
            "predictions/conditional.py",
            "predictions/decisions.py",
            "predictions/fit.py",
            "predictions/loglinear.py",
            "predictions/pooling.py",
            "predictions/views.py",
            "evaluation/metrics.py",
        ),
        (
            "unit/test_aggregation.py",
            "unit/test_calibration.py",
            "unit/test_decisions_by_reference.py",
            "unit/test_metrics.py",
        ),
    ),
    "split": Group(("spots/split.py", "spots/division.py"), ("unit/test_split.py",)),
    "spots": Group(
        ("spots/peaks.py", "models/forest/features.py"),
        ("unit/test_spots_peaks.py", "unit/test_forest_features.py"),
    ),
    "crystal": Group(
        ("simulation/crystal/cell.py", "simulation/orientations.py", "simulation/electrons.py"),
        ("physics/test_small_crystal.py", "unit/test_orientations.py"),
        "not 230_space_groups",  # takes long
    ),
    "simulation": Group(
        (
            "simulation/beams/basis.py",
            "simulation/beams/candidates.py",
            "simulation/beams/selection.py",
            "simulation/crystal/lobato.py",
            "simulation/crystal/scattering.py",
            "simulation/crystal/structure_factors.py",
            "simulation/crystal/weickenmeier_kohl.py",
            "simulation/engines/interface.py",
            "simulation/engines/krylov/engine.py",
            "simulation/engines/krylov/hamiltonian.py",
            "simulation/engines/krylov/products.py",
            "simulation/engines/krylov/propagation.py",
            "simulation/engines/krylov/tridiagonal.py",
        ),
        ("physics/test_absorption.py", "physics/test_propagation.py", "physics/test_small_crystal.py"),
        # what takes long in Python
        "small_crystal or factors_are_those or scaled or thermal"
        " or propagation and not 203 and not 64 and not 400",
    ),
    "network": Group(
        (
            "models/gmoe/aggregator.py",
            "models/gmoe/encoder.py",
            "models/gmoe/encodings.py",
            "models/gmoe/experts.py",
            "models/gmoe/graph.py",
            "models/gmoe/graphormer.py",
            "models/gmoe/layout.py",
            "models/gmoe/network.py",
            "models/gmoe/sparsemax.py",
            "models/gmoe/spectra.py",
        ),
        (
            "unit/test_gmoe_graph.py",
            "unit/test_gmoe_network.py",
            "unit/test_gmoe_parts.py",
            "unit/test_gmoe_spectra.py",
        ),
    ),
    "training": Group(
        (
            "training/augmentation.py",
            "training/batches.py",
            "training/data.py",
            "training/loss.py",
            "training/module.py",
            "models/mlp/fit.py",
        ),
        (
            "unit/test_gmoe_spectra.py",
            "unit/test_mlp.py",
            "unit/test_training.py",
            "unit/test_training_step.py",
        ),
        # of test_training.py what trains no network
        "(not training.py or weights_of_classes or batches or order_depends or validation_materials or rate)"
        " and not it_learns and not validation_patterns_are",
    ),
}

# What mutmut's exit codes mean; any other is a crash or a hang.
_OUTCOMES = {1: "killed", 3: "killed", 0: "survived", 5: "not reached", 33: "not reached"}

_CONFIGURATION = """
[tool.mutmut]
source_paths = ["src"]
only_mutate = {modules}
pytest_add_cli_args = [
    "-p", "no:xdist", "-p", "no:cacheprovider", "-p", "no:unraisableexception", "-x", "-k", {chosen}
]
pytest_add_cli_args_test_selection = {tests}
do_not_mutate_patterns = {left_alone}
also_copy = ["config", "workflow", "Snakefile", "resources", "models"]
use_git_change_detection = false
"""
# Messages of errors and logs are for people: no test holds their wording.
_LEFT_ALONE = ["raise ", "logger."]
# mutmut leaves decorated functions alone, and what a cache knows hides a mutant. Without these decorators the
# results are the same where nothing is compiled. Caches of directions stay: the tests would take minutes.
_HINDRANCES = re.compile(
    r"^ *@(njit|lru_cache\(maxsize|torch\.no_grad|torch\.inference_mode)\b.*\n", re.MULTILINE
)

# A forked process would wait for ever for the bar of one that was ended while it drew.
_OWN_BARS = """

from threading import RLock

from tqdm import tqdm

tqdm.set_lock(RLock())
"""
_TABLE = re.compile(r"(^\|.*\n)+", re.MULTILINE)


def mutate(group: Group, copy: Path, mutmut: Path, processes: int, names: str) -> pd.DataFrame:
    """Return one row a mutant of a group: module, mutant, outcome.

    Parameters
    ----------
    group : Group
        What is mutated.
    copy : Path
        Folder for a copy of the checkout, which is what is mutated.
    mutmut : Path
        Folder that mutmut is installed in.
    processes : int
        Mutants tried at once.
    names : str
        Pattern of the names of those to try.
    """
    _copy_checkout(copy, group.modules)
    values = {
        "modules": [f"src/edsym/{module}" for module in group.modules],
        "tests": [f"tests/{test}" for test in group.tests],
        "chosen": group.chosen,
        "left_alone": _LEFT_ALONE,
    }
    text = _CONFIGURATION.format(**{name: json.dumps(value) for name, value in values.items()})
    with open(copy / "pyproject.toml", "a", encoding="utf-8") as file:
        file.write(text)
    environment = os.environ | {
        "PYTHONPATH": str(mutmut),
        "NUMBA_CACHE_DIR": str(copy / ".numba"),
        "NUMBA_DISABLE_JIT": "1",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(processes), names]
    subprocess.run(command, cwd=copy, env=environment, check=True)
    return pd.DataFrame(_outcomes(copy / "mutants/src/edsym"), columns=["module", "mutant", "outcome"])


def _copy_checkout(target: Path, modules: Sequence[str]) -> None:
    """Copy the working tree without what git ignores, and take decorators off that hinder mutations."""
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (CHECKOUT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(CHECKOUT / name, target / name)
    for module in modules:
        path = target / "src/edsym" / module
        path.write_text(_HINDRANCES.sub("", path.read_text(encoding="utf-8")), encoding="utf-8")
    with open(target / "tests/conftest.py", "a", encoding="utf-8") as file:
        file.write(_OWN_BARS)


def _outcomes(folder: Path) -> Iterator[tuple[str, str, str]]:
    for path in sorted(folder.rglob("*.meta")):
        codes = json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
        module = path.relative_to(folder).as_posix().removesuffix(".meta")
        tried = {name: code for name, code in codes.items() if code is not None}
        yield from ((module, name, _OUTCOMES.get(code, "crash or hang")) for name, code in tried.items())


def report(mutants: pd.DataFrame) -> str:
    """Return the table in Markdown: a line a module, one a group, and one of all."""
    order = ["killed", "crash or hang", "survived", "not reached"]
    lines = [f"| module | mutants | {' | '.join(order)} | noticed |", "|---" * (len(order) + 3) + "|"]

    def add(name: str, rows: pd.DataFrame) -> None:
        counts = Counter(rows.outcome)
        noticed = (counts["killed"] + counts["crash or hang"]) / len(rows)
        cells = [name, len(rows), *(counts[outcome] for outcome in order), f"{100 * noticed:.0f} %"]
        lines.append(f"| {' | '.join(map(str, cells))} |")

    for group, of_group in mutants.groupby("group", sort=False):
        for module, rows in of_group.groupby("module"):
            add(module, rows)
        add(f"**{group}**", of_group)
    add("**all**", mutants)
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Mutate the named groups, or all, print the survivors and the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument("--mutmut", type=Path, required=True, help="folder that mutmut is installed in")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--only", default="*", help="mutants of such names: '*[147]' are three in ten")
    parser.add_argument("--keep", type=Path, help="folder to leave the mutants in: `mutmut show NAME` there")
    parser.add_argument("--output", type=Path, help="Markdown file whose first table is replaced")
    options = parser.parse_args(arguments)
    unknown = set(options.groups) - set(GROUPS)
    if unknown:
        parser.error(f"no group {', '.join(sorted(unknown))}: expected {', '.join(GROUPS)}")
    with tempfile.TemporaryDirectory(prefix="edsym-mutants-") as temporary:
        folder = (options.keep or Path(temporary)).resolve()
        mutants = pd.concat(
            [
                mutate(GROUPS[name], folder / name, options.mutmut.resolve(), options.processes, options.only)
                for name in options.groups or GROUPS
            ]
        )
    print("\n".join(mutants.mutant[mutants.outcome.isin(["survived", "not reached"])]))
    print(report(mutants))
    if options.output:
        page = options.output.read_text(encoding="utf-8")
        options.output.write_text(_TABLE.sub(report(mutants), page, count=1), encoding="utf-8")


if __name__ == "__main__":
    main()
