"""Structures from the AFLOW library of prototypes, which pymatgen ships: no network is needed.

Mehl et al., Computational Materials Science 136, S1 (2017), doi:10.1016/j.commatsci.2017.01.017.
"""

import re
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version

from edsym.structures.source import Material, Rejection, from_pymatgen


class Prototypes:
    """The source ``prototypes``: the 288 AFLOW prototypes, each with the lattice of its namesake."""

    reduces = True

    def __init__(self):
        from pymatgen.analysis.prototypes import AFLOW_PROTOTYPE_LIBRARY

        entries = list(AFLOW_PROTOTYPE_LIBRARY)
        ids = prototype_ids([entry["tags"] for entry in entries])
        self._structures = {i: entry["snl"].structure for i, entry in zip(ids, entries, strict=True)}

    def ids(self) -> list[str]:
        """Return the ids of all prototypes."""
        return list(self._structures)

    def read(self, ids: list[str]) -> Iterator[Material | Rejection]:
        """Yield the prototypes of these ids."""
        for material_id in ids:
            yield from_pymatgen(material_id, self._structures[material_id])

    def metadata(self) -> dict:
        """Return the version of pymatgen and the date that it stands for."""
        installed = version("pymatgen")
        return {"version": f"pymatgen {installed}", "date": "-".join(installed.split(".")[:3])}


def prototype_ids(tags: list[dict]) -> list[str]:
    """Return an id for each prototype: ``aflow-`` and its label, such as ``aflow-A_cF4_225_a``.

    Labels that several prototypes share are followed by the Strukturbericht symbol, or by the
    mineral where there is none.
    """
    count = Counter(tag["aflow"] for tag in tags)
    return [f"aflow-{tag['aflow']}" + (_suffix(tag) if count[tag["aflow"]] > 1 else "") for tag in tags]


def _suffix(tag: dict) -> str:
    symbol = tag["strukturbericht"]
    name = tag["mineral"] if symbol in ("", "None") else symbol
    return "-" + re.sub(r"[^A-Za-z0-9_]+", "-", name)
