"""What materials share that a test may have to be free of: the prototype and the chemical system."""

from collections import Counter
from collections.abc import Iterator
from math import gcd
from pathlib import Path

import numpy as np
import pyarrow as pa
import spglib
from tqdm import tqdm

from edsym.errors import MaterialError
from edsym.parquet import write_parquet
from edsym.structures.kinship_table import COLUMNS
from edsym.structures.standard import ANGLE_TOLERANCE, SYMPREC, standardize
from edsym.structures.structure import Structure
from edsym.structures.table import read_materials

ENANTIOMORPHS = {
    **{78: 76, 95: 91, 96: 92, 145: 144, 153: 151, 154: 152, 170: 169, 172: 171},
    **{179: 178, 181: 180, 213: 212},
}
"""Space groups by the numbers of those that are their mirror images, the larger by the smaller."""


def prototype(structure: Structure) -> str:
    """Return what structures of one prototype share: space group, anonymous formula and occupied sites.

    Sites are told by their number in the primitive cell and their symmetry. The letters of Wyckoff tell
    more, which of several sites of one kind it is, but hang on the choice of origin and axes: NaCl with Na at
    a and Cl at b is NaCl with both exchanged. Structures with equal letters have equal prototypes here, so
    that no split by these has equal letters on both sides. Mirror images have equal ones, too.

    Parameters
    ----------
    structure : Structure
        The primitive cell, as `edsym.structures.standard.standardize` returns it.

    Returns
    -------
    str
        Such as ``"225 AB 1(-3mm)|1(-3mm)"``: of the symbols of site symmetry the characters are sorted.

    Raises
    ------
    MaterialError
        If spglib finds no symmetry.
    """
    sites: dict[int, list[str]] = {}
    for element, count, symbol in _sites(structure):
        sites.setdefault(element, []).append(f"{count}({symbol})")
    atoms = Counter(structure.numbers.tolist())
    common = gcd(*atoms.values())
    elements = sorted((atoms[z] // common, "+".join(sorted(sites[z]))) for z in atoms)
    formula = "".join(_letters(i) + (str(n) if n > 1 else "") for i, (n, _) in enumerate(elements))
    number = ENANTIOMORPHS.get(structure.spacegroup_number, structure.spacegroup_number)
    return f"{number} {formula} {'|'.join(places for _, places in elements)}"


def _letters(i: int) -> str:
    """Return the name of the i-th element of an anonymous formula: A to Z, then AA and so on."""
    return (_letters(i // 26 - 1) if i >= 26 else "") + chr(ord("A") + i % 26)


def _sites(structure: Structure) -> Iterator[tuple[int, int, str]]:
    """Yield the atomic number, the number of atoms and the symmetry of every orbit."""
    cell = (structure.lattice, structure.frac_coords, structure.numbers)
    # spglib 2 returns None where spglib 3 raises.
    try:
        found = spglib.get_symmetry_dataset(cell, symprec=SYMPREC, angle_tolerance=ANGLE_TOLERANCE)
    except spglib.SpglibError as error:
        raise MaterialError(f"spglib finds no symmetry: {error}") from error
    if found is None:
        raise MaterialError(f"spglib finds no symmetry within {SYMPREC} Å")
    _, first, counts = np.unique(found.crystallographic_orbits, return_index=True, return_counts=True)
    for atom, count in zip(first, counts, strict=True):
        # the directions of its elements hang on the axes: mm2 and 2mm are one
        symbol = "".join(sorted(found.site_symmetry_symbols[atom].replace(".", "")))
        yield int(structure.numbers[atom]), int(count), symbol


def chemical_system(numbers: np.ndarray) -> str:
    """Return the elements of atomic numbers (n,), sorted by their symbols, such as ``Cl-Na``."""
    from pymatgen.core import Element

    return "-".join(sorted(Element.from_Z(int(z)).symbol for z in np.unique(numbers)))


def write_kinship(selected_path: str | Path, kinship_path: str | Path, progress: bool = False) -> None:
    """Write the prototype and the chemical system of all materials of a table.

    A material of which spglib finds no symmetry is told by its stated space group and a prototype of its own.

    Parameters
    ----------
    selected_path : str or Path
        Table of materials, see `edsym.structures.table`.
    kinship_path : str or Path
        The parquet table to write: material_id, prototype, chemical_system; sorted by material_id.
    progress : bool
        Whether to show a progress bar.

    Raises
    ------
    InputError
        If the table of materials is wrong.
    """
    frame = read_materials(selected_path)
    rows = tqdm(frame.itertuples(), "prototypes", len(frame), unit="material", disable=not progress)
    prototypes = [_prototype(row) for row in rows]
    systems = [chemical_system(numbers) for numbers in frame.numbers]
    columns = zip(COLUMNS, (frame.material_id, prototypes, systems), strict=True)
    write_parquet(
        pa.table({name: pa.array(list(column), pa.string()) for name, column in columns}), kinship_path
    )


def _prototype(row) -> str:
    try:
        return prototype(standardize(row.lattice.reshape(3, 3), row.numbers, row.frac_coords.reshape(-1, 3)))
    except MaterialError:
        return f"{row.spacegroup_number} {row.material_id}"
