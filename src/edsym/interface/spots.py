"""Spots as a user has them: arrays, tables and files in any unit, checked, in the form that models take."""

from dataclasses import dataclass, fields
from numbers import Real
from pathlib import Path

import numpy as np
import pandas as pd

from edsym.detector.detect import as_detector, shown_spots
from edsym.detector.settings import DetectorSettings
from edsym.errors import InputError
from edsym.files import atomic_path
from edsym.spots.store import SPOT_FIELDS, SpotLists, offsets, ragged_indices

UNITS = {"1/Å": 1.0, "1/A": 1.0, "1/nm": 0.1}
"""Units of positions, in 1/Å; ``px`` takes a scale of its own."""

NORMALISATIONS = ("incident", "max", "sum", "counts")

MAX_LENGTH = 10.0
"""Longest |q| in 1/Å that is taken for a position in 1/Å: patterns end at a fifth of it."""

MAX_TOTAL = 1.05
"""Largest sum of the intensities of a pattern as shares of the incident beam: noise may add to 1."""

_INDICES = ("h", "k", "l")


@dataclass(frozen=True)
class Spots(SpotLists):
    """Spots of one or several patterns, as `SpotLists` holds them, checked.

    Make them with `from_arrays`, `from_frame`, `read_csv` or `edsym.find_spots`. ``spots[i]`` is pattern i,
    and a slice some of them; iteration gives each pattern's (n, 3) array of qx, qy, intensity.

    Attributes
    ----------
    hkl : (S, 3) array of int or None
        Miller indices, where they are known.
    absolute : bool
        Whether intensities are shares of the incident beam. If not, those of a pattern sum up to 1.

    Raises
    ------
    InputError
        If there is no pattern, one has no spots, or a value is impossible; the message names the pattern.
    """

    hkl: np.ndarray | None = None
    absolute: bool = True

    def __post_init__(self):
        counts = np.diff(self.offset)
        if not len(counts):
            raise InputError("there are no patterns: expected the spots of one at least")
        if not counts.all():
            raise InputError(f"pattern {counts.argmin()} has no spots, expected one at least")
        pattern = np.repeat(np.arange(len(self)), counts)
        length = np.hypot(self.qx.astype(np.float64), self.qy)
        total = np.add.reduceat(self.intensity, self.offset[:-1], dtype=np.float64)[pattern]
        for bad, message in (
            (~np.isfinite(length + self.intensity), "has a spot that is not three finite numbers"),
            (
                length > MAX_LENGTH,
                f"has a spot at |q| = {{length:.4g}} 1/Å, expected at most {MAX_LENGTH:g} 1/Å; "
                "positions in 1/nm or in pixels take unit='1/nm' or unit='px' with a scale",
            ),
            (self.intensity <= 0, "has the intensity {intensity:.4g}, expected more than 0"),
            (
                total > MAX_TOTAL,
                "has intensities that sum up to {total:.4g}, expected shares of the incident beam; "
                "others take normalisation='counts', 'max' or 'sum'",
            ),
        ):
            if bad.any():
                s = bad.argmax()
                values = {"length": length[s], "intensity": self.intensity[s], "total": total[s]}
                raise InputError(f"pattern {pattern[s]} {message.format(**values)}")

    @classmethod
    def from_arrays(
        cls,
        qx,
        qy,
        intensity,
        pattern=None,
        *,
        hkl=None,
        unit: str = "1/Å",
        scale: float | None = None,
        center: tuple[float, float] = (0.0, 0.0),
        normalisation: str | float = "incident",
    ) -> "Spots":
        """Return spots from their columns.

        Parameters
        ----------
        qx, qy : (S,) array_like
            Positions, from the direct beam, which is itself not a spot.
        intensity : (S,) array_like
            Intensities, above 0.
        pattern : (S,) array_like, optional
            Which pattern each spot is of, any labels; without, all are of one.
        hkl : (S, 3) array_like of int, optional
            Miller indices.
        unit : {"1/Å", "1/A", "1/nm", "px"}
            Of the positions; 1/d, without a factor of 2π.
        scale : float, optional
            1/Å of a pixel, for ``px`` alone.
        center : (float, float)
            Where the direct beam is, in the same unit.
        normalisation : {"incident", "max", "sum", "counts"} or float
            What an intensity of 1 is: the incident beam (before the crystal), the brightest spot, all spots,
            or any count. A number is the incident beam in counts. Without the incident beam, a model takes
            the spots to be as bright in all as those of a usual pattern of its training.

        Examples
        --------
        >>> spots = edsym.Spots.from_arrays([3.5, 0, -3.5], [0, 3.5, 0], [0.02, 0.01, 0.02], unit="1/nm")
        >>> len(spots), round(float(spots.qx[0]), 2)
        (1, 0.35)
        """
        x = _array("qx", qx, (None,))
        y, values = _array("qy", qy, x.shape), _array("intensity", intensity, x.shape)
        labels = np.zeros(len(x), int) if pattern is None else np.asarray(pattern)
        if labels.shape != x.shape or pd.isna(labels).any():
            raise InputError(
                f"pattern has the shape {labels.shape} or empty values, expected {x.shape} labels"
            )
        index, names = pd.factorize(labels)
        order, counts = np.argsort(index, kind="stable"), np.bincount(index)
        (x0, y0), factor = _array("center", center, (2,)), _factor(unit, scale)
        with np.errstate(all="ignore"):  # what is impossible then is refused as such
            shares = _shares(values[order], offsets(counts), normalisation)
            columns = np.stack([(x[order] - x0) * factor, (y[order] - y0) * factor, shares])
            qx, qy, intensity = columns.astype(np.float32)
        return cls(
            material_id=np.array(["crystal"]),
            material=np.zeros(len(counts), int),
            view=names if names.dtype.kind == "i" else np.arange(len(counts)),
            offset=offsets(counts),
            qx=qx,
            qy=qy,
            intensity=intensity,
            hkl=None if hkl is None else _array("hkl", hkl, (len(x), 3))[order].astype(int),
            absolute=normalisation not in NORMALISATIONS[1:],
        )

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, **options) -> "Spots":
        """Return spots from a table with the columns qx, qy, intensity and, if there are, pattern, h, k, l.

        The options are those of `from_arrays`.
        """
        columns = [column.to_numpy() for _, column in _columns("", frame).items()]
        pattern = frame["pattern"].to_numpy() if "pattern" in frame.columns else None
        hkl = frame[list(_INDICES)].to_numpy() if set(_INDICES) <= set(frame.columns) else None
        return cls.from_arrays(*columns, pattern, hkl=hkl, **options)

    @classmethod
    def read_csv(cls, path: str | Path, **options) -> "Spots":
        """Return the spots of a CSV file with the columns qx, qy, intensity (and pattern, h, k, l).

        The options are those of `from_arrays`; lines that begin with # are comments.
        """
        try:
            frame = pd.read_csv(path, comment="#", skipinitialspace=True)
            return cls.from_frame(frame.rename(columns=str.strip), **options)
        except (OSError, ValueError, InputError) as error:
            raise InputError(f"{path}: {' '.join(str(error).split())}") from error

    @classmethod
    def of(cls, patterns) -> "Spots":
        """Return patterns in any form that `edsym.interface.model.TrainedModel.predict` takes."""
        if isinstance(patterns, Spots):
            return patterns
        if isinstance(patterns, SpotLists):
            return cls(**{field.name: getattr(patterns, field.name) for field in fields(SpotLists)})
        if isinstance(patterns, pd.DataFrame):
            return cls.from_frame(patterns)
        parts = [_array(f"pattern {i}", part, (None, 3)) for i, part in enumerate(_parts(patterns))]
        sizes = [len(part) for part in parts]
        if 0 in sizes:  # it would vanish from the labels
            raise InputError(f"pattern {sizes.index(0)} has no spots, expected one at least")
        rows = np.concatenate([np.empty((0, 3)), *parts])
        return cls.from_arrays(*rows.T, np.repeat(np.arange(len(parts)), sizes))

    def __getitem__(self, patterns: int | slice) -> "Spots":
        if not isinstance(patterns, slice):
            patterns = range(len(self))[patterns]  # which raises IndexError where there is none
            patterns = slice(patterns, patterns + 1)
        rows = np.arange(len(self))[patterns]
        counts = np.diff(self.offset)[rows]
        return self._with(rows, counts, ragged_indices(self.offset[rows], counts))

    def __iter__(self):
        columns = np.stack([self.qx, self.qy, self.intensity], axis=1)
        return iter(np.split(columns, self.offset[1:-1]))

    def brightest(self, n: int) -> "Spots":
        """Return the `n` brightest spots of every pattern, of equally bright ones the first."""
        if n < 1:
            raise InputError(f"n is {n}, expected 1 spot at least")
        pattern = np.repeat(np.arange(len(self)), np.diff(self.offset))
        order = np.lexsort((-self.intensity, pattern))
        kept = np.sort(order[np.arange(len(order)) - self.offset[pattern] < n])
        return self._with(np.arange(len(self)), np.minimum(np.diff(self.offset), n), kept)

    def chosen(self, spots: np.ndarray) -> "Spots":
        """Return these spots alone, by their ascending indices (m,) among all; no pattern may lose all."""
        counts = np.histogram(spots, self.offset)[0]
        return self._with(np.arange(len(self)), counts, spots)

    def detect(self, level: str = "typical", seed: int = 0, **quantities) -> "Spots":
        """Return the spots that a detector shows of these patterns.

        Parameters
        ----------
        level : {"ideal", "good", "typical", "poor"}
            How good it is.
        seed : int
            Seed of all that is drawn.
        **quantities
            Of `edsym.detector.settings.DetectorSettings`, in place of the level's own, such as
            ``position_error=0.005`` in 1/Å.

        Returns
        -------
        Spots
            Those of a pattern by decreasing intensity. A spurious spot has the indices 0 0 0.

        Raises
        ------
        InputError
            If an argument is not what it should be, or intensities are not shares of the incident beam.

        Examples
        --------
        >>> spots = edsym.find_spots(edsym.simulate(edsym.Structure.from_cif("NaCl.cif"), n=2))
        >>> len(spots.detect("typical", position_error=0.005))
        2
        """
        if not self.absolute:
            raise InputError("a detector's threshold takes intensities as shares of the incident beam")
        as_detector(level)
        detector = DetectorSettings(**quantities).at(level)
        if detector.ideal:
            return self
        counts, spots, source = shown_spots(self, detector, seed, 0)
        hkl = None if self.hkl is None else np.where(source[:, None] < 0, 0, self.hkl[source])
        return Spots(self.material_id, self.material, self.view, offsets(counts), *spots.T, hkl=hkl)

    def to_frame(self) -> pd.DataFrame:
        """Return a row a spot: pattern, qx, qy [1/Å], intensity and, if known, h, k, l."""
        frame = pd.DataFrame({"pattern": np.repeat(self.view, np.diff(self.offset))})
        frame[list(SPOT_FIELDS)] = np.stack([getattr(self, name) for name in SPOT_FIELDS], axis=1)
        if self.hkl is not None:
            frame[list(_INDICES)] = self.hkl
        return frame

    def to_csv(self, path: str | Path) -> None:
        """Write `to_frame`, which `read_csv` reads."""
        with atomic_path(path) as temporary:
            self.to_frame().to_csv(temporary, index=False)

    def _with(self, rows: np.ndarray, counts: np.ndarray, spots: np.ndarray) -> "Spots":
        return Spots(
            self.material_id,
            self.material[rows],
            self.view[rows],
            offsets(counts),
            *(getattr(self, name)[spots] for name in SPOT_FIELDS),
            hkl=None if self.hkl is None else self.hkl[spots],
            absolute=self.absolute,
        )


def _array(name: str, values, shape: tuple) -> np.ndarray:
    """Return values as float64 of this shape, in which None is any length."""
    try:
        array = np.asarray(values)
        array = array.astype(np.float64) if array.dtype.kind in "iufO" else None
    except (TypeError, ValueError):
        array = None
    expected = f"({', '.join('n' if n is None else str(n) for n in shape)}{',' * (len(shape) == 1)})"
    if array is None:
        raise InputError(f"{name} is not an array of numbers {expected}")
    if array.ndim != len(shape) or any(n not in (None, m) for m, n in zip(array.shape, shape, strict=True)):
        raise InputError(f"{name} has the shape {array.shape}, expected {expected}")
    return array


def _factor(unit: str, scale: float | None) -> float:
    if unit in UNITS and scale is None:
        return UNITS[unit]
    if unit == "px" and isinstance(scale, Real) and 0 < scale < np.inf:
        return scale
    allowed = f"{', '.join(UNITS)}, or px with the 1/Å of a pixel as scale"
    raise InputError(f"unit is {unit!r} with scale {scale!r}, expected {allowed}")


def _shares(values: np.ndarray, offset: np.ndarray, normalisation: str | float) -> np.ndarray:
    """Return intensities as shares of the incident beam or, where that is not known, of a pattern's sum."""
    if normalisation == "incident":
        return values
    if normalisation in NORMALISATIONS:
        return values / np.repeat(np.add.reduceat(np.abs(values), offset[:-1]), np.diff(offset))
    if isinstance(normalisation, Real) and 0 < normalisation < np.inf:
        return values / normalisation
    allowed = f"{', '.join(NORMALISATIONS)} or the incident beam in counts"
    raise InputError(f"normalisation is {normalisation!r}, expected {allowed}")


def _parts(patterns) -> list:
    """Return the patterns of a list or array of them; rows of numbers are one pattern."""
    if isinstance(patterns, (str, bytes, dict)) or not hasattr(patterns, "__iter__"):
        raise InputError(
            f"patterns are of the type {type(patterns).__name__}, expected Spots, a DataFrame, or arrays "
            "(n, 3) of qx, qy, intensity; edsym.Spots.read_csv reads files"
        )
    parts = [_columns(f"pattern {i}: ", p) if hasattr(p, "columns") else p for i, p in enumerate(patterns)]
    try:
        return [parts] if np.ndim(parts) == 2 else parts
    except ValueError:  # of different lengths
        return parts


def _columns(where: str, frame: pd.DataFrame) -> pd.DataFrame:
    missing = [name for name in SPOT_FIELDS if name not in frame.columns]
    if missing:
        found = ", ".join(map(str, frame.columns)) or "none"
        raise InputError(f"{where}no column {', '.join(missing)}; found {found}")
    return frame[list(SPOT_FIELDS)]
