"""What the lattice finder answers on patterns and on sets of views, as arrays.

A pattern alone has up to `CANDIDATES` lattices with probabilities; views that are read together have one,
with the uncertainty of its shape. Where no lattice is found, all probabilities are 0.
"""

import logging
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from tqdm import tqdm

from edsym.files import kept_arrays
from edsym.lattice.absences import absence_evidence
from edsym.lattice.find import find_lattice
from edsym.lattice.single import single_view
from edsym.spots.store import SpotLists
from edsym.symmetry import N_SPACE_GROUPS

logger = logging.getLogger(__name__)

CANDIDATES = 4
"""Lattices that are kept of a pattern."""
NUMBERS = (
    "none found",
    "several views",
    "log views",
    "log agreeing views",
    "log spots a view",
    "share of spots on the lattice",
    "log error of positions",
    "log likelihood a spot",
    "log strain",
)
"""What `Answers.numbers` are."""

# Smallest error of positions in 1/Å, and smallest strain, that are told apart from none.
_FINEST = 1e-4
# Answers that one file of an interrupted search holds, and that one process is given at once.
_A_FILE, _AT_ONCE = 2000, 8


@dataclass(frozen=True)
class Answers:
    """What the finder answers on N patterns or sets of views.

    Attributes
    ----------
    direct : (N, K, 3, 3) array of float64
        Rows are primitive vectors in Å, of K = `CANDIDATES` lattices, the most probable first; the unit
        matrix where there is none.
    chance : (N, K) array of float64
        Probabilities that these are right.
    strain : (N, 6) array of float64
        Standard deviations of the strains xx, yy, zz, yz, xz, xy of the first lattice; 0 where not known.
    numbers : (N, 9) array of float64
        What else is known, see `NUMBERS`.
    absences : (N, 230) array of float32
        Log likelihoods of space groups by the absences that several views show, see `absence_evidence`; 0 of
        single views. (N, 0) where they were not asked for.
    """

    direct: np.ndarray
    chance: np.ndarray
    strain: np.ndarray
    numbers: np.ndarray
    absences: np.ndarray

    def __len__(self) -> int:
        return len(self.chance)

    def take(self, rows: np.ndarray) -> "Answers":
        """Return some of the answers, in the order that `rows` gives."""
        return Answers(*(getattr(self, field.name)[rows] for field in fields(self)))


def joined(parts: Sequence[Answers]) -> Answers:
    """Return answers one after the other."""
    return Answers(
        *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Answers))
    )


def find_answers(
    spots: SpotLists,
    sets: Sequence[np.ndarray],
    wavelength: float,
    *,
    processes: int | None = None,
    progress: bool = False,
    folder: Path | None = None,
    absences: bool = False,
) -> Answers:
    """Return the finder's answers on sets of patterns.

    Parameters
    ----------
    spots : SpotLists
        The patterns.
    sets : sequence of (n,) array of int
        The patterns of each set; a single one is looked at alone.
    wavelength : float
        Of the electrons, in Å.
    processes : int, optional
        How many look at once; the answers do not depend on it.
    progress : bool
        Whether to show a progress bar.
    folder : Path, optional
        Where answers are kept, so that an interrupted search goes on; it must be of these patterns and sets.
    absences : bool
        Whether to look for absences, too.
    """

    def answer(i: int) -> Answers:
        material = str(spots.material_id[spots.material[sets[i][0]]])
        return _answer(spots.rows(sets[i]), wavelength, material, absences)

    parts = []
    with tqdm(total=len(sets), desc="lattices", unit="set", disable=not progress) as bar:
        for first in range(0, len(sets), _A_FILE):
            rows = range(first, min(first + _A_FILE, len(sets)))
            kept = folder and folder / f"{first:08d}.npz"
            found = kept_arrays(kept, lambda rows=rows: vars(_found(answer, rows, processes, bar)))
            parts.append(Answers(**found))
            bar.update(rows.stop - bar.n)
    return joined([_nothing(0, absences), *parts])


def _found(answer: Callable[[int], Answers], rows: range, processes: int | None, bar: tqdm) -> Answers:
    found = []
    for one in _mapped(answer, rows, processes or 1):
        found.append(one)
        bar.update()
    return joined(found)


def _mapped(answer: Callable[[int], Answers], rows: range, processes: int) -> Iterator[Answers]:
    """Yield the answers in order; processes inherit the patterns, and what the first one has compiled."""
    global _inherited
    _inherited = answer
    if processes == 1 or len(rows) <= _AT_ONCE:
        yield from map(answer, rows)
        return
    yield answer(rows[0])
    with get_context("fork").Pool(min(processes, len(rows)), _plain_signals) as pool:
        yield from pool.imap(_of_inherited, rows[1:], _AT_ONCE)


def _plain_signals() -> None:
    """End at once when told to: the handlers that a job has would say in every process that it ends."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _of_inherited(i: int) -> Answers:
    return _inherited(i)


_inherited: Callable[[int], Answers]


def _nothing(n: int, absences: bool) -> Answers:
    direct = np.tile(np.eye(3), (n, CANDIDATES, 1, 1))
    evidence = np.zeros((n, N_SPACE_GROUPS if absences else 0), np.float32)
    return Answers(direct, np.zeros((n, CANDIDATES)), np.zeros((n, 6)), np.zeros((n, len(NUMBERS))), evidence)


def _answer(patterns: list[np.ndarray], wavelength: float, material: str, absences: bool) -> Answers:
    """Return the answer on one set: of N = 1."""
    answer = _nothing(1, absences)
    sizes = np.array([len(pattern) for pattern in patterns])
    about = {
        "several views": len(patterns) > 1,
        "log views": np.log(len(patterns)),
        "log spots a view": np.log(max(sizes.mean(), 1)),
    }
    read = _of_one if len(patterns) == 1 else _of_several
    try:
        found = read(patterns, wavelength, answer)
    except Exception as error:  # a defect at one pattern is an answer like none, and no end of the others
        logger.warning("%s, %d views: the lattice finder fails: %s", material, len(patterns), error)
        found = None
    about |= {"none found": 1.0} if found is None else found
    answer.numbers[0] = [about.get(name, 0.0) for name in NUMBERS]
    return answer


def _of_one(patterns: list[np.ndarray], wavelength: float, answer: Answers) -> dict[str, float] | None:
    (pattern,) = patterns
    candidates = single_view(*pattern.T, wavelength, n=CANDIDATES)
    if not candidates:
        return None
    for k, one in enumerate(candidates):
        answer.direct[0, k], answer.chance[0, k] = one.direct, one.probability
    best = candidates[0]
    return {
        "share of spots on the lattice": best.indexed.mean(),
        "log error of positions": np.log(best.position_error + _FINEST),
        "log likelihood a spot": best.score / len(pattern),
    }


def _of_several(patterns: list[np.ndarray], wavelength: float, answer: Answers) -> dict[str, float] | None:
    found = find_lattice(patterns, wavelength)
    if found is None:
        return None
    fit, active = found.solution.fit, found.solution.active
    answer.direct[0, 0], answer.chance[0, 0] = np.linalg.inv(fit.basis).T, found.probability
    answer.strain[0] = np.sqrt(np.maximum(np.diag(fit.covariance), 0))
    if answer.absences.size:
        answer.absences[0] = absence_evidence(found)
    gain = sum(found.indexed[v].gain.sum() for v in active)
    return {
        "log agreeing views": np.log(max(len(active), 1)),
        "share of spots on the lattice": found.solution.share(found.views),
        "log error of positions": np.log(fit.sigma + _FINEST),
        "log likelihood a spot": gain / sum(len(patterns[v]) for v in active),
        "log strain": np.log(np.sqrt((answer.strain[0] ** 2).mean()) + _FINEST),
    }
