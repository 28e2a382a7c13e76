"""What a job did, written by the job itself: no one else knows which files, packages and host it really had.

A record lies in ``provenance/jobs`` of the results, under the name of the job's log. It names no host, no
user and no place outside the results; of the environment it holds versions of packages, and no variable.
"""

import json
import os
import platform
import sys
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from itertools import chain
from pathlib import Path

from edsym.files import sha256, write_text

JOBS = Path("provenance/jobs")
# Packages whose module has another name.
_PACKAGES = {"yaml": "pyyaml", "sklearn": "scikit-learn", "PIL": "pillow", "dateutil": "python-dateutil"}


def public_path(path: str | Path, results: str | Path) -> str:
    """Return a path relative to the results; ``workflow:`` or ``elsewhere:`` tell that it is not in them.

    Of what is neither in the results nor in the working directory only the name is kept.
    """
    path = Path(os.path.abspath(os.path.expanduser(path)))
    for prefix, home in (("", results), ("workflow:", ".")):
        if path.is_relative_to(os.path.abspath(home)):
            return prefix + path.relative_to(os.path.abspath(home)).as_posix()
    return f"elsewhere:{path.name}"


def public(value, results: str | Path):
    """Return plain JSON values in which no path says where on a machine it lies."""
    if isinstance(value, Mapping):
        return {str(key): public(item, results) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [public(item, results) for item in value]
    if isinstance(value, str) and value.startswith(("/", "~", "../", f"{results}/")):
        return public_path(value, results)
    return value if value is None or isinstance(value, str | int | float) else str(value)


def record_path(snakemake) -> Path:
    """Return where the record of a job is: its log's name, without the folder ``logs``."""
    results = snakemake.config["results"]
    return Path(results) / JOBS / f"{job_name(public_path(snakemake.log[0], results))}.json"


def job_name(log: str) -> str:
    """Return ``transfer/predict/mlp`` for ``transfer/logs/predict/mlp.log``."""
    return Path(*(part for part in Path(log).parts if part != "logs")).with_suffix("").as_posix()


def write_record(snakemake, started: datetime, child: Mapping | None = None) -> None:
    """Write what a job read, wrote and ran with.

    Parameters
    ----------
    snakemake
        The object of that name in a script of the workflow; a rule's parameter ``code`` is the digest of
        its code.
    started : datetime
        When the job began.
    child : mapping, optional
        What `process_facts` says of a process that worked for this one.
    """
    here, child = process_facts(), child or {"packages": {}, "gpu": None}
    results = snakemake.config["results"]
    parameters = public(dict(snakemake.params.items()), results)
    record = {
        "rule": snakemake.rule,
        "wildcards": dict(snakemake.wildcards.items()),
        "log": public_path(snakemake.log[0], results),
        "inputs": _checksums(snakemake.input, results),
        "outputs": _checksums(snakemake.output, results),
        "code": parameters.pop("code", None),
        "parameters": parameters,
        "seed": _seed(parameters),
        "threads": snakemake.threads,
        "packages": dict(sorted((here["packages"] | child["packages"]).items())),
        "host": host_kind() | {"gpu": here["gpu"] or child["gpu"]},
        "started": started.isoformat(timespec="seconds"),
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_text(record_path(snakemake), json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def _checksums(paths, results: str) -> dict[str, dict]:
    return {
        public_path(path, results): {"sha256": sha256(path), "bytes": os.path.getsize(path)}
        for path in chain.from_iterable(map(_files, paths))
    }


def _files(path: str | Path) -> list[Path]:
    """Return a file, or the files of a folder but for those that Snakemake hides in it."""
    path = Path(path)
    if path.is_dir():
        return sorted(file for file in path.rglob("[!.]*") if file.is_file())
    return [path] if path.is_file() else []


def _seed(parameters: Mapping) -> int | None:
    """Return the seed among the parameters of a job, or in a section of them."""
    if "seed" in parameters:
        return parameters["seed"]
    within = (_seed(section) for section in parameters.values() if isinstance(section, Mapping))
    return next((seed for seed in within if seed is not None), None)


def loaded_packages() -> dict[str, str]:
    """Return the versions of the packages that this process has imported, as pip names them."""
    modules = {name for name in sys.modules if "." not in name} - set(sys.stdlib_module_names)
    names = (_PACKAGES.get(name, name.replace("_", "-").lower()) for name in modules)
    return {name: version for name in sorted(names) if (version := package_version(name))}


def package_version(name: str) -> str | None:
    """Return the version of an installed package; None if there is no such package."""
    try:
        return metadata.version(name)
    except (metadata.PackageNotFoundError, ValueError):
        return None


def process_facts() -> dict:
    """Return what only a process itself knows: the packages that it has loaded, the GPUs that it has used."""
    torch, gpu = sys.modules.get("torch"), None
    if torch is not None and torch.cuda.is_initialized():
        names = Counter(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))
        gpu = ", ".join(f"{count} x {name}" for name, count in names.items())
    return {"packages": loaded_packages(), "gpu": gpu}


def host_kind() -> dict:
    """Return what kind of machine this is, and nothing that tells which."""
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "scheduler": "slurm" if "SLURM_JOB_ID" in os.environ else None,
    }
