"""Digests of code: they follow imports, and see what runs rather than how it is written."""

import pytest

from edsym.provenance import digest


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
    for remembered in (digest.code_digest, digest.reached_modules, digest._imported, digest._read):
        remembered.cache_clear()
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


PART = """
BASES = {"box": 4.0}

class Settings:
    width: int = setting(3, "Å", le=9)

    def _contradictions(self):
        yield "no"

def f(x):
    logger.warning("odd: %s", x)
    if x["odd"] > 2:
        raise ValueError(f"{x} is odd")
    return "odd"
"""


@pytest.mark.parametrize(
    ("old", "new", "again"),
    [
        ('3, "Å", le=9', '4, "nm", le=8', False),
        ('"no"', '"never"', False),
        ("4.0", "5.0", True),
        ('"odd: %s"', '"very odd: %s"', False),
        ("is odd", "is very odd", False),
        ("    raise", "    logger.error('no')\n        raise", True),
        ('x["odd"]', 'x["even"]', True),
        ("> 2", "> 3", True),
        ('return "odd"', 'return "even"', True),
    ],
)
def test_messages_and_allowed_values_do_not_count_and_others_do(package, old, new, again):
    module = package / "edsym/deep.py"
    module.write_text(PART)
    before = code_digest(package)
    module.write_text(PART.replace(old, new))
    assert (code_digest(package) != before) == again


def test_a_root_counts_with_what_it_reaches_and_no_other_choice_does(package):
    script = package / "script.py"

    def reached(*roots):
        return {path.stem for path in fresh(lambda path: digest.reached_modules(path, *roots), script)}

    (package / "edsym/other.py").write_text("from edsym.far import x\n")
    (package / "edsym/far.py").write_text("x = 1\n")
    (package / "edsym/errors.py").write_text("from edsym.under import y\n")
    (package / "edsym/under.py").write_text("y = 1\n")
    typed = "from edsym import errors\nif TYPE_CHECKING:\n    from edsym.far import x\n"
    (package / "edsym/typed.py").write_text(typed)
    assert reached() == {"used", "deep"}
    assert reached("edsym.other:x") == {"used", "deep", "other", "far"}
    # errors themselves are no science, what they import is; an import for types only does not run
    assert reached("edsym.typed") == {"used", "deep", "typed", "under"}


@pytest.mark.parametrize("change", ["content", "name", "added", "removed", None])
def test_digest_of_files_sees_any_other_content(tmp_path, change):
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    before = digest.files_digest(sorted(tmp_path.iterdir()))
    if change == "content":
        (tmp_path / "b").write_text("c")
    elif change == "name":
        (tmp_path / "b").rename(tmp_path / "c")
    elif change == "added":
        (tmp_path / "c").write_text("")
    elif change == "removed":
        (tmp_path / "b").unlink()
    else:
        (tmp_path / "b").touch()
    assert (digest.files_digest(sorted(tmp_path.iterdir())) != before) == (change is not None)
