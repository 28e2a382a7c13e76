"""Digests of code and data, so that what a result stands on can be compared.

Snakemake sees that a script changed, not that a library module under it did. A rule that carries the digest
of its script and of every edsym module that the script reaches runs again when, and only when, one of them
changes.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

PACKAGE = "edsym"
SOURCE = Path(__file__).resolve().parents[2]


def digest(parts: Iterable[bytes]) -> str:
    """Return a short hexadecimal digest of byte strings; their order and borders count."""
    state = hashlib.blake2b(digest_size=12)
    for part in parts:
        state.update(len(part).to_bytes(8, "little") + part)
    return state.hexdigest()


def file_digest(path: str | Path) -> str:
    """Return the digest of a file's content, read in pieces."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=12)).hexdigest()


def code_digest(script: str | Path) -> str:
    """Return the digest of a script and of all edsym modules that it imports, directly or not.

    Comments, docstrings and layout do not count: nobody wants to train again for a better sentence.
    """
    return digest(_meaning(path) for path in (Path(script), *sorted(reached_modules(script))))


@cache
def _meaning(path: Path) -> bytes:
    """Return the syntax tree of a file without docstrings, and the table of its name beside it."""
    tree = _parsed(path)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_text(body[0]):
            del body[0]
    data = path.with_suffix(".csv")
    return ast.dump(tree).encode() + (data.read_bytes() if data.is_file() else b"")


def _is_text(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def compiled_code_cache(folder: str | Path) -> Path:
    """Return where to keep the compiled code of this version of the library, within a folder.

    Numba compiles a function again when its own file changed, not when a function that it calls did: with
    one folder for all versions an edited kernel might never run. The folder's name is a digest of the
    modules that import numba and of all that these reach. For the variable NUMBA_CACHE_DIR.
    """
    kernels = [path for path in (SOURCE / PACKAGE).rglob("*.py") if _imports_numba(path)]
    modules = set(kernels).union(*map(reached_modules, kernels))
    return Path(folder).resolve() / digest(_meaning(path) for path in sorted(modules))


def _imports_numba(path: Path) -> bool:
    return any(name.split(".")[0] == "numba" for name in _imported_names(_parsed(path)))


def reached_modules(script: str | Path) -> set[Path]:
    """Return the files of all edsym modules that a script reaches through its imports."""
    reached: set[Path] = set()
    waiting = [Path(script)]
    while waiting:
        found = set(_imported(waiting.pop())) - reached
        reached |= found
        waiting.extend(found)
    return reached


@cache
def _imported(path: Path) -> tuple[Path, ...]:
    """Return the files of the edsym modules that one file imports anywhere in it."""
    return tuple(file for name in _imported_names(_parsed(path)) for file in _files(name))


def _imported_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            # what is imported may be a module itself or a name within one
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


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
