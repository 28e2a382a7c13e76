"""The unit cell out of spots at unknown orientations."""

from dataclasses import replace

import numpy as np

from edsym.errors import InputError
from edsym.interface.cell_result import CellResult, CellView
from edsym.interface.spots import Spots
from edsym.lattice.bravais import BravaisCell, bravais_lattices, cell_parameters, parameter_uncertainties
from edsym.lattice.find import Found, find_lattice
from edsym.lattice.overlap import find_overlapping
from edsym.lattice.plane import Plane, find_plane
from edsym.simulation.electrons import wavelength

_INDEXED = 0.5
_LIKELY = 0.01


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
        Look at its ``probability`` first, then at ``table()``. Where the spots lie on a plane lattice,
        as along a zone axis, it has a ``plane`` and no cell.

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
    _check(energy_kev, position_error)
    patterns = [pattern.astype(np.float64) for pattern in spots]
    found = find_lattice(patterns, wavelength(energy_kev), position_error)
    if found is not None:
        return _result(spots, found)
    planes = [find_plane(*pattern.T[:2], position_error) for pattern in patterns]
    if not any(planes):
        largest = max(len(pattern) for pattern in patterns)
        raise InputError(
            f"no lattice explains any of the {len(patterns)} patterns (the largest has {largest} spots): "
            "expected one at least with some ten spots or more of a single crystal"
        )
    return _of_plane(spots, planes)


def find_crystals(
    spots, energy_kev: float = 300.0, *, most: int = 2, position_error: float | None = None
) -> list[CellResult]:
    """Find the unit cells of crystals that overlap in one pattern, as grains and twins do.

    Parameters
    ----------
    spots : Spots or what `Spots.of` takes
        One pattern.
    energy_kev : float
        Energy of the electrons in keV.
    most : int
        How many crystals to look for at most.
    position_error : float, optional
        Standard deviation of a coordinate of a spot in 1/Å; without, the pattern tells it.

    Returns
    -------
    list of CellResult
        The crystal with the most spots first. Each has the spots that it was looked for in: all that no other
        one explains. What is said of the first is said with or without others; a further one is there only
        if it is rather right than wrong (`edsym.lattice.overlap.LEAST_PROBABILITY`).

    Raises
    ------
    InputError
        If there are several patterns, a value is impossible, or no lattice explains the pattern.

    Examples
    --------
    >>> pattern = edsym.find_spots(edsym.simulate(edsym.Structure.from_cif("NaCl.cif"), n=1))
    >>> len(edsym.find_crystals(pattern))
    1
    """
    spots = Spots.of(spots)
    if len(spots) != 1:
        raise InputError(f"there are {len(spots)} patterns, expected the one in which crystals overlap")
    if most < 1:
        raise InputError(f"most is {most}, expected 1 crystal at least")
    _check(energy_kev, position_error)
    (pattern,) = spots
    crystals = find_overlapping(pattern.astype(np.float64), wavelength(energy_kev), most, position_error)
    if not crystals:
        return [find_cell(spots, energy_kev, position_error=position_error)]
    return [_result(spots.chosen(rows), found) for found, rows in crystals]


def _check(energy_kev: float, position_error: float | None) -> None:
    if not 10 <= energy_kev <= 3000:
        raise InputError(f"energy_kev is {energy_kev:g}, expected 10 to 3000 keV")
    if position_error is not None and not 0 < position_error < 0.1:
        raise InputError(f"position_error is {position_error:g}, expected above 0 and below 0.1 1/Å")


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


def _of_plane(spots: Spots, planes: list[Plane | None]) -> CellResult:
    """Return the plane lattice of the pattern that says most, as a result without a cell."""
    best = max((v for v, one in enumerate(planes) if one), key=lambda v: planes[v].score)
    plane, unknown = planes[best], np.full((3, 3), np.nan)
    hkl, views = np.zeros((len(spots.qx), 3), int), []
    for v, name in enumerate(spots.view):
        mine, agrees = slice(*spots.offset[v : v + 2]), v == best
        n = mine.stop - mine.start
        if agrees:
            hkl[mine, :2] = plane.hk
        views.append(
            CellView(
                name,
                agrees,
                unknown,
                plane.origin if agrees else np.full(2, np.nan),
                plane.indexed if agrees else np.zeros(n, bool),
                plane.residual if agrees else np.full((n, 2), np.nan),
                np.full(n, np.nan),
            )
        )
    told = [
        "the third dimension: whether the spots are of one plane of the reciprocal lattice or of several, "
        "one behind the other, and how far apart these are",
        "the cell, its Bravais lattice and the crystal system, but for what the plane shows",
        "the scale: lengths have, besides, the relative error of the detector's calibration",
    ]
    rest = [str(name) for v, name in enumerate(spots.view) if v != best]
    if rest:
        told.append(f"how the patterns {', '.join(rest)} belong to this one")
    return CellResult(
        0.0,
        unknown,
        *np.full((2, 6), np.nan),
        [],
        views,
        replace(spots, hkl=hkl),
        plane.position_error,
        np.zeros(2),
        tuple(told),
        plane,
    )
