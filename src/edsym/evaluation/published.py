"""The published numbers beside which results are printed (config/published.yaml)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from edsym.errors import InputError
from edsym.symmetry import CRYSTAL_SYSTEMS

SYSTEM_KEYS = (*CRYSTAL_SYSTEMS, "all")
_BY_SYSTEM = ("crystal_system_accuracy", "spacegroup_accuracy", "crystal_system_metrics")
_SECTIONS = (*_BY_SYSTEM, "dataset", "hyperparameters", "gold_nanoparticles", "cost", "settings", "powder")
_ABOUT = ("source", "where")


@dataclass(frozen=True)
class Published:
    """What the publications state; what they do not state is not there.

    Attributes
    ----------
    values : dict
        The content of the file: nested by section, model, method and crystal system.
    """

    values: dict

    def get(self, *keys: str) -> float | str | None:
        """Return the value under nested keys, or None where no publication states one."""
        value = self.values
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def citation(self, *places: tuple[str, ...]) -> str:
        """Return one sentence on the sources of the blocks at `places`, each the nested keys of a block."""
        where: dict[str, dict[str, None]] = {}
        for place in places:
            block = self.get(*place)
            if block:
                where.setdefault(block["source"], {})[block["where"]] = None
        sources = self.values["sources"]
        cited = [
            f"{sources[name]['citation']}, doi:{sources[name]['doi']} ({'; '.join(parts)})"
            for name, parts in where.items()
        ]
        return f"Published: {'; '.join(cited)}." if cited else ""


def read_published(path: str | Path) -> Published:
    """Read and check published numbers.

    Raises
    ------
    InputError
        If the file is unreadable, a section or crystal system is unknown, a block does not name its
        source, or a percentage is not one.
    """
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(values, dict) or not isinstance(values.get("sources"), dict):
        raise InputError(f"{path} needs a mapping `sources` of publications, and sections of numbers")
    _check_sections(values, str(path))
    for section in _BY_SYSTEM:
        for where, system, value in _entries(values.get(section, {}), section):
            _check_percentage(system, value, f"{path}: {where}")
    return Published(values)


def _check_sections(values: dict, path: str) -> None:
    for name, section in values.items():
        if name == "sources":
            continue
        if name not in _SECTIONS:
            raise InputError(f"{path}: unknown section {name}, expected one of {', '.join(_SECTIONS)}")
        nested = name in (*_BY_SYSTEM, "hyperparameters")
        for key, block in (section if nested else {name: section}).items():
            where = f"{name}.{key}" if nested else name
            source = block.get("source") if isinstance(block, dict) else None
            if source not in values["sources"] or "where" not in block:
                raise InputError(
                    f"{path}: {where} has the source {source!r} and must name one of "
                    f"{', '.join(values['sources'])} and `where` in it"
                )


def _entries(section: dict, name: str) -> Iterator[tuple[str, str, float | str]]:
    """Yield the place, the crystal system and the value of every number of a section."""
    for model, block in section.items():
        for key, by_system in block.items():
            if key not in _ABOUT:
                for system, value in by_system.items():
                    yield f"{name}.{model}.{key}.{system}", system, value


def _check_percentage(system: str, value: float | str, where: str) -> None:
    if system not in SYSTEM_KEYS:
        raise InputError(f"{where}: unknown crystal system, expected one of {', '.join(SYSTEM_KEYS)}")
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (0 <= value <= 100 if number else isinstance(value, str) and value.strip()):
        raise InputError(f"{where} is {value!r}, expected a percentage from 0 to 100 or a bound as text")
