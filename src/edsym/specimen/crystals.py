"""Crystals of known structure, at measured cells."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from ase.geometry import cellpar_to_cell
from ase.spacegroup import crystal


@dataclass(frozen=True)
class Crystal:
    """A material of the specimen.

    Attributes
    ----------
    name : str
        What it is called.
    spacegroup_number : int
        1 to 230.
    cell : tuple of float
        a, b, c in Å and alpha, beta, gamma in degrees of the conventional cell.
    sites : tuple of (str, (float, float, float))
        Element and fractional coordinates of the atoms that symmetry repeats.
    """

    name: str
    spacegroup_number: int
    cell: tuple[float, ...]
    sites: tuple[tuple[str, tuple[float, float, float]], ...]

    @property
    def basis(self) -> np.ndarray:
        """Rows are the vectors a, b, c of the conventional cell in Å (3, 3), in a frame of its own."""
        return cellpar_to_cell(self.cell)

    @cache  # noqa: B019 - there are four of them
    def atoms(self) -> tuple[np.ndarray, np.ndarray]:
        """Return atomic numbers (n,) and fractional coordinates (n, 3) of the conventional cell."""
        elements, coordinates = zip(*self.sites, strict=True)
        filled = crystal(elements, coordinates, spacegroup=self.spacegroup_number, cellpar=self.cell)
        return filled.numbers, filled.get_scaled_positions()


# Gold and rutile: Wyckoff, Crystal Structures, vol. 1 (1963); zinc oxide: Kihara and Donnay, Can. Mineral. 23
# (1985) 647; tenorite: Åsbrink and Norrby, Acta Cryst. B 26 (1970) 8.
GOLD = Crystal("gold", 225, (4.07825, 4.07825, 4.07825, 90, 90, 90), (("Au", (0, 0, 0)),))
ZINC_OXIDE = Crystal(
    "zinc oxide",
    186,
    (3.2494, 3.2494, 5.2038, 90, 90, 120),
    (("Zn", (1 / 3, 2 / 3, 0)), ("O", (1 / 3, 2 / 3, 0.3821))),
)
RUTILE = Crystal(
    "rutile", 136, (4.59373, 4.59373, 2.95812, 90, 90, 90), (("Ti", (0, 0, 0)), ("O", (0.3053, 0.3053, 0)))
)
TENORITE = Crystal(
    "tenorite",
    15,
    (4.6837, 3.4226, 5.1288, 90, 99.54, 90),
    (("Cu", (0.25, 0.25, 0)), ("O", (0, 0.4184, 0.25))),
)
