"""Which of several known phases each position of a scan is of, and how it is oriented."""

from dataclasses import dataclass, fields

import h5py
import numpy as np
import pandas as pd

from edsym.hdf5 import create_dataset, read_text, write_text

GROUP = "known"
"""Group of a map's file that holds them."""
_TEXTS = ("names", "laue_classes")


@dataclass(frozen=True)
class KnownPhases:
    """The best match of each of n positions among K candidate phases.

    Attributes
    ----------
    names, laue_classes : (K,) arrays of str
        Of the candidates; the latter as `edsym.symmetry.oriented_laue_class` names them.
    phase : (n,) array of int
        Which candidate; -1 where none has a score that is good enough, or spots are too few.
    orientation : (n, 3, 3) array
        Rows are the detector's x and y and the beam's direction in the crystal frame, which has a along x and
        c* along z; NaN without a match.
    euler : (n, 3) array
        Bunge's angles φ1, Φ, φ2 of it in degrees.
    score : (n,) array
        Correlation of measured and predicted spots, 0 to 1.
    reliability, phase_reliability : (n,) arrays
        1 less the ratio of likelihoods of the next orientation, and of the next phase, to the best.
    """

    names: np.ndarray
    laue_classes: np.ndarray
    phase: np.ndarray
    orientation: np.ndarray
    euler: np.ndarray
    score: np.ndarray
    reliability: np.ndarray
    phase_reliability: np.ndarray

    def positions(self) -> pd.DataFrame:
        """Return a row a position: phase, angles, score, reliabilities."""
        frame = pd.DataFrame({"known_phase": np.append(self.names, "")[self.phase]})
        frame[["phi1", "Phi", "phi2"]] = self.euler
        frame["score"], frame["reliability"] = self.score, self.reliability
        return frame.assign(phase_reliability=self.phase_reliability)

    def grains(self, grain: np.ndarray, count: int) -> pd.DataFrame:
        """Return a row a grain: the phase of most of its positions, and their share in percent.

        Parameters
        ----------
        grain : (n,) array of int
            Number of each position's grain; -1 where there is none.
        count : int
            How many grains there are.
        """
        votes = np.zeros((count, len(self.names) + 1), int)  # the last: no match
        np.add.at(votes, (grain[grain >= 0], self.phase[grain >= 0]), 1)
        best = votes[:, :-1].argmax(axis=1)
        most = votes[np.arange(count), best]
        names = np.where(most > 0, np.array(self.names, dtype=object)[best], "")
        return pd.DataFrame(
            {"known_phase": names, "known_share": 100 * most / np.maximum(votes.sum(axis=1), 1)}
        )

    def write(self, file: h5py.File) -> None:
        """Write all of it into the file of a map."""
        for field in fields(self):
            write = write_text if field.name in _TEXTS else create_dataset
            write(file, f"{GROUP}/{field.name}", np.asarray(getattr(self, field.name)))


def read_known_phases(file: h5py.File) -> KnownPhases | None:
    """Return what `KnownPhases.write` wrote, or None from a map without them."""
    if GROUP not in file:
        return None
    values = {}
    for field in fields(KnownPhases):
        path = f"{GROUP}/{field.name}"
        values[field.name] = read_text(file, path) if field.name in _TEXTS else file[path][:]
    return KnownPhases(**values)
