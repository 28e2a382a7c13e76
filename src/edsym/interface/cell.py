"""The unit cell out of spots at unknown orientations."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from edsym.errors import InputError
from edsym.interface.spots import Spots
from edsym.lattice.bravais import (
    BravaisCell,
    bravais_lattices,
    cell_parameters,
    parameter_uncertainties,
    system_probabilities,
)
from edsym.lattice.find import Found, find_lattice
from edsym.simulation.electrons import wavelength

_INDEXED = 0.5
_PARAMETERS = ("a", "b", "c", "alpha", "beta", "gamma")
_LIKELY = 0.01


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


def find_cell(spots, energy_kev: float = 300.0, *, position_error: float | None = None) -> CellResult:
    """Find the unit cell from the spots of one or several still patterns at unknown orientations.

    Parameters
    ----------
    spots : Spots or what `Spots.of` takes
        Patterns of one crystal; the more, the better. Intensities need not be on a known scale.
    energy_kev : float
        Energy of the electrons in keV.
    position_error : float, optional
        Standard deviation of a coordinate of a spot in 1/Å; without, the patterns tell it.

    Returns
    -------
    CellResult
        Look at its ``probability`` first, then at ``table()``.

    Raises
    ------
    InputError
        If the spots are of several crystals, a value is impossible, or no lattice explains any pattern.

    Notes
    -----
    The scale of the detector cannot be told from the cell's: an error of the one is one of the other.

    Examples
    --------
    >>> patterns = edsym.simulate(edsym.Structure.from_cif("NaCl.cif"), n=5)
    >>> cell = edsym.find_cell(edsym.find_spots(patterns))
    >>> cell.bravais[0].bravais, round(float(cell.bravais[0].parameters[0]), 2)
    ('cF', 5.64)
    """
    spots = Spots.of(spots)
    if len(np.unique(spots.material)) > 1:
        names = ", ".join(map(str, spots.material_id[:3]))
        raise InputError(f"the spots are of several crystals ({names}, ...), expected those of one")
    if not 10 <= energy_kev <= 3000:
        raise InputError(f"energy_kev is {energy_kev:g}, expected 10 to 3000 keV")
    if position_error is not None and not 0 < position_error < 0.1:
        raise InputError(f"position_error is {position_error:g}, expected above 0 and below 0.1 1/Å")
    patterns = [pattern.astype(np.float64) for pattern in spots]
    found = find_lattice(patterns, wavelength(energy_kev), position_error)
    if found is None:
        largest = max(len(pattern) for pattern in patterns)
        raise InputError(
            f"no lattice explains any of the {len(patterns)} patterns (the largest has {largest} spots): "
            "expected one at least with some ten spots or more of a single crystal"
        )
    return _result(spots, found)


def _result(spots: Spots, found: Found) -> CellResult:
    fit = found.solution.fit
    direct = np.linalg.inv(fit.basis).T
    bravais = bravais_lattices(direct, fit.covariance)
    change = bravais[0].transformation
    hkl, views = np.zeros((len(spots.qx), 3), int), []
    for v, (view, one) in enumerate(zip(found.views, found.indexed, strict=True)):
        agrees = v in found.solution.active
        good = (one.inlier > _INDEXED) & agrees
        place = np.argsort(view.order, kind="stable")
        start = spots.offset[v]
        mine = np.where(good[:, None], one.hkl, 0)[place]
        hkl[start : start + len(place)] = np.rint(mine @ change.T)
        views.append(
            CellView(
                spots.view[v],
                agrees,
                change @ direct @ fit.rotation[v],
                fit.centre[v],
                good[place],
                np.where(good[:, None], one.residual, np.nan)[place],
                np.where(good, one.excitation, np.nan)[place],
            )
        )
    return CellResult(
        found.probability,
        np.linalg.solve(change, bravais[0].conventional),
        cell_parameters(direct),
        parameter_uncertainties(direct, fit.covariance),
        bravais,
        views,
        replace(spots, hkl=hkl),
        fit.sigma,
        fit.ellipse,
        _undetermined(found, bravais, spots),
    )


def _undetermined(found: Found, bravais: list[BravaisCell], spots: Spots) -> tuple[str, ...]:
    """Return in words what the patterns cannot tell."""
    told = ["the scale: all lengths have, besides, the relative error of the detector's calibration"]
    active = found.solution.active
    if len(active) == 1:
        told.append("the detector's ellipse: one pattern cannot tell it from the cell's shape")
        told.append("lengths along the beam, but for what the curvature of the Ewald sphere tells")
    rest = [str(spots.view[v]) for v in range(len(found.views)) if v not in active]
    if rest:
        told.append(f"the orientation of the patterns {', '.join(rest)}, which disagree and were put aside")
    likely = [one.bravais for one in bravais if one.probability > _LIKELY]
    if len(likely) > 1:
        told.append(f"which of the Bravais lattices {', '.join(likely)} it is")
    return tuple(told)
