"""The workflow as a user runs it: tiny real input, end to end, and what runs again after a change."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import asdict
from itertools import product
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from compiled import lend_compiled_code
from crate_validator import problems
from pymatgen.core import Lattice, Structure

from edsym import cli
from edsym.detector.levels import LEVELS
from edsym.evaluation import products
from edsym.models.registry import MODELS

ROOT = Path(__file__).parents[2]

# Some materials of every crystal system, so that every part of every table has something to say. At the
# protocol of the grid models can be put to the grids of all Laue classes, and none is trained at another one.
TINY = {
    "structures": {"limit": 48},
    "filter": {"max_volume": 150},
    "simulation": {"orientations": "grid", "zone_axes": 4, "g_max": 1.5, "shards": 2},
    "peaks": {"q_max": 1.5},
    "network": {"width": 16, "point_channels": [8], "heads": 2, "layers": 1, "expert_width": 16},
    "training": {"epochs": 2, "batch_size": 32, "threads": 1},
    "mlp": {"hidden": [16], "epochs": 2, "threads": 1},
    "mvof": {"channels": [8], "hidden": 8, "epochs": 2, "threads": 1},
    "forest": {"system_trees": 24, "spacegroup_trees": 24},
    "cell": {"patterns": 1, "set_views": [2], "width": 16, "hidden": 16, "epochs": 2, "threads": 1},
    "evaluation": {"views": 2, "leak_materials": 1},
    "detector": {"curves": [1.0], "curve_materials": 6},
    "finder": {"materials": 1, "views": [1]},
}

KEY = "0123456789SecretKeyOfNobody98765"


def snakemake(*arguments, check=True, cwd=ROOT, **variables):
    """Run snakemake in a checkout as a user would, and return the completed process."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--profile", "profiles/local", *arguments]
    environment = os.environ | {"MP_API_KEY": KEY} | variables
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=1500, env=environment)
    assert not check or done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return done


def overlay(folder, changes):
    """Write a configuration over config/demo.yaml and return its path."""
    config = yaml.safe_load((ROOT / "config/demo.yaml").read_text())
    for section, values in changes.items():
        config[section] = (config.get(section) or {}) | values if isinstance(values, dict) else values
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def rules_to_run(config, *targets, cwd=ROOT):
    """Return the rules that a dry run would run; those of training and prediction with their models."""
    done = snakemake(*targets, "--configfile", str(config), "--dry-run", "--quiet", "progress", cwd=cwd)
    _, *jobs = re.split(r"^(?:local)?rule ", done.stdout + done.stderr, flags=re.MULTILINE)
    found = set()
    for job in jobs:
        rule, model = re.match(r"\w+", job)[0], re.search(r"wildcards: .*\bmodel=(\w+)", job)
        found.add(f"{rule} {model[1]}" if rule in ("train", "predict") else rule)
    return found - {"all", "provenance"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One complete run on a subset of the prototypes."""
    folder = tmp_path_factory.mktemp("run")
    config = overlay(folder, TINY | {"results": str(folder / "results")})
    done = snakemake("all", "--configfile", str(config))
    assert done.stdout.count("48 materials: ") == 1  # what became of them
    return folder, config


def test_all_products_are_there(run):
    folder, _ = run
    for name in products.TABLES:
        table = pd.read_csv(folder / f"results/tables/{name}.csv")
        assert len(table), name
        assert "prototypes" in (folder / f"results/tables/{name}.md").read_text(), (
            f"{name} does not say its source"
        )
        assert r"\toprule" in (folder / f"results/tables/{name}.tex").read_text()
    for name in products.FIGURES:
        assert (folder / f"results/figures/{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (folder / f"results/figures/{name}.svg").read_text()


def test_no_material_is_lost_or_on_both_sides(run):
    folder, _ = run
    summary = pd.read_csv(folder / "results/dataset/summary.csv").set_index("stage")
    lost = pd.read_csv(folder / "results/dataset/lost.csv")
    materials = pd.read_csv(folder / "results/dataset/materials.csv")
    assert summary.loc["structures", "materials"] == len(materials) + len(lost[lost["stage"] != "structures"])
    assert not set(materials["material_id"]) & set(lost["material_id"])
    assert materials["material_id"].is_unique
    assert lost["reason"].str.len().min() > 5
    assert summary.loc[["train", "test"], "materials"].sum() == summary.loc["spots", "materials"]


def test_models_are_compared_on_the_same_patterns(run):
    folder, _ = run
    columns = ["material_id", "view", "spacegroup_number"]
    for part, level in product(("", "protocols/random/", "leak/"), ("ideal", "typical")):
        gmoe, *others = (
            pd.read_parquet(folder / f"results/{part}predictions/{level}/{model}.parquet", columns=columns)
            for model in MODELS
        )
        for other in others:
            pd.testing.assert_frame_equal(gmoe, other)
        test = pd.read_parquet(folder / "results/split.parquet").query("split == 'test'")
        assert set(gmoe["material_id"]) <= set(test["material_id"])


def test_calibration_is_fitted_on_training_materials_only(run):
    folder, _ = run
    training = pd.read_parquet(folder / "results/split.parquet").query("split == 'train'")
    for level in ("ideal", "typical"):
        found = {
            path.stem: set(pd.read_parquet(path).material_id)
            for path in (folder / f"results/validation/predictions/{level}").iterdir()
        }
        for model in ("cell", "mvof"):  # which read views together
            assert found.pop(f"{model}_views") == found[model]
        for model, ids in found.items():
            assert ids and ids < set(training["material_id"]), model
            fitted = json.loads((folder / f"results/calibration/{level}/{model}.json").read_text())
            assert fitted["materials"] == len(ids)
        assert found["gmoe"] == found["forest"]


def test_models_learn_at_one_level_of_the_detector_and_are_tested_at_two(run):
    folder, _ = run
    for model in MODELS:
        description = json.loads((folder / f"results/models/{model}/model.json").read_text())
        assert description["detector"] == asdict(LEVELS["typical"])
        ideal, typical = (
            pd.read_parquet(folder / f"results/predictions/{level}/{model}.parquet")
            for level in ("ideal", "typical")
        )
        assert ideal.material_id.equals(typical.material_id) and ideal.view.equals(typical.view)
        assert (np.stack(ideal.p_system) != np.stack(typical.p_system)).any(axis=1).mean() > 0.9
    # Without a nuisance the curves are the answers on ideal spots, of the drawn views.
    curves = pd.read_parquet(folder / "results/curves/mlp.parquet")
    curves = curves[(curves.nuisance == "none") & (curves.method == "logsum")].set_index("material_id")
    views = pd.read_parquet(folder / "results/views/ideal/mlp.parquet").set_index("material_id")
    assert len(curves) == TINY["detector"]["curve_materials"] < len(views)
    answers = views.logsum_predicted_system.loc[curves.index]
    assert curves.predicted_system.equals(answers.rename("predicted_system"))
    table = pd.read_csv(folder / "results/tables/table1.csv").groupby("method").spots
    assert all(list(spots) == ["ideal", "typical"] for method, spots in table if "literature" not in method)


def test_patterns_of_a_protocol_are_at_its_orientations(run):
    folder, _ = run
    axes = {}
    for part in ("", "protocols/random/"):
        for path in sorted((folder / f"results/{part}patterns").glob("*.h5")):
            with h5py.File(path) as file:
                orientations = json.loads(file.attrs["settings"])["orientations"]
                assert orientations == ("random" if part else "grid")
                ids = file["materials/id"].asstr()[:][file["patterns/material"][:]]
                for name, axis in zip(ids, file["patterns/zone_axis"][:], strict=True):
                    axes.setdefault((part, name), []).append(tuple(axis.round(6)))
    both = {name for part, name in axes if part} & {name for part, name in axes if not part}
    assert both
    for name in both:
        assert not set(axes["", name]) & set(axes["protocols/random/", name])


def test_a_second_run_finds_nothing_to_do(run):
    assert rules_to_run(run[1], "all") == set()


SCORES = {"decide", "fit_calibration", "table1", "table2", "table3", "table4", "table6", "table7"}
SCORES |= {
    "table8",
    "table9",
    "table10",
    "table11",
    "table13",
    "table16",
    "table17",
    "table18",
    "table20",
    "fig1",
    "fig5",
    "fig7",
    "fig9",
    "write_report",
    "write_provenance",
}
SCORES |= {"predict_curves"}
PRODUCTS = {"table6", "write_report", "write_provenance"}
LINE = {"describe_run", "table5", "table12", "table19", "fig3", "fig4", "fig6", "fig8"}
CELLS = {"find_cells", "table12", "table19", "fig8"}
REGRESS = {"regress_cells"}
PREDICTED = {"predict_views"} | {f"predict {model}" for model in MODELS}
TRAINED = PREDICTED | REGRESS | {f"train {model}" for model in MODELS}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"training": {"epochs": 3}}, {"train gmoe", "predict gmoe"} | SCORES),
        ({"mlp": {"epochs": 3}}, {"train mlp", "predict mlp"} | SCORES),
        ({"forest": {"system_trees": 9}}, {"train forest", "predict forest", "table19"} | REGRESS | SCORES),
        ({"cell": {"epochs": 3}}, {"train cell", "predict cell", "predict_views"} | SCORES),
        ({"evaluation": {"views": 3}}, LINE | SCORES | REGRESS | {"find_cells", "predict_views"}),
        ({"detector": {"training": "good"}}, TRAINED | LINE | SCORES),
        (
            {"detector": {"tests": ["typical"]}},
            PREDICTED | LINE | CELLS | REGRESS | SCORES - {"predict_curves"},
        ),
        ({"detector": {"curves": [2.0]}}, {"predict_curves", "table10", "fig7"} | CELLS | PRODUCTS),
        ({"finder": {"materials": 2}}, CELLS | REGRESS | {"write_report", "write_provenance"}),
        # how results come about
        (
            {
                "structures": {"chunk_size": 7, "retries": 1},
                "simulation": {"device": "cpu"},
                "training": {"checkpoint_minutes": 1},
            },
            set(),
        ),
    ],
)
def test_a_changed_key_runs_its_rule_again_and_what_follows(run, tmp_path, changes, expected):
    config = run[1]
    merged = yaml.safe_load(config.read_text())
    for section, values in changes.items():
        merged[section] = merged[section] | values
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(merged))
    assert rules_to_run(path, "all") == expected


STRUCTURES = {"collect_structures", "select_materials"}
PATTERNS = {"simulate", "simulate_protocol", "simulate_leak"}
SPOTS = {"extract_spots", "extract_spots_elsewhere"}
OTHER_MODELS = {f"{verb} {model}" for verb in ("train", "predict") for model in MODELS if model != "gmoe"}
FIGURES = {*products.FIGURES, "write_report", "write_provenance"}


@pytest.fixture
def copied_checkout(tmp_path):
    """A copy of what the workflow consists of, to be edited, with the checkout's records of what ran."""
    for name in ("workflow", "config", "profiles", "envs", "src", "resources"):
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "trained")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    shutil.copy(ROOT / "Snakefile", tmp_path)
    (tmp_path / ".snakemake").mkdir()
    (tmp_path / ".snakemake/metadata").symlink_to(ROOT / ".snakemake/metadata")
    return tmp_path


@pytest.mark.parametrize(
    ("module", "again", "kept"),
    [
        # which rules count which modules is a table in tests/unit/test_stages.py
        ("spots/peaks", SPOTS | {"split_materials"}, STRUCTURES | {"simulate"}),
        # of the test only: crystals at the other protocol, at which no model is trained, and on other grids
        (
            "spots/division",
            {"split_materials", "simulate_protocol", "simulate_leak"},
            STRUCTURES | {"simulate", "extract_spots"},
        ),
        (
            "models/gmoe/graph",
            {"train gmoe", "predict gmoe"} | SCORES,
            STRUCTURES | PATTERNS | SPOTS | OTHER_MODELS | {"split_materials"},
        ),
    ],
)
def test_an_edited_module_runs_its_stage_again_and_none_before_it(run, copied_checkout, module, again, kept):
    edit(copied_checkout / f"src/edsym/{module}.py", "\nEDITED = 1\n")
    found = rules_to_run(run[1], "all", cwd=copied_checkout)
    assert (again - found, kept & found) == (set(), set())


def test_edited_products_are_all_that_runs_again_and_comments_and_newer_files_are_no_edit(
    run, copied_checkout
):
    library = copied_checkout / "src/edsym"
    edit(library / "simulation/engines/krylov/propagation.py", "\n# A comment.\n")
    edit(library / "evaluation/figures.py", "")
    assert rules_to_run(run[1], "all", cwd=copied_checkout) == set()
    edit(library / "evaluation/figures.py", "\nEDITED = 1\n")
    assert rules_to_run(run[1], "all", cwd=copied_checkout) == FIGURES


def edit(path, text):
    """Append to a file, which makes it newer in any case."""
    path.write_text(path.read_text() + text)


TITLE = "Nearest neighbour"
LINE_OF_THE_REGISTRY = f"""
MODELS["nearest"] = ModelEntry(
    {TITLE!r},
    "edsym.models.nearest.model:Nearest",
    {{"nearest": "edsym.models.nearest.settings:NearestSettings"}},
    together=True,
)
"""


def test_a_new_model_joins_all_tables_by_a_folder_a_line_and_a_section(run, copied_checkout, tmp_path):
    """It comes to the results of that run, and nothing of the other models is made again."""
    (copied_checkout / ".snakemake/metadata").unlink()
    library = copied_checkout / "src/edsym"
    shutil.copytree(Path(__file__).with_name("nearest"), library / "models/nearest")
    before, mark, after = (library / "models/registry.py").read_text().partition('"""Models by the names of')
    (library / "models/registry.py").write_text(before.rstrip() + LINE_OF_THE_REGISTRY + mark + after)
    lend_compiled_code(library, os.environ["NUMBA_CACHE_DIR"])
    results = tmp_path / "results"
    shutil.copytree(run[0] / "results", results)
    shutil.rmtree(results / "tables")
    config = yaml.safe_load(run[1].read_text()) | {"results": "results", "nearest": {"bins": 30}}
    config["models"] = ["gmoe", "forest", "nearest"]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    others = {path: path.stat().st_mtime_ns for path in results.rglob("gmoe*") if path.is_file()}

    numbers = (1, 2, 3, 4, 6, 7, 8, 9, 10, 11)
    targets = [f"results/tables/table{number}.csv" for number in numbers]
    snakemake(*targets, "--configfile", "config.yaml", cwd=copied_checkout)

    tables = {number: pd.read_csv(results / f"tables/table{number}.csv") for number in numbers}
    for number in (2, 3, 4, 7, 8, 9, 10, 11):
        rows = tables[number].groupby("model").size()
        # of views read together tables 8 and 9 have rows of their own: two a level
        assert rows[TITLE] - 4 * (number in (8, 9)) == rows["Random forest"] > 0, f"table {number}"
    reads = tables[3].groupby("model").together.count()
    assert reads[TITLE] > reads["Random forest"] == 0
    assert TITLE in set(tables[1].method)
    settings = tables[6].set_index(["section", "setting"]).value
    assert settings["nearest", "bins"] == "30"
    # It knows its training patterns by heart: those that validate are predicted by another one, without them.
    single = tables[9].query("model == @TITLE and method == 'One pattern'")
    assert single.system.notna().all() and set(single.spots) == {"ideal", "typical"}
    assert (results / "validation/models/nearest/model.json").is_file()
    assert not (results / "validation/models/gmoe").exists()
    assert others == {path: path.stat().st_mtime_ns for path in others} and len(others) > 20


def test_report_holds_all_tables_and_figures(run):
    text = (run[0] / "results/report.html").read_text()
    for name in products.REQUIRES:
        assert f'<section id="{name}">' in text
    assert (run[0] / "results/tables/table1.html").read_text() in text


def test_results_do_not_depend_on_shards_or_cores(run, tmp_path):
    """In one shard and on one core: the same split, and the same answers to the last bit.

    All models read the spots by one function. The forest's jobs have as many threads as there are cores, the
    perceptron's sums depend on the order of patterns, and the finder's on nothing. What follows from answers,
    decisions to tables, knows no shards; the figures of patterns do. The perceptron is trained at the other
    protocol, too.
    """
    folder, config = run
    changes = yaml.safe_load(config.read_text())
    changes["results"] = str(tmp_path / "results")
    changes["simulation"]["shards"] = 1
    changes["evaluation"]["protocols_trained"] = ["random"]
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(changes))
    shutil.copytree(folder / "results/structures", tmp_path / "results/structures")
    answers = [f"{part}typical/forest.parquet" for part in ("predictions/", "protocols/random/predictions/")]
    answers += ["predictions/ideal/mlp.parquet", "curves/mlp.parquet", "cells/0.parquet", "split.parquet"]
    elsewhere = "trained/random/decisions/typical/mlp.parquet"
    targets = [str(tmp_path / "results" / name) for name in (*answers, elsewhere, "tables/table5.csv")]
    snakemake(*targets, "--configfile", str(path), "--cores", "1")
    for name in answers:
        assert pq.read_table(tmp_path / "results" / name).equals(pq.read_table(folder / "results" / name)), (
            name
        )
    for name in ("tables/table5.csv", "dataset/summary.csv", "dataset/materials.csv"):
        assert (tmp_path / "results" / name).read_text() == (folder / "results" / name).read_text(), name
    there, here = (
        pd.read_parquet(tmp_path / "results" / name)
        for name in (elsewhere, "protocols/random/predictions/typical/forest.parquet")
    )
    assert there.material_id.equals(here.material_id) and there.view.equals(here.view)


def test_every_table_and_figure_leads_back_to_the_structures(run, capsys):
    results = run[0] / "results"
    manifest = json.loads((results / "provenance/manifest.json").read_text())
    products = [path for name in ("tables", "figures") for path in (results / name).iterdir()]
    assert {str(path.relative_to(results)) for path in products} <= set(manifest["files"])
    for path in products:
        assert cli.main(["trace", str(path)]) == 0
        text = capsys.readouterr().out
        assert "query: structures.source prototypes, pymatgen" in text
        assert "2 files patterns/*.h5" in text
    assert all(job["code"] and job["wall_seconds"] and job["packages"] for job in manifest["jobs"].values())
    assert {"numba", "spglib"} <= set(manifest["jobs"]["simulate/0000"]["packages"])


def test_manifest_is_what_lies_there(run, capsys):
    assert cli.main(["verify", str(run[0] / "results")]) == 0, capsys.readouterr().out


def test_the_run_crate_is_valid(run, tmp_path):
    assert problems(run[0] / "results", tmp_path / "cache") == []


def test_the_key_is_written_nowhere(run, tmp_path):
    """Neither in a run that has no use for it nor in a query that fails, its errors included."""
    settings = {"source": "materials_project", "retries": 0}
    config = overlay(tmp_path, {"structures": settings, "results": str(tmp_path / "results")})
    nobody = "http://127.0.0.1:9"  # no server is there
    done = snakemake("structures", "--configfile", str(config), check=False, MP_API_ENDPOINT=nobody)
    assert done.returncode != 0 and KEY not in done.stdout + done.stderr
    assert (tmp_path / "results/logs/collect_structures.log").stat().st_size
    state = (ROOT / ".snakemake" / name for name in ("metadata", "log", "scripts", "incomplete", "auxiliary"))
    written = [path for folder in (run[0], tmp_path, *state) for path in folder.rglob("*") if path.is_file()]
    assert [path for path in written if KEY.encode() in path.read_bytes()] == []


def test_wrong_configuration_is_refused_before_anything_runs(tmp_path):
    config = overlay(tmp_path, {"simulation": {"zone_axis": 3}, "results": str(tmp_path / "results")})
    done = snakemake("all", "--configfile", str(config), check=False)
    assert done.returncode != 0
    assert "unknown key simulation.zone_axis: did you mean zone_axes?" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not (tmp_path / "results").exists()


def test_a_missing_key_of_the_database_is_told_before_the_first_job_wherever_snakemake_is_called(tmp_path):
    (tmp_path / "profiles").symlink_to(ROOT / "profiles")
    text = "evaluation={conditional: false}"  # booleans of the command line come as text
    arguments = ("--snakefile", str(ROOT / "Snakefile"), "--config", text)
    done = snakemake("structures", *arguments, check=False, cwd=tmp_path, MP_API_KEY="")
    told = done.stdout + done.stderr
    assert done.returncode != 0
    assert "structures.source: materials_project needs your key" in told and "Traceback" not in told
    assert not (tmp_path / "results").exists()


def test_the_workflow_runs_from_another_folder_with_its_own_configuration(tmp_path):
    (tmp_path / "profiles").symlink_to(ROOT / "profiles")
    (tmp_path / "cifs").mkdir()
    Structure(Lattice.cubic(3), ["Po"], [[0, 0, 0]]).to(str(tmp_path / "cifs/polonium.cif"))
    elsewhere = ("--snakefile", str(ROOT / "Snakefile"))
    done = snakemake(
        "dataset", *elsewhere, "--configfile", str(ROOT / "config/own.yaml"), "--dry-run", cwd=tmp_path
    )
    assert re.search(r"^total +9$", done.stdout + done.stderr, flags=re.MULTILINE), (
        "few jobs for one's own files"
    )
    snakemake("all", *elsewhere, "--configfile", str(ROOT / "config/own.yaml"), "--dry-run", cwd=tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text("results: out\nstructures: {source: cif, path: cifs}\n")
    snakemake("structures", *elsewhere, cwd=tmp_path)
    assert (tmp_path / "out/structures/selected.parquet").exists()


def test_a_failing_job_says_why_in_one_line(tmp_path):
    (tmp_path / "cifs").mkdir()
    (tmp_path / "cifs/halite.cif").write_text("data_nothing")
    source = {"source": "cif", "path": str(tmp_path / "cifs")}
    config = overlay(tmp_path, {"structures": source, "results": str(tmp_path / "results")})
    done = snakemake("structures", "--configfile", str(config), check=False)
    assert done.returncode != 0
    log = (tmp_path / "results/logs/collect_structures.log").read_text()
    assert "such as halite: unreadable" in log and "Traceback" not in log
    assert not list((tmp_path / "results").rglob("*.json")), "a failed job has left a record"


def test_other_files_of_the_source_make_everything_again_and_missing_ones_are_told(tmp_path):
    folder, lattice = tmp_path / "cifs", Lattice.cubic(3)
    folder.mkdir()
    Structure(lattice, ["Po"], [[0, 0, 0]]).to(str(folder / "polonium.cif"))
    source = {"source": "cif", "path": str(folder)}
    config = overlay(tmp_path, {"structures": source, "results": str(tmp_path / "results")})
    snakemake("structures", "--configfile", str(config))
    (folder / "polonium.cif").touch()
    assert rules_to_run(config, "structures") == set()
    Structure(lattice, ["Po"], [[0, 0, 0]]).to(str(folder / "again.cif"))
    assert rules_to_run(config, "structures") == STRUCTURES | {"structures"}
    shutil.rmtree(folder)
    done = snakemake("structures", "--configfile", str(config), "--dry-run", check=False)
    assert f"the run cannot start: structures.path: {folder} is not a folder" in done.stdout + done.stderr
    assert done.returncode == 1 and "Traceback" not in done.stdout + done.stderr


def test_lint_is_clean():
    done = snakemake("--lint")
    assert "Congratulations" in done.stdout + done.stderr


def test_the_papers_run_dry_runs_on_slurm_with_resources_for_every_job():
    command = [sys.executable, "-m", "snakemake", "--profile", "slurm", "--dry-run", "all"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    text = done.stdout + done.stderr
    assert done.returncode == 0, text[-3000:]
    jobs = text.split("rule simulate:")[1:]
    assert len(jobs) == yaml.safe_load((ROOT / "config/config.yaml").read_text())["simulation"]["shards"]
    assert all(re.search(r"resources: .*mem_mb=\d+.*runtime=\d+", job) for job in jobs)
    trained = {}
    for part in text.split("rule train:")[1:]:
        job = part.split("rule ")[0]
        model = re.search(r"wildcards: .*model=(\w+)", job)[1]
        trained.setdefault(model, set()).add(re.search(r"gpu=(\d)", job)[1])
    assert trained == {"gmoe": {"1"}, "mlp": {"0"}, "cell": {"0"}, "mvof": {"0"}, "forest": {"0"}}
