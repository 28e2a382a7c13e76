"""The manifest of a run: every file with its checksum and the job that made it, by the jobs' records."""

import json
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic asks for this one

from edsym.errors import InputError
from edsym.files import sha256, write_text
from edsym.provenance.datasets import read_datasets, used_datasets
from edsym.provenance.record import JOBS, job_name, package_version, public, public_path

MANIFEST = Path("provenance/manifest.json")
WORKFLOW = "provenance/workflow"
FORMAT = "edsym manifest 1"


class _Facts(TypedDict):
    sha256: str
    bytes: int


class _File(_Facts):
    job: str | None


class _Record(TypedDict):
    rule: str
    log: str
    inputs: dict[str, _Facts]
    outputs: dict[str, _Facts]
    code: str | None
    parameters: dict
    seed: int | None
    ended: str


class _Job(_Record):
    wall_seconds: float | None
    peak_memory_mb: float | None


class _Manifest(TypedDict):
    format: Literal[FORMAT]
    structures: dict[str, str | None]
    datasets: list[dict[str, str]]
    files: dict[str, _File]
    jobs: dict[str, _Job]


def build_manifest(
    results: str | Path,
    targets: Iterable[str | Path],
    *,
    run: str | Path,
    datasets: str | Path,
    configuration: Mapping,
    checkout: str | Path,
) -> dict:
    """Return what the targets of a run stand on.

    Parameters
    ----------
    results : str or Path
        Folder of the run.
    targets : iterable of str or Path
        Its last files, tables and figures: they and all that they were made from are described.
    run : str or Path
        The description of the run (`edsym.evaluation.run`): source, version and date of the structures.
    datasets : str or Path
        Table of data sets.
    configuration : mapping
        The whole configuration, by section.
    checkout : str or Path
        Folder of the workflow, for its git commit.

    Returns
    -------
    dict
        ``files``: by path relative to the results, checksum, size and job; ``jobs``: by name, what
        `edsym.provenance.record` wrote, with time and memory from the benchmarks of Snakemake.
    """
    results = Path(results)
    described = json.loads(Path(run).read_text(encoding="utf-8"))
    files, jobs = _ancestry(results, [public_path(path, results) for path in targets])
    return {
        "format": FORMAT,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "workflow": git_state(checkout) | {"snakemake": package_version("snakemake")},
        "structures": {key: described[key] for key in ("source", "source_version", "source_date")},
        "datasets": used_datasets(read_datasets(datasets), configuration),
        "configuration": public(configuration, results),
        "files": dict(sorted(files.items())),
        "jobs": dict(sorted(jobs.items())),
    }


def _ancestry(results: Path, targets: list[str]) -> tuple[dict, dict]:
    """Return the files that the targets stand on, themselves included, and the jobs that made them."""
    records = read_records(results)
    makers = {path: name for name, record in records.items() for path in record["outputs"]}
    files, jobs, waiting = {}, {}, list(targets)
    while waiting:
        path = waiting.pop()
        if path in files:
            continue
        name = makers.get(path)
        if name is None:
            files[path] = {"sha256": None, "bytes": None, "job": None}
            continue
        jobs[name] = records[name] | _benchmark(results, records[name]["log"])
        files |= {output: facts | {"job": name} for output, facts in records[name]["outputs"].items()}
        waiting += records[name]["inputs"]
    return {path: _with_checksum(path, facts, results, jobs) for path, facts in files.items()}, jobs


def _with_checksum(path: str, facts: dict, results: Path, jobs: Mapping) -> dict:
    """Return the facts of a file; those of a file that no job made are what its readers met."""
    if facts["job"]:
        return facts
    met = next((job["inputs"][path] for job in jobs.values() if path in job["inputs"]), None)
    if met is None:
        file = results / path
        met = {"sha256": sha256(file), "bytes": file.stat().st_size}
    return facts | met


def place(path: str) -> str:
    """Return where in the results a file of the manifest is; those of the workflow are copies."""
    if path.startswith("workflow:"):
        return f"{WORKFLOW}/{path.removeprefix('workflow:')}"
    return f"#{path}" if path.startswith("elsewhere:") else path


def read_records(results: str | Path) -> dict[str, dict]:
    """Return the records of all jobs of a run by name, the oldest first.

    Raises
    ------
    InputError
        If a record cannot be read.
    """
    records = [_read_json(path, _Record) for path in (Path(results) / JOBS).rglob("*.json")]
    return {job_name(record["log"]): record for record in sorted(records, key=lambda r: r["ended"])}


def _read_json(path: Path, kind: type) -> dict:
    """Read a JSON file that holds what a kind asks for, and maybe more."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        TypeAdapter(kind).validate_python(found)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"{path} is damaged: {'.'.join(map(str, first['loc']))}: {first['msg'].lower()}"
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}") from error
    return found


def _benchmark(results: Path, log: str) -> dict:
    """Return time and memory of a job, None where Snakemake has not measured them."""
    parts = ("benchmarks" if part == "logs" else part for part in Path(log).parts)
    path = results / Path(*parts).with_suffix(".tsv")
    lines = path.read_text().splitlines() if path.is_file() else ["", ""]
    measured = dict(zip(lines[0].split("\t"), lines[1].split("\t"), strict=True))
    names = {"wall_seconds": "s", "cpu_seconds": "cpu_time", "peak_memory_mb": "max_rss"}
    return {name: _number(measured.get(column)) for name, column in names.items()}


def _number(text: str | None) -> float | None:
    return None if text in (None, "", "NA", "-") else float(text)


def git_state(checkout: str | Path) -> dict:
    """Return the commit of a checkout and whether its files differ from it; None where there is no git."""
    root = _git(checkout, "rev-parse", "--show-toplevel")
    if root is None or Path(root).resolve() != Path(checkout).resolve():
        return {"git_commit": None, "git_modified": None}
    changes = _git(checkout, "status", "--porcelain", "--untracked-files=no")
    return {"git_commit": _git(checkout, "rev-parse", "HEAD"), "git_modified": bool(changes)}


def _git(folder: str | Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def write_manifest(manifest: Mapping, path: str | Path) -> None:
    """Write a manifest as JSON."""
    write_text(path, json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")


def read_manifest(path: str | Path) -> dict:
    """Read a manifest.

    Raises
    ------
    InputError
        If there is none, or the file is something else.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; the workflow's target `provenance` writes it")
    manifest = _read_json(Path(path), _Manifest)
    files, jobs = manifest["files"], manifest["jobs"]
    named = {path for job in jobs.values() for path in job["inputs"]} - set(files)
    named |= {facts["job"] for facts in files.values()} - {None, *jobs}
    if named:
        raise InputError(f"{path} is damaged: it names {min(named)} and says nothing about it")
    return manifest
