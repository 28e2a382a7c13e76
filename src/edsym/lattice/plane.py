"""The plane lattice of a pattern along a zone axis, where nothing tells the third dimension of the crystal's.

All spots are then seen at h a* + k b*: they are of one plane of the reciprocal lattice, or of several whose
points lie, seen along the beam, on one plane lattice. As in three dimensions, vectors of the direct lattice
are found where a sum of cosines over the spots peaks, here on the detector's plane, and pairs of them are
ranked by the likelihood of the spots on their lattice over that of spots anywhere.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from edsym.lattice.differences import differences, position_error
from edsym.lattice.periods import find_planar_periods

_PERIODS, _RADIUS = 24, 36.0  # how many, and up to which length in Å
_SMALLEST, _FLAT = 4.0, 0.3  # area in Å², and share of the rectangle's: others have shorter vectors
_STRAY = 0.05  # share of spots that may lie on no lattice
_ERRORS = 3e-4, 0.01  # bounds of the standard deviation of a coordinate in 1/Å
_LEAST_ERROR = 0.001  # 1/Å
_REACH = 3.5  # standard deviations
_FEWEST = 6
_WORTH, _CHANCE = 1.0, 16.0  # log-likelihood ratio a spot, and besides: random spots had less
_ROUNDS = 4


@dataclass(frozen=True)
class Plane:
    """A plane reciprocal lattice on which the spots of a pattern lie, as they are seen.

    Attributes
    ----------
    basis : (2, 2) float64
        Rows are a* and b*, the two shortest vectors at 90° or more, on the detector, in 1/Å.
    covariance : (2, 2) float64
        Of the x components of a* and b*, and of the y components.
    origin : (2,) float64
        Where the direct beam is, in 1/Å.
    hk : (n, 2) int64
        Indices of each spot; 00 where it has none.
    indexed : (n,) bool
        Which spots lie on the lattice.
    residual : (n, 2) float64
        Measured less predicted position in 1/Å; NaN where a spot is not indexed.
    position_error : float
        Standard deviation of a coordinate of these spots about the lattice, in 1/Å.
    score : float
        Logarithm of the likelihood over that of spots without a lattice.
    """

    basis: np.ndarray
    covariance: np.ndarray
    origin: np.ndarray
    hk: np.ndarray
    indexed: np.ndarray
    residual: np.ndarray
    position_error: float
    score: float

    @property
    def parameters(self) -> np.ndarray:
        """Lengths of a* and b* in 1/Å, and the angle between them in degrees."""
        a, b = np.linalg.norm(self.basis, axis=1)
        return np.array([a, b, np.degrees(np.arccos(self.basis[0] @ self.basis[1] / (a * b)))])

    @property
    def uncertainties(self) -> np.ndarray:
        """Standard deviations of the parameters."""
        a, b, angle = self.parameters
        relative = self.covariance / np.outer([a, b], [a, b])
        turn = relative[0, 0] + relative[1, 1] - 2 * np.cos(np.radians(angle)) * relative[0, 1]
        return np.sqrt([*self.covariance.diagonal(), np.degrees(np.degrees(max(turn, 0.0)))])


def find_plane(qx, qy, tolerance: float | None = None) -> Plane | None:
    """Return the plane lattice of a pattern.

    Parameters
    ----------
    qx, qy : (n,) array_like
        Positions of the spots from the direct beam, in 1/Å.
    tolerance : float, optional
        Standard deviation of a coordinate of a spot in 1/Å; by default the pattern itself tells.

    Returns
    -------
    Plane or None
        None if there are fewer than six spots, or chance may have put them there.
    """
    q = np.stack([qx, qy], axis=1).astype(np.float64)
    if len(q) < _FEWEST:
        return None
    error = position_error(*differences(*q.T), *_ERRORS) if tolerance is None else tolerance
    error = max(error, _LEAST_ERROR)
    periods = find_planar_periods(q, _PERIODS, _RADIUS)
    bases = [np.linalg.inv(pair).T for pair in combinations(periods, 2) if _spans(*pair)]
    if not bases:
        return None
    best = max((_fitted(q, basis, error) for basis in _best(q, bases, error)), key=lambda one: one.score)
    return best if best.score > _WORTH * len(q) + _CHANCE and best.indexed.sum() >= _FEWEST else None


def _spans(one: np.ndarray, other: np.ndarray) -> bool:
    area = abs(one[0] * other[1] - one[1] * other[0])
    return area > max(_SMALLEST, _FLAT * np.linalg.norm(one) * np.linalg.norm(other))


def _best(q: np.ndarray, bases: list[np.ndarray], error: float) -> list[np.ndarray]:
    scores = [_score(_off(q, basis, np.zeros(2))[1], basis, error) for basis in bases]
    return [bases[i] for i in np.argsort(scores, kind="stable")[-5:]]


def _off(q: np.ndarray, basis: np.ndarray, origin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of spots and how far they are from their lattice points, both (n, 2)."""
    hk = np.rint((q - origin) @ np.linalg.inv(basis))
    return hk, q - origin - hk @ basis


def _score(off: np.ndarray, basis: np.ndarray, error: float) -> float:
    """Return the log-likelihood ratio of spots on a lattice, off by normal errors, over spots anywhere."""
    density = np.exp(-(off**2).sum(axis=1) / (2 * error**2)) / (2 * np.pi * error**2)
    return float(np.log(_STRAY + (1 - _STRAY) * abs(np.linalg.det(basis)) * density).sum())


def _fitted(q: np.ndarray, basis: np.ndarray, error: float) -> Plane:
    """Fit basis and origin by least squares to the spots that are near."""
    basis, origin = _reduced(basis), np.zeros(2)
    for _ in range(_ROUNDS):
        hk, off = _off(q, basis, origin)
        indexed = (np.hypot(*off.T) < _REACH * error) & hk.any(axis=1)
        rows = np.column_stack([hk, np.ones(len(q))])[indexed]
        # Known to some 0.1 1/Å beforehand, if no spot tells.
        normal = rows.T @ rows + np.diag([1e-4, 1e-4, 1e-9])
        move = np.linalg.solve(normal, rows.T @ off[indexed])
        basis, origin = basis + move[:2], origin + move[2]
    basis = _reduced(basis)
    hk, off = _off(q, basis, origin)
    indexed = (np.hypot(*off.T) < _REACH * error) & hk.any(axis=1)
    spread = float(np.sqrt((off[indexed] ** 2).sum() / max(1, 2 * indexed.sum() - 6)))
    rows = np.column_stack([hk, np.ones(len(q))])[indexed]
    covariance = np.linalg.inv(rows.T @ rows + 1e-9 * np.eye(3))[:2, :2] * spread**2
    return Plane(
        basis,
        covariance,
        origin,
        np.where(indexed[:, None], hk, 0).astype(np.int64),
        indexed,
        np.where(indexed[:, None], off, np.nan),
        spread,
        _score(off, basis, error),
    )


def _reduced(basis: np.ndarray) -> np.ndarray:
    """Return the two shortest vectors of a plane lattice: right-handed, the angle at least 90°."""
    one, other = basis
    while True:
        if one @ one > other @ other:
            one, other = other, one
        n = np.rint(one @ other / (one @ one))
        if n == 0:
            break
        other = other - n * one
    if one @ other > 0:
        other = -other
    if one[0] * other[1] < one[1] * other[0]:
        one, other = other, one
    return np.stack([one, other])
