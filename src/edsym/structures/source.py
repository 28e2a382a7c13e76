"""What every source of structures offers: ids, and for each id a material or the reason why there is none."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from edsym.files import atomic_path
from edsym.structures.checks import printable

SOURCES = {
    "materials_project": "edsym.structures.materials_project:MaterialsProject",
    "snapshot": "edsym.structures.snapshot:Snapshot",
    "cif": "edsym.structures.cif:CifFolder",
    "prototypes": "edsym.structures.prototypes:Prototypes",
}
"""The class of each source; what only it needs is imported when it is chosen."""


@dataclass(frozen=True)
class Material:
    """A structure as its source gives it.

    Attributes
    ----------
    material_id, formula : str
    lattice : (3, 3) float64
        Row vectors a, b, c in Å.
    numbers : (n,) int
        Atomic numbers.
    frac_coords : (n, 3) float64
        Fractional coordinates.
    stated_number : int, optional
        The space-group number that the source states, for comparison only.
    """

    material_id: str
    formula: str
    lattice: np.ndarray
    numbers: np.ndarray
    frac_coords: np.ndarray
    stated_number: int | None = None


@dataclass(frozen=True)
class Rejection:
    """A material that cannot be used, and why."""

    material_id: str
    formula: str
    reason: str


class Source(Protocol):
    """A source of structures.

    ``reduces`` says whether its cells are to be reduced to primitive ones: those of the Materials
    Project and of tables made from it are left as they are listed.
    """

    reduces: bool

    def ids(self) -> list[str]:
        """Return the ids of all materials, each once."""

    def read(self, ids: list[str]) -> Iterator[Material | Rejection]:
        """Yield the materials of these ids, or why they are unusable; a CIF file may hold several."""

    def metadata(self) -> dict:
        """Return ``version`` and ``date`` of the source, and what else says where structures are from."""


def from_pymatgen(material_id: str, structure) -> Material | Rejection:
    """Return a pymatgen Structure as a material, or a rejection if its sites are not whole atoms.

    Deuterium counts as hydrogen: it scatters electrons alike.
    """
    from pymatgen.core import DummySpecies

    formula = structure.composition.formula
    disordered = [site.species_string for site in structure if not site.is_ordered]
    if disordered:
        reason = (
            f"disordered: {len(disordered)} of {len(structure)} sites are partly or jointly occupied "
            f"(the first: {disordered[0]})"
        )
        return Rejection(material_id, formula, reason)
    unknown = sorted({str(s.specie) for s in structure if isinstance(s.specie, DummySpecies)})
    if unknown:
        return Rejection(material_id, formula, f"sites that are no element: {', '.join(unknown)}")
    numbers = np.array([site.specie.Z for site in structure], dtype=int)
    return Material(material_id, formula, structure.lattice.matrix, numbers, structure.frac_coords)


def cell_formula(numbers: np.ndarray) -> str:
    """Return the contents of a cell with these atomic numbers (n,), such as ``Na1 Cl1``."""
    from pymatgen.core import Composition, Element

    values, counts = np.unique(numbers, return_counts=True)
    return Composition({Element.from_Z(int(z)): int(n) for z, n in zip(values, counts, strict=True)}).formula


def write_rejections(rejections: Iterable[Rejection], path: str | Path) -> None:
    """Write material_id, formula and reason of rejected materials as CSV, sorted by id."""
    columns = ["material_id", "formula", "reason"]
    rows = [tuple(map(printable, (r.material_id, r.formula, r.reason))) for r in rejections]
    frame = pd.DataFrame(rows, columns=columns).sort_values(columns)
    with atomic_path(path) as temporary:
        frame.to_csv(temporary, index=False)
