"""Imports point one way: no module reaches into a later layer, late imports included."""

from collections.abc import Iterator

import pytest

from edsym.provenance import digest

# From the lowest: a package stands for all in it that has no line of its own.
LAYERS = [
    ["errors", "files", "hdf5", "locks", "parquet", "seeds", "settings", "store_checks", "symmetry"],
    ["provenance"],
    ["job"],
    ["structures"],
    ["simulation"],
    ["simulation.crystal"],
    ["simulation.beams"],
    ["simulation.engines"],
    ["simulation.run"],
    ["spots"],
    ["lattice"],
    ["experiment", "specimen"],
    ["mapping"],
    ["detector"],
    ["acom"],
    ["training"],
    ["predictions"],
    ["cells"],
    ["powder"],
    ["models"],
    ["evaluation"],
    ["page"],
    ["configuration", "configuration_files", "interface"],
    ["commands"],
    ["cli"],
]
RANK = {f"edsym.{name}": rank for rank, names in enumerate(LAYERS) for name in names}


def rank(name: str) -> int:
    """Return the number of the layer of a module."""
    return RANK[name] if name in RANK or name == "edsym" else rank(name.rpartition(".")[0])


def modules() -> Iterator[str]:
    for path in sorted((digest.SOURCE / "edsym").rglob("*.py")):
        if path.name != "__init__.py":
            yield digest._name(path)


@pytest.mark.parametrize("name", modules())
def test_no_module_imports_from_a_later_layer(name):
    path = digest.SOURCE.joinpath(*name.split(".")).with_suffix(".py")
    imported = {digest._name(file) for file in digest._imported(path)} - {"edsym"}
    assert [found for found in sorted(imported) if rank(found) > rank(name)] == []
