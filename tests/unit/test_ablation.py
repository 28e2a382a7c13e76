from pathlib import Path

import pytest
import yaml

from edsym.predictions.table import read_predictions

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def ablation(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return pytest.importorskip("ablation")


def test_every_variant_is_a_configuration_of_its_own(ablation):
    base = yaml.safe_load((BENCHMARKS.parent / "config/config.yaml").read_text(encoding="utf-8"))
    changes = [changes for name, changes in ablation.VARIANTS.items() if name != "base"]
    configurations = [ablation.changed_configuration(base, change) for change in changes]
    assert all(a != b for i, a in enumerate(configurations) for b in configurations[:i])


def test_ablation_trains_and_tells_each_variant(ablation, files, tmp_path, monkeypatch, capsys):
    (tmp_path / "spots").mkdir()
    for path in files[0]:
        path.rename(tmp_path / "spots" / path.name)
    overlay = {
        "results": str(tmp_path),
        "network": {"width": 16, "point_channels": [8], "heads": 2, "layers": 1, "expert_width": 8},
        "training": {"epochs": 1, "batch_size": 16, "threads": 1},
    }
    (tmp_path / "overlay.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    options = ["--config", tmp_path / "overlay.yaml", "--output", tmp_path / "out", "--variants"]
    variants = ["base", "no_graph", "no_experts", "polar_log"]
    monkeypatch.setattr("sys.argv", ["ablation.py", *map(str, options), *variants])
    ablation.main()
    printed = capsys.readouterr().out
    assert all(name in printed for name in variants)
    assert len(read_predictions(tmp_path / "out/no_graph/predictions.parquet").material_id) == 30
