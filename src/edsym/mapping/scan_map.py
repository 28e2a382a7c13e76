"""What a model says of every position of a scan, of every grain and phase: arrays, tables and a file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from edsym.files import atomic_path
from edsym.hdf5 import create_dataset, create_store, open_store
from edsym.mapping.known_phases import KnownPhases, read_known_phases
from edsym.mapping.parts import Crystals, Positions

FORMAT, VERSION = "edsym-scan-map", 3
_ABOUT = ("name", "model")
_ARRAYS = ("shape", "energy_kev", "grain", "grain_phase")
_PARTS = {
    "of_positions": (Positions, ""),
    "of_grains": (Crystals, "grain_"),
    "of_phases": (Crystals, "phase_"),
}


@dataclass(frozen=True)
class ScanMap:
    """What a model says of a scan, with n positions, row after row, G grains and P phases.

    Attributes
    ----------
    name, model : str
        The scan, and the model.
    shape : (2,) array of int
        Rows and columns.
    energy_kev : (1,) array
        Energy of the electrons.
    of_positions : Positions
        What is said of each position by itself, such as ``of_positions.p_system`` (n, 7).
    grain : (n,) array of int
        Number of each position's grain; -1 where there is none.
    of_grains : Crystals
        What is said of the G grains, such as ``of_grains.cell`` (G, 6).
    grain_phase : (G,) array of int
        Number of the phase that a grain is of, see `edsym.mapping.phases`.
    of_phases : Crystals
        What is said of the P phases by all their grains as views of one crystal; of a phase of one grain what
        is said of that.
    known : KnownPhases or None
        What template matching among known phases says of every position, where it was asked.
    """

    name: str
    model: str
    shape: np.ndarray
    energy_kev: np.ndarray
    of_positions: Positions
    grain: np.ndarray
    of_grains: Crystals
    grain_phase: np.ndarray
    of_phases: Crystals
    known: KnownPhases | None = None

    @property
    def position_phase(self) -> np.ndarray:
        """Number of the phase of each position (n,); -1 where it is of no grain."""
        return np.append(self.grain_phase, -1)[self.grain]

    def grain_map(self) -> np.ndarray:
        """Return the most probable crystal system (rows, columns) by grains; -1 where there is none."""
        return np.append(self.of_grains.system, -1)[self.grain].reshape(self.shape)

    def phase_map(self) -> np.ndarray:
        """Return the most probable crystal system (rows, columns) by phases; -1 where there is none."""
        return np.append(self.of_phases.system, -1)[self.position_phase].reshape(self.shape)

    def positions(self) -> pd.DataFrame:
        """Return a row a position: row, column, grain, spots, system and group with probabilities, reason."""
        said = self.of_positions
        rows, columns = np.divmod(np.arange(len(said)), self.shape[1])
        frame = pd.DataFrame({"row": rows, "column": columns, "grain": self.grain, "spots": said.spots})
        frame["dark_field"] = said.dark_field
        frame = pd.concat([frame, said.answers()], axis=1).assign(not_reliable=said.reason)
        return frame if self.known is None else pd.concat([frame, self.known.positions()], axis=1)

    def grains(self) -> pd.DataFrame:
        """Return a row a grain: positions, phase, system and group with probabilities, lattice and cell."""
        n = len(self.of_grains)
        frame = pd.DataFrame({"grain": np.arange(n), "phase": self.grain_phase, "positions": self._sizes()})
        frame = pd.concat([frame, self.of_grains.answers()], axis=1)
        return frame if self.known is None else pd.concat([frame, self.known.grains(self.grain, n)], axis=1)

    def phases(self) -> pd.DataFrame:
        """Return a row a phase: grains, positions, system and group with probabilities, lattice and cell."""
        n = len(self.of_phases)
        frame = pd.DataFrame({"phase": np.arange(n)})
        frame["grains"] = np.bincount(self.grain_phase, minlength=n)
        frame["positions"] = np.bincount(self.grain_phase, self._sizes(), minlength=n).astype(int)
        return pd.concat([frame, self.of_phases.answers()], axis=1)

    def _sizes(self) -> np.ndarray:
        return np.bincount(self.grain[self.grain >= 0], minlength=len(self.of_grains))

    def write(self, path: str | Path) -> None:
        """Write all of it as HDF5, which `read_scan_map` reads."""
        about = {name: getattr(self, name) for name in _ABOUT}
        with create_store(path, FORMAT, VERSION, **about) as file:
            for name in _ARRAYS:
                create_dataset(file, name, np.asarray(getattr(self, name)))
            for name, (_, prefix) in _PARTS.items():
                getattr(self, name).write(file, prefix)
            if self.known is not None:
                self.known.write(file)

    def to_csv(self, positions: str | Path, grains: str | Path, phases: str | Path) -> None:
        """Write `positions`, `grains` and `phases` as tables."""
        tables = {positions: self.positions(), grains: self.grains(), phases: self.phases()}
        for path, frame in tables.items():
            with atomic_path(path) as temporary:
                frame.to_csv(temporary, index=False, float_format="%.6g")


def read_scan_map(path: str | Path) -> ScanMap:
    """Return a map that `ScanMap.write` wrote.

    Raises
    ------
    InputError
        If the file is missing, damaged or of another format.
    """
    with open_store(path, FORMAT, VERSION) as file:
        about = {name: file.attrs[name] for name in _ABOUT}
        values = {name: v.decode() if isinstance(v, bytes) else str(v) for name, v in about.items()}
        values |= {name: file[name][:] for name in _ARRAYS}
        values |= {name: part.read(file, prefix) for name, (part, prefix) in _PARTS.items()}
        return ScanMap(**values, known=read_known_phases(file))
