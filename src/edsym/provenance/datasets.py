"""The data that a run stands on: version, source and licence of each, from resources/datasets.csv."""

import csv
from collections.abc import Mapping
from pathlib import Path

from edsym.errors import InputError

COLUMNS = ["data", "used_when", "version", "licence", "licence_url", "address", "citation"]


def read_datasets(path: str | Path) -> list[dict[str, str]]:
    """Read the table of data sets.

    Raises
    ------
    InputError
        If it has other columns than `COLUMNS`.
    """
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != COLUMNS:
            raise InputError(f"{path}: columns are {reader.fieldnames}, expected {COLUMNS}")
        return list(reader)


def used_datasets(datasets: list[dict[str, str]], configuration: Mapping) -> list[dict[str, str]]:
    """Return the data sets that a configuration uses, that of its structures first."""
    used = [row for row in datasets if _conditions(row) & _choices(configuration)]
    return sorted(used, key=lambda row: "structures.source" not in row["used_when"])


def _conditions(row: Mapping) -> set[str]:
    return {condition.strip() for condition in row["used_when"].split(";")}


def _choices(configuration: Mapping) -> set[str]:
    sections = ((name, section) for name, section in configuration.items() if isinstance(section, Mapping))
    return {"always"} | {
        f"{name}.{key}={value}" for name, section in sections for key, value in section.items()
    }
