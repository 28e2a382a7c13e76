"""The Bravais lattices that a measured lattice may be, with probabilities.

Every group of twofold axes that the reduced cell may have binds the six elements of its metric. The group's
cell is the nearest that obeys, by the covariance of the measured one, at a misfit of chi². A cell bound by m
conditions is as probable as

    log p = log(frequency) - chi² / 2 - log det(2 π S) / 2 + m log(RANGE),

with the covariance S of the m strains that the group forbids: a free cell would have these anywhere within
RANGE, and meets the conditions by chance the less, the more there are and the sharper they are measured.
"""

from dataclasses import dataclass

import numpy as np
import spglib

from edsym.lattice.compare import reduced
from edsym.lattice.holohedry import TWO_FOLDS, groups
from edsym.lattice.strain import PLACES
from edsym.symmetry import CRYSTAL_SYSTEMS

BRAVAIS = ("aP", "mP", "mC", "oP", "oC", "oI", "oF", "tP", "tI", "hR", "hP", "cP", "cI", "cF")
"""The fourteen Bravais lattices, by their Pearson symbols (hR is rhombohedral)."""
RANGE = 0.3
"""Range of the strains by which cells of no symmetry differ from symmetrical ones."""
_SHARES = (0.053, 0.116, 0.094, 0.148, 0.064, 0.023, 0.009, 0.072, 0.083, 0.058, 0.137, 0.047, 0.022, 0.074)
FREQUENCY = dict(zip(BRAVAIS, _SHARES, strict=True))
"""Share of each among 14,400 crystals of the Materials Project, known by experiment, below 1,000 Å³."""
HEXAGONAL_SHARE = 0.78
"""Share of the hexagonal system among crystals with the lattice hP, of the same; the others are trigonal."""
SMALLEST_STRAIN = 3e-4
"""Standard deviation that is added to those of strains: no crystal and no detector is better."""

# Space group of a single atom at the points of each lattice.
_NUMBERS = dict(zip((2, 10, 12, 47, 65, 71, 69, 123, 139, 166, 191, 221, 229, 225), BRAVAIS, strict=True))
_FARTHEST = 60.0
_MOST_AXES = 14
# Share of its uncertainty without symmetry that an angle's is below which symmetry fixes: strains are small.
_FIXED = 0.05
# Strains as vectors whose length is that of the matrix: xx, yy, zz, yz, xz, xy.
_LENGTHS = np.sqrt([1, 1, 1, 2, 2, 2])


@dataclass(frozen=True)
class BravaisCell:
    """A cell with the symmetry of a Bravais lattice.

    Attributes
    ----------
    bravais : str
        One of `BRAVAIS`.
    probability : float
        That the crystal's lattice is of this kind.
    chi2 : float
        Misfit to the measured cell.
    conditions : int
        How many conditions the cell obeys.
    conventional : (3, 3) array
        Rows are the vectors of the conventional cell in Å, in a standard orientation.
    transformation : (3, 3) array
        Rows are the same in terms of the vectors of the reduced primitive cell; it turns Miller indices, too.
    parameters, uncertainties : (6,) array
        a, b, c in Å, alpha, beta, gamma in degrees of the conventional cell, and their standard deviations; 0
        for what the symmetry fixes.
    """

    bravais: str
    probability: float
    chi2: float
    conditions: int
    conventional: np.ndarray
    transformation: np.ndarray
    parameters: np.ndarray
    uncertainties: np.ndarray


def bravais_lattices(direct: np.ndarray, covariance: np.ndarray) -> list[BravaisCell]:
    """Return the Bravais lattices that a cell may have, the most probable first.

    Parameters
    ----------
    direct : (3, 3) array
        Rows are primitive vectors in Å.
    covariance : (6, 6) array
        Of the strains xx, yy, zz, yz, xz, xy of the lattice, in the same frame.

    Returns
    -------
    list of BravaisCell
        Those within reach; the others' probability is 0. The last resort, aP, is always there.
    """
    cell = reduced(direct)
    spread = _unit_covariance(covariance)
    axes = [(_bound(cell, spread, [i])[0], i) for i in range(len(TWO_FOLDS))]
    axes = sorted(i for chi2, i in sorted(axes)[:_MOST_AXES] if chi2 < _FARTHEST)
    best = {}
    for members in [frozenset(), *groups(axes)]:
        chi2, volume, m, metric, left = _bound(cell, spread, sorted(members))
        if chi2 > _FARTHEST or np.linalg.eigvalsh(metric)[0] <= 0:
            continue
        bravais, conventional, change = _conventional(np.linalg.cholesky(metric))
        value = np.log(FREQUENCY[bravais]) - chi2 / 2 - volume + m * np.log(RANGE)
        if bravais not in best or value > best[bravais][0]:
            best[bravais] = value, chi2, m, conventional, change, left
    top = max(value for value, *_ in best.values())
    total = sum(np.exp(value - top) for value, *_ in best.values())
    found = []
    for bravais, (value, chi2, m, conventional, change, left) in best.items():
        probability = float(np.exp(value - top) / total)
        parameters, uncertainties = cell_parameters(conventional), _uncertainties(change @ cell, left)
        angles, unbound = uncertainties[3:], _uncertainties(change @ cell, spread)[3:]
        angles[angles < _FIXED * unbound] = 0.0  # no symmetry fixes a length
        found.append(
            BravaisCell(bravais, probability, float(chi2), m, conventional, change, parameters, uncertainties)
        )
    return sorted(found, key=lambda one: -one.probability)


def system_probabilities(found: list[BravaisCell]) -> dict[str, float]:
    """Return the probability of each crystal system, by the lattice alone."""
    systems = dict.fromkeys(CRYSTAL_SYSTEMS, 0.0)
    names = {"a": "triclinic", "m": "monoclinic", "o": "orthorhombic", "t": "tetragonal", "c": "cubic"}
    for one in found:
        if one.bravais == "hP":
            systems["hexagonal"] += HEXAGONAL_SHARE * one.probability
            systems["trigonal"] += (1 - HEXAGONAL_SHARE) * one.probability
        else:
            systems["trigonal" if one.bravais == "hR" else names[one.bravais[0]]] += one.probability
    return systems


def cell_parameters(direct: np.ndarray) -> np.ndarray:
    """Return a, b, c (Å) and alpha, beta, gamma (degrees) of a cell whose rows are its vectors."""
    lengths = np.linalg.norm(direct, axis=1)
    cosines = [direct[i] @ direct[j] / (lengths[i] * lengths[j]) for i, j in ((1, 2), (0, 2), (0, 1))]
    return np.append(lengths, np.degrees(np.arccos(np.clip(cosines, -1, 1))))


def parameter_uncertainties(direct: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Return the standard deviations of the parameters of a cell, from the covariance of its strains."""
    return _uncertainties(direct, _unit_covariance(covariance))


def _unit_covariance(covariance: np.ndarray) -> np.ndarray:
    return covariance * np.outer(_LENGTHS, _LENGTHS) + SMALLEST_STRAIN**2 * np.eye(6)


def _bound(cell: np.ndarray, spread: np.ndarray, members: list[int]):
    """Return misfit, half a log determinant, number of conditions, metric and covariance of a bound cell."""
    metric = cell @ cell.T
    units = _strain_units()
    response = np.stack([cell @ unit @ cell.T for unit in units]) * 2  # of the metric to strains
    if not members:
        return 0.0, 0.0, 0, metric, spread
    operations = TWO_FOLDS[members].astype(np.float64)
    change = _turned(operations, response) - response[:, None]
    matrix = change.reshape(6, -1).T
    wrong = (_turned(operations, metric[None])[0] - metric).ravel()
    scale = np.abs(metric).max()
    _, singular, rows = np.linalg.svd(matrix / scale, full_matrices=False)
    m = int((singular > 1e-3).sum())
    forbidden = rows[:m]
    # Strain along the forbidden directions that makes the metric obey.
    wanted = forbidden @ np.linalg.lstsq(matrix, -wrong, rcond=1e-4)[0]
    among = forbidden @ spread @ forbidden.T
    gain = spread @ forbidden.T @ np.linalg.inv(among)
    chi2 = float(wanted @ np.linalg.solve(among, wanted))
    volume = 0.5 * np.linalg.slogdet(2 * np.pi * among)[1]
    strain = gain @ wanted
    if np.linalg.norm(strain) > RANGE:
        chi2 = np.inf
    moved = metric + np.tensordot(strain, response, 1)
    return chi2, volume, m, moved, spread - gain @ forbidden @ spread


def _strain_units() -> np.ndarray:
    """Return the (6, 3, 3) symmetric matrices of length 1."""
    units = np.zeros((6, 3, 3))
    for k, (i, j) in enumerate(PLACES):
        units[k, i, j] = units[k, j, i] = 1 / _LENGTHS[k]
    return units


def _turned(operations: np.ndarray, metrics: np.ndarray) -> np.ndarray:
    return np.einsum("oij,njk,olk->noil", operations, metrics, operations)


def _conventional(cell: np.ndarray) -> tuple[str, np.ndarray, np.ndarray]:
    """Return Bravais lattice and conventional cell of a symmetrical one, and the matrix between them."""
    precision = 1e-5 * np.linalg.norm(cell, axis=1).min()
    found = spglib.get_symmetry_dataset((cell, [[0.0, 0.0, 0.0]], [1]), symprec=precision)
    # Rows of the conventional cell in those of the primitive one; the standard setting is turned.
    change = np.linalg.inv(found.transformation_matrix).T
    return _NUMBERS[found.number], found.std_lattice, change


def _uncertainties(direct: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Return the standard deviations of a cell's parameters by the covariance of unit strains."""
    moved = np.stack([cell_parameters(direct @ (np.eye(3) + 1e-5 * unit)) for unit in _strain_units()])
    slopes = (moved - cell_parameters(direct)) / 1e-5
    return np.sqrt(np.maximum(np.einsum("ip,ij,jp->p", slopes, spread, slopes), 0.0))
