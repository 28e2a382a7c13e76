"""Records, manifest, trace and verification on a run of two rules, and the table of data sets."""

import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from edsym import cli
from edsym.configuration import sections
from edsym.errors import InputError
from edsym.provenance.datasets import read_datasets
from edsym.provenance.manifest import MANIFEST, build_manifest, git_state, write_manifest
from edsym.provenance.record import JOBS, process_facts, write_record
from edsym.settings import entries

ROOT = Path(__file__).parents[2]
DATASETS = ROOT / "resources/datasets.csv"


class Values(dict):
    """Named values such as those of a job's parameters; iteration gives the values."""

    def __iter__(self):
        return iter(self.values())


def record(results, rule, inputs, outputs, parameters, wildcards=(), content="text", child=None):
    """Write the outputs of a job and its record."""
    for path in outputs:
        (results / path).parent.mkdir(parents=True, exist_ok=True)
        (results / path).write_text(content)
    name = "/".join([rule, *dict(wildcards).values()])
    job = SimpleNamespace(
        rule=rule,
        config={"results": str(results)},
        log=[str(results / f"logs/{name}.log")],
        input=[str(results / path) for path in inputs],
        output=[str(results / path) for path in outputs],
        params=Values(parameters),
        wildcards=Values(wildcards),
        threads=1,
    )
    write_record(job, datetime.now(UTC), child)


SHARDS = [f"patterns/{shard}.h5" for shard in range(4)]


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A run: structures, four shards, one table."""
    monkeypatch.setenv("MP_API_KEY", "a-key-that-nobody-may-read")
    folder = tmp_path / "someone/results"
    parameters = {
        "settings": {"path": "/home/someone/cifs", "seed": 7},
        "cache": f"{folder}/cache",
        "code": "c0de",
    }
    record(folder, "collect_structures", [], ["structures/materials.parquet"], parameters)
    for shard, path in enumerate(SHARDS):
        record(folder, "simulate", ["structures/materials.parquet"], [path], {}, {"shard": str(shard)})
    record(folder, "table1", SHARDS, ["tables/table1.csv"], {"name": "table1"})
    (folder / "benchmarks/simulate").mkdir(parents=True)
    (folder / "benchmarks/simulate/0.tsv").write_text("s\tmax_rss\tcpu_time\n1.5\t200.0\tNA\n")
    describe(folder)
    return folder


def describe(folder, checkout=ROOT):
    run = folder.parent / "run.json"
    run.write_text(json.dumps({"source": "cif", "source_version": "sha256:12", "source_date": "2026-01-02"}))
    configuration = {"results": str(folder), "structures": {"source": "cif", "path": "/home/someone/cifs"}}
    targets = [folder / "tables/table1.csv"]
    manifest = build_manifest(
        folder, targets, run=run, datasets=DATASETS, configuration=configuration, checkout=checkout
    )
    write_manifest(manifest, folder / MANIFEST)
    return manifest


def test_manifest_holds_the_whole_chain(results):
    manifest = describe(results)
    assert set(manifest["files"]) == {"structures/materials.parquet", *SHARDS, "tables/table1.csv"}
    job = manifest["jobs"]["simulate/0"]
    assert job["wildcards"] == {"shard": "0"}
    assert (job["wall_seconds"], job["cpu_seconds"], job["peak_memory_mb"]) == (1.5, None, 200.0)
    materials = manifest["files"]["structures/materials.parquet"]
    assert job["inputs"]["structures/materials.parquet"]["sha256"] == materials["sha256"]
    collected = manifest["jobs"]["collect_structures"]
    assert (collected["seed"], collected["code"]) == (7, "c0de")
    assert collected["packages"]["pytest"] == pytest.__version__


def test_files_of_earlier_settings_are_left_out(results):
    record(results, "simulate", [], ["patterns/9.h5"], {}, {"shard": "9"})
    assert "patterns/9.h5" not in describe(results)["files"]


def test_nothing_tells_where_or_whose_the_run_was(results):
    for path in [*(results / JOBS).rglob("*.json"), results / MANIFEST]:
        assert not re.search(r"someone|/home|nobody-may-read|MP_API_KEY", path.read_text()), path
    assert (
        json.loads((results / MANIFEST).read_text())["configuration"]["structures"]["path"]
        == "elsewhere:cifs"
    )


def test_commit_is_none_without_git_and_in_another_repository(results, tmp_path):
    assert git_state(tmp_path)["git_commit"] is None
    assert git_state(ROOT / "src")["git_commit"] is None


def test_trace_ends_at_the_query_and_joins_shards(results, capsys):
    assert cli.main(["trace", str(results / "tables/table1.csv")]) == 0
    text = capsys.readouterr().out
    assert text.startswith("tables/table1.csv")
    assert "4 files patterns/*.h5" in text and "simulate (4 jobs)" in text
    assert "query: structures.source cif, sha256:12 of 2026-01-02; folder of CIF files" in text


def test_verify_accepts_the_run_anywhere(results, tmp_path, capsys):
    moved = results.rename(tmp_path / "moved")
    assert cli.main(["verify", str(moved)]) == 0
    assert capsys.readouterr().out == "6 files checked, 0 problems\n"


def test_verify_names_what_differs_is_missing_or_outdated(results, capsys):
    (results / "tables/table1.csv").write_text("better numbers")
    (results / SHARDS[1]).unlink()
    assert cli.main(["verify", str(results)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" ")[:2] for line in lines[:-1]] == [
        ["missing:", SHARDS[1]],
        ["differs:", "tables/table1.csv"],
    ]
    assert lines[-1].endswith("2 problems")


def test_verify_sees_that_a_job_read_another_version_of_its_input(results, capsys):
    record(results, "simulate", [], [SHARDS[0]], {}, {"shard": "0"}, content="newer")
    describe(results)
    assert cli.main(["verify", str(results)]) == 1
    assert (
        capsys.readouterr().out.splitlines()[0] == f"outdated: job table1 read another version of {SHARDS[0]}"
    )


def test_a_file_without_a_record_is_not_ascribed_to_a_job(results, capsys):
    (results / JOBS / "simulate/0.json").unlink()
    assert describe(results)["files"][SHARDS[0]]["job"] is None
    assert cli.main(["verify", str(results)]) == 1
    assert f"unknown: {SHARDS[0]} has no record" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trace", "{}/tables/table9.csv"], "no such file"),
        (["trace", "{}/provenance/manifest.json"], "is not in"),
        (["trace", "{}/tables"], "tables: a folder; expected a file in it, such as"),
        (["trace", __file__], "no provenance/manifest.json in a folder above"),
        (["verify", "{}/tables"], "no such file"),
    ],
)
def test_wrong_paths_are_told_in_one_line(results, arguments, message, capsys):
    assert cli.main([argument.format(results) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def without(key):
    return lambda manifest: {name: value for name, value in manifest.items() if name != key}


@pytest.mark.parametrize(
    ("damaged", "message"),
    [
        (lambda manifest: [manifest], "input should be a valid dictionary"),
        (without("files"), "files: field required"),
        (without("jobs"), "jobs: field required"),
        (lambda manifest: manifest | {"format": "edsym manifest 0"}, "input should be 'edsym manifest 1'"),
        (lambda manifest: manifest | {"files": {"a": {"sha256": None}}}, "files.a.sha256: input should be"),
        (lambda manifest: manifest | {"jobs": {}}, "it names collect_structures and says nothing about it"),
        (lambda manifest: manifest | {"files": {}}, "it names patterns/0.h5 and says nothing about it"),
    ],
)
@pytest.mark.parametrize("command", [["trace", "tables/table1.csv"], ["verify", "."]])
def test_a_damaged_manifest_is_told_in_one_line(results, command, damaged, message, capsys):
    path = results / MANIFEST
    path.write_text(json.dumps(damaged(json.loads(path.read_text()))))
    assert cli.main([command[0], str(results / command[1])]) == 2
    error = capsys.readouterr().err
    assert "manifest.json is damaged: " in error and message in error and error.count("\n") == 1


@pytest.mark.parametrize("text", ["", '{"files": ', "[]", "\0", '{"log": "logs/a.log"}'])
def test_a_damaged_record_is_named(results, text):
    (results / JOBS / "collect_structures.json").write_text(text)
    with pytest.raises(InputError, match=r"collect_structures\.json (is damaged|cannot be read)"):
        describe(results)


class TwoGPUs:
    """What PyTorch says of its GPUs once it has used them, on a machine that has two."""

    is_initialized = staticmethod(lambda: True)
    device_count = staticmethod(lambda: 2)
    get_device_name = staticmethod(lambda device: "NVIDIA H100")


def test_record_holds_the_gpus_and_packages_of_the_process_that_did_the_work(tmp_path, monkeypatch):
    def recorded(**child):
        record(tmp_path, "simulate", [], [], {}, **child)
        found = json.loads((tmp_path / JOBS / "simulate.json").read_text())
        return found["host"]["gpu"], found["packages"].get("of the child")

    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=TwoGPUs))
    facts = process_facts() | {"packages": {"of the child": "0.1"}}
    assert recorded() == ("2 x NVIDIA H100", None)
    monkeypatch.delitem(sys.modules, "torch")
    assert recorded() == (None, None)
    assert recorded(child=facts) == ("2 x NVIDIA H100", "0.1")


def choices(section, key):
    return entries(sections()[section])[key]["enum"]


def test_every_choice_of_data_is_in_the_table_of_data_sets():
    rows = read_datasets(DATASETS)
    told = {condition.strip() for row in rows for condition in row["used_when"].split(";")}
    data = {f"structures.source={name}" for name in choices("structures", "source")}
    data |= {f"simulation.scattering_factors={name}" for name in choices("simulation", "scattering_factors")}
    # the other choices of absorption need no data
    assert told == data | {"simulation.absorption=weickenmeier_kohl", "always"}
    assert all(row["version"] and row["licence"] and row["address"] for row in rows)


def test_versions_of_packages_in_the_table_of_data_sets_are_the_locked_ones():
    text, lock = DATASETS.read_text(), (ROOT / "requirements.lock").read_text()
    for name, version in re.findall(r"(pymatgen|abTEM) (\d[\d.]*\d)", text):
        assert f"{name.lower()}=={version}\n" in lock
