"""What a run was: the line that stands on every table and figure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from edsym.errors import InputError
from edsym.evaluation.published import Published, read_published
from edsym.files import write_text
from edsym.parquet import read_parquet
from edsym.structures.table import read_metadata

# Keys of the section `detector` that are no quantities of one.
_NO_QUANTITIES = {"training", "tests", "curves", "curve_materials", "seed"}


@dataclass(frozen=True)
class RunDescription:
    """Structures, patterns and settings of a run.

    Attributes
    ----------
    source, source_version, source_date : str
        Where the structures are from.
    materials_train, materials_test, patterns_train, patterns_test : int
        Sizes of the two parts of the split.
    zone_axes : int
        Patterns simulated for each material.
    orientations, in_plane : str
        How zone axes and in-plane rotations were chosen.
    energy_kev : float
        Electron energy in keV.
    thickness_angstrom : float or list of float
        Thickness in Å, or those that patterns are drawn from.
    views : int
        Patterns a material in aggregated results.
    training_level : str
        Level of the detector that shows the spots that models learn from.
    test_levels : tuple of str
        Levels that they are tested at.
    own_quantities : tuple of str
        Quantities of the detector that are not the levels' own.
    differences : tuple of str
        Settings in which the run is not the paper's; empty for the paper's run.
    """

    source: str
    source_version: str
    source_date: str
    materials_train: int
    materials_test: int
    patterns_train: int
    patterns_test: int
    zone_axes: int
    orientations: str
    in_plane: str
    energy_kev: float
    thickness_angstrom: float | list[float]
    views: int
    training_level: str
    test_levels: tuple[str, ...]
    own_quantities: tuple[str, ...]
    differences: tuple[str, ...]

    @property
    def is_paper(self) -> bool:
        """Whether every published setting is the paper's."""
        return not self.differences

    @property
    def published_level(self) -> str:
        """The test level beside which published values stand: they are for ideal spots."""
        return "ideal" if "ideal" in self.test_levels else self.test_levels[0]

    @property
    def shown_level(self) -> str:
        """The test level that figures show: that of the training, if models are tested at it."""
        return self.training_level if self.training_level in self.test_levels else self.test_levels[0]

    def line(self) -> str:
        """Return the run in one line of plain text."""
        name = "The paper's settings" if self.is_paper else "Not the paper's run"
        origin = " ".join(text for text in (self.source, self.source_version) if text)
        dated = f" of {self.source_date}" if self.source_date else ""
        line = (
            f"{name}: structures from {origin}{dated}; {self.materials_train:,} training and "
            f"{self.materials_test:,} test materials with {self.patterns_train:,} and {self.patterns_test:,} "
            f"patterns; {self.zone_axes} zone axes a material ({self.orientations} orientations, "
            f"{self.in_plane} in-plane rotation), {_angstrom(self.thickness_angstrom)}, "
            f"{self.energy_kev:g} keV; {self.views} views a material where aggregated; trained on "
            f"{self.training_level} spots, tested on {' and '.join(self.test_levels)} ones{self._own()}."
        )
        return line if self.is_paper else f"{line} Other than in the paper: {', '.join(self.differences)}."

    def _own(self) -> str:
        return f" (detector: {', '.join(self.own_quantities)})" if self.own_quantities else ""


def describe_run(
    configuration: Mapping, structures: Mapping, sizes: pd.DataFrame, published: Published
) -> RunDescription:
    """Describe a run.

    Parameters
    ----------
    configuration : mapping
        The whole configuration, by section.
    structures : mapping
        Metadata of the table of structures: source, version, date.
    sizes : pandas.DataFrame
        The split with numbers of patterns, from `read_sizes`.
    published : Published
        Published numbers; `settings` are those of the paper's run.
    """
    simulation, detector = configuration["simulation"], configuration["detector"]
    own = {k: v for k, v in detector.items() if k not in _NO_QUANTITIES and v is not None}
    settings = ("zone_axes", "orientations", "in_plane", "energy_kev", "thickness_angstrom")
    totals = {}
    for part in ("train", "test"):
        chosen = sizes[sizes.split == part]
        totals |= {f"materials_{part}": len(chosen), f"patterns_{part}": int(chosen.n_patterns.sum())}
    return RunDescription(
        source=str(structures.get("source") or configuration["structures"]["source"]),
        source_version=str(structures.get("version") or ""),
        source_date=str(structures.get("date") or ""),
        **totals,
        **{name: simulation[name] for name in settings},
        views=configuration["evaluation"]["views"],
        training_level=detector["training"],
        test_levels=tuple(detector["tests"]),
        own_quantities=tuple(f"{name} {value:g}" for name, value in own.items()),
        differences=tuple(_differences(configuration, published.get("settings", "values") or {})),
    )


def write_run_description(
    configuration: Mapping,
    *,
    structures: str | Path,
    split: str | Path,
    materials: str | Path,
    published: str | Path,
    output: str | Path,
) -> None:
    """Write what `describe_run` says of a run's files: table of structures, split, materials.csv."""
    sizes = read_sizes(split, materials)
    write_run(
        describe_run(configuration, read_metadata(structures), sizes, read_published(published)), output
    )


def read_sizes(split: str | Path, materials: str | Path) -> pd.DataFrame:
    """Read a split (parquet) and the number of patterns of its materials (csv).

    Returns
    -------
    pandas.DataFrame
        One row a material: material_id, split, crystal_system, spacegroup_number, n_patterns.

    Raises
    ------
    InputError
        If a file is unreadable, or a material of the split has no number of patterns.
    """
    try:
        counts = pd.read_csv(materials, dtype={"material_id": str})[["material_id", "n_patterns"]]
        sizes = read_parquet(split).to_pandas().merge(counts, on="material_id", how="left")
    except (OSError, KeyError, ValueError) as error:
        raise InputError(
            f"{split} and {materials} are not a split by material and its numbers of patterns: {error}"
        ) from error
    missing = sizes.material_id[sizes.n_patterns.isna()]
    if len(missing):
        raise InputError(
            f"{materials} has no number of patterns for material {missing.iloc[0]} of {split} "
            f"({len(missing)} such materials)"
        )
    return sizes.astype({"n_patterns": int})


def _differences(configuration: Mapping, settings: Mapping, section: str = "") -> Iterator[str]:
    """Yield the settings that differ from the paper's, with both values; a missing one differs."""
    for key, value in settings.items():
        name = f"{section}.{key}" if section else key
        if isinstance(value, Mapping):
            yield from _differences(configuration.get(key, {}), value, name)
        elif key not in configuration:
            yield f"{name} (not modelled; the paper: {_text(value)})"
        elif configuration[key] != value:
            yield f"{name} {_text(configuration[key])} (the paper: {_text(value)})"


def _angstrom(thickness: float | list[float]) -> str:
    values = thickness if isinstance(thickness, list) else [thickness]
    return f"{', '.join(f'{value:g}' for value in values)} Å"


def _text(value) -> str:
    if value is None:
        return "none"
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)


def write_run(run: RunDescription, path: str | Path) -> None:
    """Write a run's description as JSON."""
    write_text(path, json.dumps(asdict(run), indent=2, ensure_ascii=False) + "\n")


def read_run(path: str | Path) -> RunDescription:
    """Read a run's description.

    Raises
    ------
    InputError
        If the file is not a run's description.
    """
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
        lists = ("differences", "test_levels", "own_quantities")
        return RunDescription(**values | {name: tuple(values[name]) for name in lists})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not the description of a run: {error}") from error
