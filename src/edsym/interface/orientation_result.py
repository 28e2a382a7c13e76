"""What `match_orientations` finds: a phase and an orientation of every pattern, and how sure they are."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from edsym.acom.rotations import bunge_angles
from edsym.files import atomic_path


@dataclass(frozen=True)
class Orientations:
    """What explains each of P patterns, with M matches a pattern; the later ones explain what is left.

    Attributes
    ----------
    pattern : (P,) array
        Names of the patterns.
    phases : tuple of str
        Names of the candidates.
    laue_classes : tuple of str
        Of the candidates, as `edsym.symmetry.oriented_laue_class` names them.
    phase : (P, M) int64
        Which candidate; -1 where there is no match.
    orientation : (P, M, 3, 3) float64
        Rows are the detector's x and y and the beam's direction in the crystal frame, of equivalent ones
        that of the smallest rotation; NaN where there is no match. The crystal frame has a along x and c*
        along z, of the standard conventional cell (`edsym.structures.standard.standardize`).
    score : (P, M) float64
        Correlation of measured and predicted spots, 0 to 1; 0 where there is no match.
    reliability, phase_reliability : (P, M) float64
        1 less the ratio of the likelihood of the second best to the best: of orientations of the phase that
        are 5° apart, and of phases. 0 where there is no match.
    matched, spots : (P, M) and (P,) int64
        Number of spots that a match explains, and of all spots.
    span : (P, M) int64
        Dimensions of what the explained spots span in reciprocal space. On a row (1), turns about it change
        little.
    twin : (P, M, 3, 3) float64
        The second orientation where they span a plane (2), half a turn about its normal away: it explains
        them as well. NaN where there is none.
    problem : (P,) array of str
        Why a pattern has no match; empty where it has one.
    """

    pattern: np.ndarray
    phases: tuple[str, ...]
    laue_classes: tuple[str, ...]
    phase: np.ndarray
    orientation: np.ndarray
    score: np.ndarray
    reliability: np.ndarray
    phase_reliability: np.ndarray
    matched: np.ndarray
    spots: np.ndarray
    span: np.ndarray
    twin: np.ndarray
    problem: np.ndarray

    def __len__(self) -> int:
        return len(self.pattern)

    @property
    def valid(self) -> np.ndarray:
        """Whether each pattern (P,) has a match."""
        return self.phase[:, 0] >= 0

    @property
    def euler(self) -> np.ndarray:
        """Bunge's Euler angles φ1, Φ, φ2 (P, M, 3) in degrees, see `edsym.acom.rotations.bunge_angles`."""
        return bunge_angles(self.orientation).reshape(*self.phase.shape, 3)

    def to_frame(self) -> pd.DataFrame:
        """Return a row a match: pattern, match from 1, phase, angles, matrix, score, reliabilities, spots.

        A pattern without one has a row with its problem.
        """
        kept = self.phase >= 0
        kept[:, 0] = True
        p, m = np.nonzero(kept)
        names = np.array([*self.phases, ""])
        frame = pd.DataFrame({"pattern": self.pattern[p], "match": m + 1, "phase": names[self.phase[p, m]]})
        frame[["phi1", "Phi", "phi2"]] = self.euler[p, m]
        for name in ("score", "reliability", "phase_reliability", "matched"):
            frame[name] = getattr(self, name)[p, m]
        frame["spots"], frame["span"] = self.spots[p], self.span[p, m]
        frame[[f"r{i}{j}" for i in range(3) for j in range(3)]] = self.orientation[p, m].reshape(-1, 9)
        frame["problem"] = self.problem[p]
        return frame

    def to_csv(self, path: str | Path) -> None:
        """Write `to_frame`."""
        with atomic_path(path) as temporary:
            self.to_frame().to_csv(temporary, index=False)


def summary(found: Orientations) -> pd.DataFrame:
    """Return a row a phase, and one for patterns without a match: patterns, their share, usual score."""
    rows, first = [], found.phase[:, 0]
    for k, name in [*enumerate(found.phases), (-1, "none")]:
        mine = first == k
        row = {"phase": name, "patterns": int(mine.sum()), "share": mine.mean()}
        for value in ("score", "reliability", "phase_reliability"):
            row[f"median_{value}"] = np.median(getattr(found, value)[mine, 0]) if mine.any() else np.nan
        rows.append(row)
    return pd.DataFrame(rows)
