"""Digests of code and data, so that what a result stands on can be compared.

Snakemake sees that a script changed, not that a library module under it did. A rule that carries the digest
of its script and of the edsym modules that the script reaches runs again when, and only when, the science in
one of them changes.
"""

import ast
import hashlib
import os
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

from edsym.files import sha256

PACKAGE = "edsym"
SOURCE = Path(__file__).resolve().parents[2]

NO_SCIENCE = {
    "edsym": "the names of the public interface",
    "edsym.errors": "which errors there are",
    "edsym.files": "how a file is written",
    "edsym.hdf5": "how numbers lie on the disk, not what they are",
    "edsym.job": "log and record of a job",
    "edsym.locks": "who may write",
    "edsym.models.registry": "names of models: a rule names the chosen one",
    "edsym.parquet": "how numbers lie on the disk, not what they are",
    "edsym.provenance*": "records and digests",
    "edsym.settings": "how settings are checked",
    "edsym.simulation.engines.choice": "names of engines: a rule names the chosen one",
    "edsym.simulation.run.crashes": "what becomes of a process that ends",
    "edsym.simulation.run.journal": "where an interrupted simulation goes on",
    "edsym.store_checks": "which values are refused",
    "edsym.structures.retry": "when a database is asked again",
    "edsym.training.launch": "how processes start",
}
"""Modules, as patterns, that never make a stage run again, and why; what they import counts all the same."""

_LOGGERS = {"_LOG", "logger", "logging"}


def digest(parts: Iterable[bytes]) -> str:
    """Return a short hexadecimal digest of byte strings; their order and borders count."""
    state = hashlib.blake2b(digest_size=12)
    for part in parts:
        state.update(len(part).to_bytes(8, "little") + part)
    return state.hexdigest()


def files_digest(paths: Iterable[str | Path]) -> str:
    """Return the digest of the names and contents of files, in their order."""
    return digest(part.encode() for path in paths for part in (Path(path).name, sha256(path)))


@cache
def code_digest(script: str | Path, *roots: str) -> str:
    """Return the digest of a script and of all edsym modules that it stands on.

    Comments, docstrings, layout and the messages of errors and logs do not count: nobody wants to train
    again for a better sentence.

    Parameters
    ----------
    script : str or Path
        A script of the workflow.
    *roots : str
        Modules, as ``edsym.structures.cif`` or ``edsym.structures.cif:CifFolder``, that the script is
        told by name, such as the chosen engine.
    """
    return digest(_meaning(path) for path in (Path(script), *sorted(reached_modules(script, *roots))))


def _meaning(path: Path) -> bytes:
    """Return the syntax tree of a file without what only people read, and the data of its name beside it."""
    return _read(path)[0]


def _imported_names(path: Path) -> tuple[str, ...]:
    """Return the dotted names that a file imports anywhere in it."""
    return _read(path)[1]


@cache
def _read(path: Path) -> tuple[bytes, tuple[str, ...]]:
    """Return `_meaning` and `_imported_names` of a file: it is parsed once."""
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    names = tuple(_imports_within(tree))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            body[:] = [part for part in body if not (_is_text(part) or _is_setting(part))]
        if _is_message(node):
            for part in ast.walk(node):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    part.value = ""
    data = (path.with_suffix(kind) for kind in (".csv", ".json"))
    return ast.dump(tree).encode() + b"".join(file.read_bytes() for file in data if file.is_file()), names


def _is_message(node: ast.AST) -> bool:
    """Tell whether a statement raises an error or writes to a log."""
    if isinstance(node, ast.Raise):
        return True
    call = getattr(node, "value", None) if isinstance(node, ast.Expr) else None
    called = getattr(getattr(call, "func", None), "value", None)
    return isinstance(called, ast.Name) and called.id in _LOGGERS


def _is_setting(node: ast.AST) -> bool:
    """Tell whether a statement is about allowed values of settings: the chosen ones are parameters."""
    called = getattr(getattr(node, "value", None), "func", None)
    return getattr(called, "id", None) == "setting" or getattr(node, "name", None) == "_contradictions"


def _is_text(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def compiled_code_cache(folder: str | Path) -> Path:
    """Return where to keep the compiled code of this version of the library, within a folder.

    Numba compiles a function again when its own file changed, not when a function that it calls did: with
    one folder for all versions an edited kernel might never run. The folder's name is a digest of the
    modules that import numba and of all that these reach. For the variable NUMBA_CACHE_DIR.
    """
    kernels = [path for path in (SOURCE / PACKAGE).rglob("*.py") if "numba" in _imported_packages(path)]
    modules = set(kernels).union(*map(reached_modules, kernels))
    return Path(folder).resolve() / digest(_meaning(path) for path in sorted(modules))


def keep_compiled_code(folder: str | Path) -> None:
    """Have numba keep what it compiles in `compiled_code_cache`, unless the variable already says where."""
    if "NUMBA_CACHE_DIR" not in os.environ:
        os.environ["NUMBA_CACHE_DIR"] = str(compiled_code_cache(folder))


def _imported_packages(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in _imported_names(path)}


@cache
def reached_modules(script: str | Path, *roots: str) -> frozenset[Path]:
    """Return the files with science that a script or a root reaches through imports: see `code_digest`."""
    reached = {file for root in roots for file in _files(root.partition(":")[0])}
    waiting = [Path(script), *reached]
    while waiting:
        found = set(_imported(waiting.pop())) - reached
        reached |= found
        waiting.extend(found)
    return frozenset(file for file in reached if _is_science(file))


@cache
def _is_science(file: Path) -> bool:
    return not any(fnmatch(_name(file), pattern) for pattern in NO_SCIENCE)


def _name(file: Path) -> str:
    """Return the dotted name of the module of a file."""
    return ".".join(file.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


@cache
def _imported(path: Path) -> tuple[Path, ...]:
    """Return the files of the edsym modules that one file imports anywhere in it."""
    return tuple(file for name in _imported_names(path) for file in _files(name))


def _imports_within(tree: ast.AST) -> Iterator[str]:
    for node in _statements_of(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            # what is imported may be a module itself or a name within one
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
            yield from _imports_within(node)


def _statements_of(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements of a block, and what holds more of them: no expression has an import."""
    for block in ("body", "orelse", "finalbody", "handlers", "cases"):
        yield from getattr(node, block, ())


def _files(name: str) -> Iterator[Path]:
    """Yield the files that importing a dotted name runs: the packages above it and the module."""
    parts = name.split(".")
    if parts[0] != PACKAGE:
        return
    for depth in range(1, len(parts) + 1):
        base = SOURCE.joinpath(*parts[:depth])
        for file in (base / "__init__.py", base.with_suffix(".py")):
            if file.is_file():
                yield file
