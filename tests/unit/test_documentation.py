"""What the documentation shows runs as it is written."""

import json
import re
import tomllib
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs/tutorial.ipynb"


@pytest.fixture
def pictures():
    """Pictures are drawn, and none is left open."""
    plt.switch_backend("agg")
    yield
    plt.close("all")


def cells(path):
    """Return the code cells of a notebook, each with its outputs as text."""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            text = ["".join(o.get("data", {}).get("text/plain", "")) for o in cell["outputs"]]
            yield "".join(cell["source"]), "\n".join(text)


def test_the_tutorial_runs_and_its_answers_are_those_that_it_shows(pictures, monkeypatch):
    monkeypatch.chdir(TUTORIAL.parent)
    names = {}
    for source, _ in cells(TUTORIAL):
        exec(source, names)
    shown = [output for _, output in cells(TUTORIAL) if "crystal_system" in output]
    for answer, text in zip((names["answer"], names["moved"]), shown, strict=True):
        best = answer[answer.pattern == "all"].iloc[0]
        line = re.search(r"all +1 +(\S+) +(\S+) +(\S+) +(\S+)", text)
        assert (best.crystal_system, best.space_group) == (line[1], line[3])
        assert best.p_system == pytest.approx(float(line[2]), abs=0.02)


def test_the_tutorial_of_scans_runs_and_finds_what_it_shows(pictures, monkeypatch):
    monkeypatch.chdir(TUTORIAL.parent)
    names, shown = {}, ""
    for source, output in cells(TUTORIAL.parent / "scan_tutorial.ipynb"):
        exec(source, names)
        shown += output
    phases = names["found"].phases()
    assert phases[["grains", "positions"]].values.tolist() == [[4, 12]]
    best = phases.iloc[0]
    line = re.search(r"0 +4 +12 +(\S+) +(\S+) +(\S+) +(\S+) +(\S+)", shown)
    assert (best.crystal_system, best.space_group) == (line[1], line[3]) == ("orthorhombic", "Pnma")
    assert best.p_crystal_system == pytest.approx(float(line[2]), abs=0.05)
    lengths = sorted(best[["a", "b", "c"]].astype(float))
    assert lengths == pytest.approx([5.38, 5.44, 7.64], rel=0.01)
    row = ["perovskite", "perovskite", "", "perovskite", "perovskite"]
    assert names["known"].positions().known_phase.tolist() == row * 3


def test_the_snippet_of_the_readme_runs(pictures, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    snippets = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    assert snippets
    for snippet in snippets:
        exec(snippet, {})
    assert "crystal_system" in capsys.readouterr().out


def test_the_readme_says_what_every_dependency_is_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    packages = sum(project["optional-dependencies"].values(), project["dependencies"])
    rows = re.findall(r"^\| (?:`\w+`: )?(.+?) \|", (ROOT / "README.md").read_text(encoding="utf-8"), re.M)
    named = {name for row in rows for name in row.split(", ")}
    assert {re.match(r"[\w-]+", package)[0] for package in packages} <= named


PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("models/*/README.md")]
PAGES += [ROOT / folder / "README.md" for folder in ("benchmarks", "config", "results")]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file(path):
    text = path.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)|^```\{include\} (\S+)", text, re.M)
    for target in filter(None, (a or b for a, b in targets)):
        assert re.match(r"https?://", target) or (path.parent / target).exists(), target
