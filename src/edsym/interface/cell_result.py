"""What `find_cell` finds: a unit cell, how sure it is, and how it lies in every pattern."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from edsym.interface.spots import Spots
from edsym.lattice.bravais import BravaisCell, system_probabilities
from edsym.lattice.plane import Plane

_PARAMETERS = ("a", "b", "c", "alpha", "beta", "gamma")


@dataclass(frozen=True)
class CellView:
    """How the cell lies in one pattern.

    Attributes
    ----------
    name : object
        The pattern's name.
    agrees : bool
        Whether the cell explains the pattern; if not, its orientation is no more than a guess.
    basis : (3, 3) array
        Rows are the vectors a, b, c of the conventional cell in Å along the detector's x and y and the beam,
        which travels along +z.
    centre : (2,) array
        Where the direct beam is, in 1/Å.
    indexed : (n,) array of bool
        Which spots lie on the lattice, in the order that they were given in.
    residual : (n, 2) array
        Measured less predicted positions in 1/Å; NaN where a spot is not indexed.
    excitation_error : (n,) array
        In 1/Å; NaN where a spot is not indexed.
    """

    name: object
    agrees: bool
    basis: np.ndarray
    centre: np.ndarray
    indexed: np.ndarray
    residual: np.ndarray
    excitation_error: np.ndarray


@dataclass(frozen=True)
class CellResult:
    """A unit cell, how sure it is, and how it lies in every pattern.

    Attributes
    ----------
    probability : float
        Probability that the primitive lattice is right: its fourteen shortest vectors within 3 %, up to a
        common factor.
    primitive : (3, 3) array
        Rows are the vectors of the reduced primitive cell in Å, with the symmetry of ``bravais[0]``.
    parameters, uncertainties : (6,) array
        a, b, c in Å and alpha, beta, gamma in degrees of the reduced primitive cell, bound by no symmetry,
        and their standard deviations.
    bravais : list of BravaisCell
        Bravais lattices with probabilities and conventional cells, the most probable first.
    views : list of CellView
        One a pattern.
    spots : Spots
        The spots with ``hkl`` of the conventional cell of ``bravais[0]``; 000 where a spot is not indexed.
    position_error : float
        Standard deviation of a coordinate of the indexed spots, in 1/Å.
    ellipse : (2,) array
        Relative stretch that the detector has along x (and shrinking along y), and along the diagonal.
    undetermined : tuple of str
        What these patterns cannot tell.
    plane : Plane or None
        Where the spots lie on a plane lattice, as along a zone axis: that lattice. Then there is no cell: its
        probability is 0, all vectors, parameters and excitation errors are NaN, ``bravais`` is empty, and the
        third index of the spots is 0.
    """

    probability: float
    primitive: np.ndarray
    parameters: np.ndarray
    uncertainties: np.ndarray
    bravais: list[BravaisCell]
    views: list[CellView]
    spots: Spots
    position_error: float
    ellipse: np.ndarray
    undetermined: tuple[str, ...]
    plane: Plane | None = None

    @property
    def indexed_share(self) -> float:
        """Share of all spots that lie on the lattice, those of patterns that disagree not among them."""
        return sum(int(view.indexed.sum()) for view in self.views) / len(self.spots.qx)

    @property
    def systems(self) -> dict[str, float]:
        """Probabilities of the crystal systems; the lattice may have more symmetry than the crystal."""
        return system_probabilities(self.bravais)

    def table(self) -> pd.DataFrame:
        """Return a row a Bravais lattice: probability, conventional cell and standard deviations."""
        rows = []
        for one in self.bravais:
            row = {"bravais": one.bravais, "probability": one.probability}
            row |= dict(zip(_PARAMETERS, one.parameters, strict=True))
            row |= {f"{name}_su": u for name, u in zip(_PARAMETERS, one.uncertainties, strict=True)}
            rows.append(row | {"volume": abs(np.linalg.det(one.conventional))})
        return pd.DataFrame(rows)
