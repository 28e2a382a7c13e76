"""The run as a Workflow Run RO-Crate, by the profile Provenance Run Crate 0.5.

The folder of the results is the crate: https://w3id.org/ro/wfrun/provenance. Everything in it is in the
manifest as well (`edsym.provenance.manifest`); the crate says it in the terms that other tools know.
"""

import json
import mimetypes
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from rocrate.model.computationalworkflow import ComputationalWorkflow
from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from edsym.files import write_text
from edsym.provenance.manifest import WORKFLOW, place

CRATE = "ro-crate-metadata.json"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/ro/wfrun/provenance/0.5": "Provenance Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
_TERMS = "https://w3id.org/ro/terms/workflow-run#"
# What the benchmarks measured: the unit by its address, and what Snakemake calls it.
_UNITS = {
    "wall_seconds": "http://qudt.org/vocab/unit/SEC",
    "cpu_seconds": "http://qudt.org/vocab/unit/SEC",
    "peak_memory_mb": "http://qudt.org/vocab/unit/MegaBYTE",
}
_DONE = "http://schema.org/CompletedActionStatus"


def write_crate(manifest: Mapping, results: str | Path) -> None:
    """Write ``ro-crate-metadata.json`` of a run into the folder of its results.

    Parameters
    ----------
    manifest : mapping
        From `edsym.provenance.manifest.build_manifest`.
    results : str or Path
        Folder of the run, with the copy of the workflow.
    """
    text = json.dumps(build_crate(manifest).metadata.generate(), indent=1, ensure_ascii=False)
    write_text(Path(results) / CRATE, text + "\n")


def build_crate(manifest: Mapping) -> ROCrate:
    """Return the crate of a run's manifest."""
    crate = ROCrate(version="1.1")
    crate.metadata.extra_terms |= {term: _TERMS + term for term in ("sha256", "resourceUsage")}
    _describe_root(crate, manifest)
    for path, facts in manifest["files"].items():
        _add_file(crate, path, facts)
    crate.add_file(dest_path="provenance/manifest.json", properties=_file("manifest.json", "the manifest"))
    _add_workflow(crate, manifest)
    for name, job in manifest["jobs"].items():
        _add_job(crate, name, job)
    _add_run(crate, manifest)
    return crate


def _describe_root(crate: ROCrate, manifest: Mapping) -> None:
    structures, source = manifest["structures"], manifest["datasets"][0]
    origin = " ".join(filter(None, (source["data"], structures["source_version"], structures["source_date"])))
    crate.name = "Crystal symmetry from electron diffraction: a run of edsym"
    crate.description = f"Tables, figures and all that they were made from; structures from {origin}."
    crate.license = _licence(crate, source)
    crate.datePublished = manifest["written"]
    profiles = [
        _entity(crate, address, "CreativeWork", name=name, version=address.rsplit("/", 1)[1])
        for address, name in PROFILES.items()
    ]
    crate.root_dataset["conformsTo"] = profiles


def _licence(crate: ROCrate, source: Mapping) -> ContextEntity:
    """Return the licence of the structures, which is that of what was made from them."""
    identifier = source["licence_url"] or "#licence"
    return _entity(crate, identifier, "CreativeWork", name=source["licence"], description=source["licence"])


def _entity(crate: ROCrate, identifier: str, kind: str | list, **properties) -> ContextEntity:
    found = crate.get(identifier)
    return found or crate.add(ContextEntity(crate, identifier, {"@type": kind} | properties))


def _file(path: str, name: str, facts: Mapping | None = None) -> dict:
    properties = {"name": name, "encodingFormat": _format(path)}
    if facts:
        properties |= {"sha256": facts["sha256"], "contentSize": str(facts["bytes"])}
    return properties


def _format(path: str) -> str:
    if path.endswith("Snakefile"):
        return "text/x-python"
    return mimetypes.guess_type(path)[0] or "application/octet-stream"


def _add_file(crate: ROCrate, path: str, facts: Mapping) -> None:
    if path.startswith("elsewhere:"):
        _entity(crate, place(path), "CreativeWork", name=path, sha256=facts["sha256"])
    else:
        crate.add_file(dest_path=place(path), properties=_file(path, path, facts))


def _add_workflow(crate: ROCrate, manifest: Mapping) -> None:
    """Add the Snakefile as the main entity, with a step and a tool for every rule."""
    path = f"{WORKFLOW}/Snakefile"
    properties = {"@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"]} | _file(
        path, "edsym"
    )
    workflow = crate.add_workflow(
        dest_path=path, main=True, lang="snakemake", cls=ComputationalWorkflow, properties=properties
    )
    if manifest["workflow"]["git_commit"]:
        workflow["version"] = manifest["workflow"]["git_commit"]
    jobs = {job["rule"]: job for job in manifest["jobs"].values()}
    tools = [_add_tool(crate, rule, job) for rule, job in sorted(jobs.items())]
    workflow["hasPart"] = tools
    workflow["step"] = [
        _entity(crate, f"#step/{tool['name']}", "HowToStep", name=tool["name"], workExample=tool)
        for tool in tools
    ]


def _add_tool(crate: ROCrate, rule: str, job: Mapping) -> ContextEntity:
    versions = [f"{name}=={version}" for name, version in job["packages"].items()]
    properties = {"name": rule, "softwareVersion": f"code {job['code']}", "softwareRequirements": versions}
    return _entity(crate, f"#tool/{rule}", "SoftwareApplication", **properties)


def _add_job(crate: ROCrate, name: str, job: Mapping) -> None:
    action = _add_action(crate, name, job, crate.get(f"#tool/{job['rule']}"))
    action["name"] = name
    usage = [(key, job[key], unit) for key, unit in _UNITS.items() if job[key] is not None]
    action["resourceUsage"] = [
        _entity(
            crate,
            f"#usage/{name}/{key}",
            "PropertyValue",
            name=key,
            propertyID=key,
            value=value,
            unitCode=unit,
        )
        for key, value, unit in usage
    ]
    step = crate.get(f"#step/{job['rule']}")
    _entity(crate, f"#control/{name}", "ControlAction", name=name, instrument=step, object=action)


def _add_action(crate: ROCrate, name: str, job: Mapping, tool) -> ContextEntity:
    return _entity(
        crate,
        f"#job/{name}",
        "CreateAction",
        instrument=tool,
        object=_plain([*_entities(crate, job["inputs"]), *_parameters(crate, job)]),
        result=_plain(_entities(crate, job["outputs"])),
        startTime=job["started"],
        endTime=job["ended"],
        actionStatus=_DONE,
    )


def _plain(entities: list):
    """Return a list, or the single thing in it: RO-Crate asks for no lists of one."""
    return entities[0] if len(entities) == 1 else entities


def _entities(crate: ROCrate, paths: Iterable[str]) -> list:
    return [crate.get(place(path)) for path in paths]


def _parameters(crate: ROCrate, job: Mapping) -> list[ContextEntity]:
    """Return the parameters of a job; jobs of a rule share those that are alike."""
    return [
        _entity(
            crate, f"#parameter/{job['rule']}/{key}={quote(value)}", "PropertyValue", name=key, value=value
        )
        for key, value in flat(job["parameters"])
    ]


def flat(parameters: Mapping, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the single values of nested parameters, each with the keys that lead to it."""
    for key, value in parameters.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value)


def _add_run(crate: ROCrate, manifest: Mapping) -> None:
    """Add the run as a whole, and Snakemake, which organised its jobs."""
    jobs = manifest["jobs"].values()
    read = {path for job in jobs for path in job["inputs"]}
    whole = {
        "inputs": sorted(path for path in read if manifest["files"][path]["job"] is None),
        "outputs": sorted(set(manifest["files"]) - read),
        "parameters": {},
        "started": min(job["started"] for job in jobs),
        "ended": max(job["ended"] for job in jobs),
    }
    run = _add_action(crate, "all", whole, crate.mainEntity)
    run["name"] = "the whole run"
    version = {"softwareVersion": manifest["workflow"]["snakemake"] or "9"}
    engine = _entity(
        crate,
        "https://snakemake.github.io",
        "SoftwareApplication",
        name="Snakemake",
        url="https://snakemake.github.io",
        **version,
    )
    controls = [crate.get(f"#control/{name}") for name in manifest["jobs"]]
    organize = _entity(
        crate, "#organize", "OrganizeAction", name="Snakemake", instrument=engine, object=controls, result=run
    )
    crate.root_dataset["mentions"] = [
        run,
        organize,
        *(crate.get(f"#job/{name}") for name in manifest["jobs"]),
    ]
