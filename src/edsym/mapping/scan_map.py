"""What a model says of every position of a scan and of every grain: arrays, tables and a file."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd

from edsym.files import atomic_path
from edsym.hdf5 import create_dataset, create_store, open_store, read_text, write_text
from edsym.mapping.known_phases import KnownPhases, read_known_phases
from edsym.structures.symbols import space_group_symbols
from edsym.symmetry import CRYSTAL_SYSTEMS

FORMAT, VERSION = "edsym-scan-map", 3
_TEXTS = ("reason", "grain_bravais", "phase_bravais")
_ABOUT = ("name", "model")
_PARTS = ("known",)
_CELL = ("a", "b", "c", "alpha", "beta", "gamma")


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
    dark_field : (n,) array
        Intensity of all Bragg spots, in the units of the images.
    spots : (n,) array of int
        How many there are.
    reason : (n,) array of str
        Why there is no answer that can be relied on; empty where there is one.
    p_system, p_spacegroup : (n, 7), (n, 230) arrays
        Calibrated probabilities by this position alone; NaN where its pattern has too few spots.
    grain : (n,) array of int
        Number of the grain; -1 where there is none.
    grain_p_system, grain_p_spacegroup : (G, 7), (G, 230) arrays
        By all positions of a grain together; NaN where they share too few spots.
    grain_cell : (G, 6) array
        a, b, c in Å and alpha, beta, gamma in degrees of the conventional cell; NaN where none was found.
    grain_cell_error : (G, 6) array
        Standard deviations.
    grain_primitive : (G, 3, 3) array
        Rows are the vectors of the reduced primitive cell in Å.
    grain_basis : (G, 3, 3) array
        Rows are the vectors a, b, c of the conventional cell in Å as they lie in the microscope: along the
        detector's x and y and the beam.
    grain_bravais : (G,) array of str
        Its Bravais lattice.
    grain_lattice : (G,) array
        Probability that this lattice is right.
    grain_phase : (G,) array of int
        Number of the phase that a grain is of, see `edsym.mapping.phases`.
    phase_p_system, phase_p_spacegroup : (P, 7), (P, 230) arrays
        By all grains of a phase as views of one crystal; of a grain alone what is said of it.
    phase_cell, phase_cell_error, phase_primitive, phase_basis, phase_bravais, phase_lattice : arrays
        As those of grains; `phase_basis` is as it lies in the first grain.
    known : KnownPhases or None
        What template matching among known phases says of every position, where it was asked.
    """

    name: str
    model: str
    shape: np.ndarray
    energy_kev: np.ndarray
    dark_field: np.ndarray
    spots: np.ndarray
    reason: np.ndarray
    p_system: np.ndarray
    p_spacegroup: np.ndarray
    grain: np.ndarray
    grain_p_system: np.ndarray
    grain_p_spacegroup: np.ndarray
    grain_cell: np.ndarray
    grain_cell_error: np.ndarray
    grain_primitive: np.ndarray
    grain_basis: np.ndarray
    grain_bravais: np.ndarray
    grain_lattice: np.ndarray
    grain_phase: np.ndarray
    phase_p_system: np.ndarray
    phase_p_spacegroup: np.ndarray
    phase_cell: np.ndarray
    phase_cell_error: np.ndarray
    phase_primitive: np.ndarray
    phase_basis: np.ndarray
    phase_bravais: np.ndarray
    phase_lattice: np.ndarray
    known: KnownPhases | None = None

    @property
    def valid(self) -> np.ndarray:
        """Whether each position (n,) has an answer that can be relied on."""
        return self.reason == ""

    @property
    def answered(self) -> np.ndarray:
        """Whether each position (n,) has an answer, reliable or not."""
        return ~np.isnan(self.p_system).any(axis=1)

    @property
    def system(self) -> np.ndarray:
        """Number of the most probable crystal system (n,) by each position alone; -1 without an answer."""
        return _most_probable(self.p_system)

    @property
    def grain_system(self) -> np.ndarray:
        """Number of the most probable crystal system (G,) of each grain; -1 without an answer."""
        return _most_probable(self.grain_p_system)

    @property
    def phase_system(self) -> np.ndarray:
        """Number of the most probable crystal system (P,) of each phase; -1 without an answer."""
        return _most_probable(self.phase_p_system)

    def grain_map(self) -> np.ndarray:
        """Return the most probable crystal system (rows, columns) by grains; -1 where there is none."""
        return self._mapped(self.grain_system)

    def phase_map(self) -> np.ndarray:
        """Return the most probable crystal system (rows, columns) by phases; -1 where there is none."""
        return self._mapped(self.phase_system[self.grain_phase])

    def _mapped(self, by_grain: np.ndarray) -> np.ndarray:
        return np.append(by_grain, -1)[self.grain].reshape(self.shape)

    def positions(self) -> pd.DataFrame:
        """Return a row a position: row, column, grain, spots, system and group with probabilities, reason."""
        rows, columns = np.divmod(np.arange(len(self.reason)), self.shape[1])
        frame = pd.DataFrame({"row": rows, "column": columns, "grain": self.grain, "spots": self.spots})
        frame["dark_field"] = self.dark_field
        _add_answers(frame, self.p_system, self.p_spacegroup)
        frame = frame.assign(not_reliable=self.reason)
        return frame if self.known is None else pd.concat([frame, self.known.positions()], axis=1)

    def grains(self) -> pd.DataFrame:
        """Return a row a grain: positions, phase, system and group with probabilities, lattice and cell."""
        n = len(self.grain_lattice)
        frame = pd.DataFrame({"grain": np.arange(n), "phase": self.grain_phase, "positions": self._sizes()})
        frame = self._with_answers(frame, "grain")
        return frame if self.known is None else pd.concat([frame, self.known.grains(self.grain, n)], axis=1)

    def phases(self) -> pd.DataFrame:
        """Return a row a phase: grains, positions, system and group with probabilities, lattice and cell."""
        n = len(self.phase_lattice)
        frame = pd.DataFrame({"phase": np.arange(n)})
        frame["grains"] = np.bincount(self.grain_phase, minlength=n)
        frame["positions"] = np.bincount(self.grain_phase, self._sizes(), minlength=n).astype(int)
        return self._with_answers(frame, "phase")

    def _sizes(self) -> np.ndarray:
        return np.bincount(self.grain[self.grain >= 0], minlength=len(self.grain_lattice))

    def _with_answers(self, frame: pd.DataFrame, kind: str) -> pd.DataFrame:
        """Return a table of grains or phases with what is said of them."""

        def told(name: str) -> np.ndarray:
            return getattr(self, f"{kind}_{name}")

        _add_answers(frame, told("p_system"), told("p_spacegroup"))
        frame["bravais"], frame["p_lattice"] = told("bravais"), told("lattice")
        frame[list(_CELL)] = told("cell")
        frame[[f"{name}_su" for name in _CELL]] = told("cell_error")
        return frame

    def write(self, path: str | Path) -> None:
        """Write all of it as HDF5, which `read_scan_map` reads."""
        about = {name: getattr(self, name) for name in _ABOUT}
        with create_store(path, FORMAT, VERSION, **about) as file:
            for field in fields(self):
                if field.name in _TEXTS:
                    write_text(file, field.name, getattr(self, field.name))
                elif field.name not in _ABOUT + _PARTS:
                    create_dataset(file, field.name, np.asarray(getattr(self, field.name)))
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
        for field in fields(ScanMap):
            if field.name in _TEXTS:
                values[field.name] = read_text(file, field.name)
            elif field.name not in _ABOUT + _PARTS:
                values[field.name] = file[field.name][:]
        values["known"] = read_known_phases(file)
    return ScanMap(**values)


def _most_probable(p: np.ndarray) -> np.ndarray:
    """Return the numbers (n,) of the largest of probabilities (n, C), -1 where there are none."""
    told = ~np.isnan(p).any(axis=1)
    return np.where(told, np.nan_to_num(p).argmax(axis=1), -1)


def _add_answers(frame: pd.DataFrame, p_system: np.ndarray, p_spacegroup: np.ndarray) -> None:
    """Add the most probable system and group, and the probabilities of all systems."""
    told = ~np.isnan(p_system).any(axis=1)
    for name, names, p in (
        ("crystal_system", np.array(CRYSTAL_SYSTEMS), p_system),
        ("space_group", np.array(space_group_symbols()), p_spacegroup),
    ):
        best = np.nan_to_num(p).argmax(axis=1) if len(p) else np.zeros(0, int)
        frame[name] = np.where(told, names[best], "")
        frame[f"p_{name}"] = np.where(told, p[np.arange(len(p)), best], np.nan)
    frame[[f"p_{system}" for system in CRYSTAL_SYSTEMS]] = p_system
