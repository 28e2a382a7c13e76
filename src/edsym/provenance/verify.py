"""Whether the files of a run are still those that its jobs wrote, and fit each other."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from edsym.files import sha256
from edsym.provenance.manifest import MANIFEST, place, read_manifest


def verify(results: str | Path) -> tuple[int, list[str]]:
    """Compare the files of a run with its manifest.

    Parameters
    ----------
    results : str or Path
        Folder of the run.

    Returns
    -------
    checked : int
        How many files the manifest has.
    problems : list of str
        What is missing, what differs, and what was made from another version of a file than there is.

    Raises
    ------
    InputError
        If the folder has no manifest.
    """
    manifest = read_manifest(Path(results) / MANIFEST)
    problems = [*_changed_files(Path(results), manifest["files"]), *_broken_links(manifest)]
    return len(manifest["files"]), problems


def _changed_files(results: Path, files: Mapping) -> Iterator[str]:
    for path, facts in files.items():
        file = results / place(path)
        if path.startswith("elsewhere:"):
            continue
        if not file.is_file():
            yield f"missing: {path}"
        elif sha256(file) != facts["sha256"]:
            yield f"differs: {path} is not the file that {_writer(facts)}"
        elif facts["job"] is None and not path.startswith("workflow:"):
            yield f"unknown: {path} has no record of the job that wrote it"


def _writer(facts: Mapping) -> str:
    return f"job {facts['job']} wrote" if facts["job"] else "the jobs read"


def _broken_links(manifest: Mapping) -> Iterator[str]:
    """Yield the inputs of jobs that were written again after the job had read them."""
    for name, job in manifest["jobs"].items():
        for path, met in job["inputs"].items():
            if met["sha256"] != manifest["files"][path]["sha256"]:
                yield f"outdated: job {name} read another version of {path}"
