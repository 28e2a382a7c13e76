"""Adding a model: a folder, a line of the registry, a section of the configuration. It joins all tables."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import yaml
from compiled import lend_compiled_code

ROOT = Path(__file__).parents[2]
TITLE = "Nearest neighbour"
LINE = f"""
MODELS["nearest"] = ModelEntry(
    {TITLE!r},
    "edsym.models.nearest.model:Nearest",
    {{"nearest": "edsym.models.nearest.settings:NearestSettings"}},
    together=True,
)
"""
TINY = {
    "structures": {"source": "prototypes", "limit": 24},
    "filter": {"max_volume": 120},
    "simulation": {"zone_axes": 3, "g_max": 1.5, "shards": 1},
    "peaks": {"q_max": 1.5},
    "network": {"width": 16, "point_channels": [8], "heads": 2, "layers": 1, "expert_width": 16},
    "training": {"epochs": 1, "batch_size": 32, "threads": 1},
    "mlp": {"hidden": [16], "epochs": 1, "threads": 1},
    "forest": {"system_trees": 4, "spacegroup_trees": 4},
    "cell": {"patterns": 1, "set_views": [2], "width": 16, "hidden": 16, "epochs": 1, "threads": 1},
    "evaluation": {"views": 2, "protocols": ["grid"]},
    "detector": {"tests": ["typical"], "curves": [1.0], "curve_materials": 4},
    "finder": {"materials": 2, "views": [1], "jobs": 1},
}


def test_a_new_model_joins_all_tables_by_a_folder_a_line_and_a_section(tmp_path):
    for name in ("workflow", "config", "profiles", "envs", "src", "resources"):
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "trained")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    shutil.copy(ROOT / "Snakefile", tmp_path)
    shutil.copytree(Path(__file__).with_name("nearest"), tmp_path / "src/edsym/models/nearest")
    registry = tmp_path / "src/edsym/models/registry.py"
    before, mark, after = registry.read_text().partition('"""Models by the names of their files')
    registry.write_text(before.rstrip() + LINE + mark + after)
    lend_compiled_code(tmp_path / "src/edsym", os.environ["NUMBA_CACHE_DIR"])
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(TINY | {"nearest": {"bins": 30}}))

    options = ["--cores", "2", "--profile", "profiles/local", "--configfile", "config.yaml"]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "tables", *options],
        cwd=tmp_path, capture_output=True, text=True, timeout=1500,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]

    tables = {n: pd.read_csv(tmp_path / f"results/tables/table{n}.csv") for n in range(1, 11)}
    for number in (2, 3, 4, 7, 8, 9, 10):
        rows = tables[number].groupby("model").size()
        # of views read together tables 8 and 9 have rows of their own, for both targets or rules
        assert rows[TITLE] - 2 * (number in (8, 9)) == rows["Random forest"] > 0, f"table {number}"
    reads = tables[3].groupby("model").together.count()
    assert reads[TITLE] > reads["Random forest"] == 0
    assert TITLE in set(tables[1].method)
    settings = tables[6].set_index(["section", "setting"]).value
    assert settings["nearest", "bins"] == "30"
    # It knows its training patterns by heart: those that validate are predicted by another one, without them.
    single = tables[9].query("model == @TITLE and method == 'One pattern'")
    assert single.system.notna().all() and set(single.spots) == {"typical"}
    assert (tmp_path / "results/validation/models/nearest/model.json").is_file()
    assert not (tmp_path / "results/validation/models/gmoe").exists()
