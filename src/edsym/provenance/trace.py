"""The chain of a file back to the query of the structures, as a tree that a person can read."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from edsym.errors import InputError
from edsym.provenance.manifest import MANIFEST, read_manifest


@dataclass
class _Tree:
    """A manifest, and the groups of files that a tree of it has shown already."""

    manifest: Mapping
    parameters: bool
    shown: set[tuple[str, ...]] = field(default_factory=set)


def find_run(path: str | Path) -> Path:
    """Return the folder of the run that a file is in: the nearest one above it with a manifest.

    Raises
    ------
    InputError
        If there is no such file, or no manifest above it.
    """
    path = Path(path)
    if not path.is_file():
        kind = "a folder; expected a file in it" if path.is_dir() else "no such file"
        raise InputError(f"{path}: {kind}, such as results/tables/table3.csv")
    for folder in Path(os.path.abspath(path)).parents:
        if (folder / MANIFEST).is_file():
            return folder
    raise InputError(
        f"{path}: no {MANIFEST} in a folder above it; the workflow's target `provenance` writes it"
    )


def trace(path: str | Path, parameters: bool = False) -> str:
    """Return the chain of a file of a run as text.

    Inputs made by the same rule stand in one line, and what was shown once is not shown again.

    Parameters
    ----------
    path : str or Path
        Any file of the run's manifest.
    parameters : bool
        Whether to show the parameters of every job.

    Raises
    ------
    InputError
        If the file does not exist, is in no run, or is not in its manifest.
    """
    run = find_run(path)
    manifest = read_manifest(run / MANIFEST)
    name = Path(os.path.abspath(path)).relative_to(run).as_posix()
    if name not in manifest["files"]:
        raise InputError(f"{path} is not in {run / MANIFEST}: no table or figure of the run was made from it")
    return "\n".join(_lines(_Tree(manifest, parameters), (name,))) + "\n"


def _lines(tree: _Tree, paths: tuple[str, ...]) -> Iterator[str]:
    """Yield the lines of files that one rule made, and of what they were made from."""
    if paths in tree.shown:
        yield f"{_title(tree.manifest, paths)} (see above)"
        return
    tree.shown.add(paths)
    yield _title(tree.manifest, paths)
    jobs = _jobs(tree.manifest, paths)
    below = [[line] for line in _job_lines(tree, jobs)]
    below += [list(_lines(tree, group)) for group in _groups(tree.manifest, jobs)]
    for number, lines in enumerate(below, start=1):
        first, rest = ("└─ ", "   ") if number == len(below) else ("├─ ", "│  ")
        yield first + lines[0]
        yield from (rest + line for line in lines[1:])


def _jobs(manifest: Mapping, paths: Iterable[str]) -> list[Mapping]:
    names = {manifest["files"][path]["job"]: None for path in paths}
    return [manifest["jobs"][name] for name in names if name]


def _groups(manifest: Mapping, jobs: Iterable[Mapping]) -> list[tuple[str, ...]]:
    """Return the inputs of jobs, those of one rule together."""
    inputs = sorted({path for job in jobs for path in job["inputs"]}, key=lambda path: _key(manifest, path))
    return [tuple(group) for _, group in groupby(inputs, key=lambda path: _key(manifest, path)[0])]


def _key(manifest: Mapping, path: str) -> tuple[str, str]:
    job = manifest["files"][path]["job"]
    return (manifest["jobs"][job]["rule"] if job else path, path)


def _title(manifest: Mapping, paths: tuple[str, ...]) -> str:
    if len(paths) == 1:
        return f"{_shown(paths[0])}  sha256 {manifest['files'][paths[0]]['sha256'][:12]}"
    return f"{len(paths)} files {pattern(paths)}"


def _shown(path: str) -> str:
    return f"{path.removeprefix('workflow:')} of the workflow" if path.startswith("workflow:") else path


def pattern(paths: Iterable[str]) -> str:
    """Return what several paths have in common, such as ``patterns/*.h5`` or ``models/gmoe/*``."""
    paths = list(paths)
    folder = os.path.commonpath(paths)
    suffixes = {Path(path).suffix for path in paths}
    return f"{folder}/*{suffixes.pop()}" if len(suffixes) == 1 else f"{folder}/*"


def _job_lines(tree: _Tree, jobs: list[Mapping]) -> Iterator[str]:
    if not jobs:
        return
    yield _summary(jobs)
    if jobs[0]["rule"] == "collect_structures":
        yield _query(tree.manifest)
    if tree.parameters:
        yield from (f"{key}: {json.dumps(value)}" for key, value in jobs[0]["parameters"].items())


def _summary(jobs: list[Mapping]) -> str:
    """Return rule, code, seed, day, time and memory of the jobs of one rule."""
    rule = jobs[0]["rule"]
    codes = sorted({str(job["code"])[:12] for job in jobs})
    seeds = sorted({str(job["seed"]) for job in jobs} - {"None"})
    parts = [
        f"rule {rule}" + (f" ({len(jobs)} jobs)" if len(jobs) > 1 else ""),
        "code " + ", ".join(codes),
        *(["seed " + ", ".join(seeds)] if seeds else []),
        max(job["ended"] for job in jobs)[:10],
    ]
    seconds = [job["wall_seconds"] for job in jobs if job["wall_seconds"] is not None]
    memory = [job["peak_memory_mb"] for job in jobs if job["peak_memory_mb"] is not None]
    parts += [f"{sum(seconds):.1f} s"] if seconds else []
    parts += [f"up to {max(memory):.0f} MB"] if memory else []
    return "; ".join(parts)


def _query(manifest: Mapping) -> str:
    """Return where the structures are from: the end of every chain."""
    structures, source = manifest["structures"], manifest["datasets"][0]
    version = structures["source_version"] or "without a version"
    dated = f" of {structures['source_date']}" if structures["source_date"] else ""
    query = f"query: structures.source {structures['source']}, {version}{dated}"
    return f"{query}; {source['data']}, {source['licence']}, {source['address']}"
