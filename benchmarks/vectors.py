"""The published rival of the lattice finder: real-space vectors of stills, as XGANDALF assembles them.

Y. Gevorkov et al., Acta Cryst. A75, 694 (2019), without a known cell: direct-lattice vectors are found by
climbing on the periodicity of the spots, which lie on the Ewald sphere; triples of them are ranked by how
many spots have nearly whole indices, by the mean error of indices and of places, and by the volume of the
cell. All spots count alike: the method knows no excitation errors and no intensities. Written anew from the
publication and the public code, with their constants but for `MOST_SPOTS`, which was chosen on development
materials, and `RADIUS`.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from edsym.lattice.linear import determinant
from edsym.lattice.periods import find_periods

CLOSE = 0.15
"""Largest distance of an index from a whole number."""
MOST_SPOTS = 30
"""The brightest are taken."""
RADIUS = 24.0
"""Longest vector in Å."""
_VECTORS = 100
_VOLUMES = 5.0, 2500.0  # of primitive cells in Å³
_FEWEST = 5  # spots on a lattice
_BY_WEIGHT, _OF_EACH, _BY_ERROR = 500, 15, 50
# A lattice is not much worse, or much better, than another: in spots, volume, error of places and of indices.
_SPOTS, _VOLUME, _PLACE, _INDEX = 0.85, 0.75, 0.7, 0.8


@dataclass(frozen=True)
class Lattice:
    """A lattice that explains some spots.

    Attributes
    ----------
    direct : (3, 3) array
        Rows are vectors in Å.
    volume : float
        In Å³.
    spots : int
        Spots whose indices are nearly whole.
    place, index : float
        Mean distance of these from their lattice points in 1/Å, and of their indices from whole numbers.
    """

    direct: np.ndarray
    volume: float
    spots: int
    place: float
    index: float
    probability: float = np.nan


def find_vectors(qx, qy, intensity, wavelength: float) -> list[Lattice]:
    """Return the lattice that the method prefers, or none.

    Parameters
    ----------
    qx, qy, intensity : (n,) arrays
        Spots: positions in 1/Å and intensities.
    wavelength : float
        Of the electrons in Å.
    """
    columns = np.stack([qx, qy, intensity]).astype(np.float64)
    x, y, _ = columns[:, np.argsort(-columns[2], kind="stable")[:MOST_SPOTS]]
    height = (np.sqrt(1 - wavelength**2 * (x**2 + y**2)) - 1) / wavelength
    q = np.column_stack([x, y, height])
    vectors = find_periods(q, np.full(len(q), 1e-9), _VECTORS, RADIUS)
    if len(q) < _FEWEST or len(vectors) < 3:
        return []
    phases = q @ vectors.T
    close = np.abs(phases - np.rint(phases)) < CLOSE
    weight = np.where(close, np.cos(2 * np.pi * phases), 0.0).mean(axis=0)
    triples = _triples(vectors, np.ascontiguousarray(close.T), *_VOLUMES, _FEWEST)
    candidates = [
        _refined(q, vectors[triple], close[:, triple].all(axis=1))
        for triple in triples[_kept(triples, weight)]
    ]
    candidates = sorted((one for one in candidates if one is not None), key=lambda one: one.index)[:_BY_ERROR]
    return [_best(sorted(candidates, key=lambda one: -one.spots))] if candidates else []


def _kept(triples: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the triples of the largest weight, and those of each first vector."""
    order = np.argsort(-weight[triples].sum(axis=1), kind="stable")
    first = triples[order, 0]
    own = [order[first == i][:_OF_EACH] for i in np.unique(first)]
    return np.unique(np.concatenate([order[:_BY_WEIGHT], *own])) if len(order) else order


def _refined(q: np.ndarray, direct: np.ndarray, close: np.ndarray) -> Lattice | None:
    """Return the lattice that fits its spots best by least squares, with all that are close to it then."""
    for _ in range(3):
        whole = np.rint(q[close] @ direct.T)
        if close.sum() < _FEWEST or np.linalg.matrix_rank(whole) < 3:
            return None
        direct = np.linalg.lstsq(q[close], whole, rcond=None)[0].T
        phases = q @ direct.T
        close = (np.abs(phases - np.rint(phases)) < CLOSE).all(axis=1)
    volume = abs(np.linalg.det(direct))
    if close.sum() < _FEWEST or not _VOLUMES[0] < volume < _VOLUMES[1]:
        return None
    off = phases[close] - np.rint(phases[close])
    place = np.linalg.norm(off @ np.linalg.inv(direct).T, axis=1).mean()
    return Lattice(direct, volume, int(close.sum()), place, np.linalg.norm(off, axis=1).mean())


def _best(lattices: list[Lattice]) -> Lattice:
    """Return the lattice of most spots, or one of hardly fewer that is smaller or fits better."""
    best, *others = lattices
    for other in others:
        if other.spots > _SPOTS * best.spots and _preferred(other, best):
            best = other
    return best


def _preferred(one: Lattice, other: Lattice) -> bool:
    ratio = one.volume / other.volume
    smaller = (
        ratio <= _VOLUME
        and one.place * min(_PLACE, 1.5 * ratio) < other.place
        and one.index * _INDEX < other.index
    )
    alike = ratio * _VOLUME <= 1 and one.place < other.place
    sharper = one.place < other.place * min(_PLACE, 1.5 / ratio) and one.index < other.index * _INDEX
    return smaller or alike or sharper


@njit(error_model="numpy", cache=True)
def _triples(vectors, close, smallest, largest, fewest):
    """Return the triples of vectors (m, 3) that span a cell and have spots in common."""
    k = len(close)
    found = [(0, 0, 0) for _ in range(0)]
    basis = np.empty((3, 3))
    for i in range(k):
        for j in range(i + 1, k):
            both = close[i] & close[j]
            if both.sum() < fewest:
                continue
            for m in range(j + 1, k):
                basis[0], basis[1], basis[2] = vectors[i], vectors[j], vectors[m]
                volume = abs(determinant(basis))
                if smallest < volume < largest and (both & close[m]).sum() >= fewest:
                    found.append((i, j, m))
    out = np.empty((len(found), 3), np.int64)
    for row in range(len(found)):
        out[row, 0], out[row, 1], out[row, 2] = found[row]
    return out
