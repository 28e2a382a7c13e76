"""Digests of code: they follow imports, and see what runs rather than how it is written."""

from pathlib import Path

import pytest

from edsym.provenance import digest

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "workflow/scripts"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of three modules, of which the script reaches two."""
    monkeypatch.setattr(digest, "SOURCE", tmp_path)
    home = tmp_path / "edsym"
    home.mkdir()
    (home / "__init__.py").write_text("")
    (home / "used.py").write_text("def f():\n    from edsym.deep import g\n    return g()\n")
    (home / "deep.py").write_text("def g():\n    return 1\n")
    (home / "other.py").write_text("x = 1\n")
    (tmp_path / "script.py").write_text("from edsym import used\nused.f()\n")
    return tmp_path


def fresh(function, path):
    """Call a function with what it remembers of files forgotten."""
    digest._imported.cache_clear()
    digest._meaning.cache_clear()
    return function(path)


def code_digest(package):
    return fresh(digest.code_digest, package / "script.py")


def test_a_module_reached_through_another_counts(package):
    before = code_digest(package)
    (package / "edsym/deep.py").write_text("def g():\n    return 2\n")
    assert code_digest(package) != before


def test_a_table_beside_a_module_counts(package):
    (package / "edsym/deep.csv").write_text("1,2\n")
    before = code_digest(package)
    (package / "edsym/deep.csv").write_text("1,3\n")
    assert code_digest(package) != before


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("edsym/other.py", "x = 2\n"),
        ("edsym/deep.py", '"""What it does."""\n\n\ndef g():\n    """One."""\n    return 1  # one\n'),
    ],
)
def test_unrelated_modules_comments_and_docstrings_do_not_count(package, file, text):
    before = code_digest(package)
    (package / file).write_text(text)
    assert code_digest(package) == before


@pytest.mark.parametrize(
    ("module", "again"),
    [("kernel", True), ("called", True), ("caller", False), ("other", False)],
)
def test_compiled_code_is_kept_while_what_is_compiled_stands(package, module, again):
    home = package / "edsym"
    (home / "kernel.py").write_text("from numba import njit\nfrom edsym.called import f\ng = njit(f)\n")
    (home / "called.py").write_text("def f():\n    return 1\n")
    (home / "caller.py").write_text("from edsym.kernel import g\n")
    before = fresh(digest.compiled_code_cache, package)
    (home / f"{module}.py").write_text((home / f"{module}.py").read_text() + "EDITED = 1\n")
    assert (fresh(digest.compiled_code_cache, package) != before) == again


def test_stages_stand_on_their_own_modules():
    """No stage reaches into a later one, and figures are not reached by training."""
    reached = {
        script.stem: {str(path.relative_to(ROOT / "src/edsym")) for path in digest.reached_modules(script)}
        for script in SCRIPTS.glob("*.py")
    }
    assert "simulation/engines/krylov/propagation.py" in reached["simulate"]
    assert not any(name.startswith(("training/", "models/")) for name in reached["simulate"])
    assert not any("figures" in name or "tables" in name for name in reached["train_network"])
    assert not any(name.startswith(("simulation/", "models/forest")) for name in reached["train_network"])


def test_file_digest_sees_one_changed_byte(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(bytes(100_000))
    before = digest.file_digest(path)
    path.write_bytes(bytes(99_999) + b"\x01")
    assert digest.file_digest(path) != before
