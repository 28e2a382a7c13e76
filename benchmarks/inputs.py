"""What the benchmarks have in common: options, materials and the settings of the configuration."""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import spglib
import threadpoolctl
import yaml

from edsym.configuration import check_configuration
from edsym.errors import MaterialError
from edsym.simulation.orientations import orientations
from edsym.simulation.settings import SimulationSettings
from edsym.structures.settings import StructuresSettings
from edsym.structures.sources import collect_structures
from edsym.structures.standard import Structure, standardize
from edsym.structures.table import read_materials

REPOSITORY = Path(__file__).resolve().parents[1]
PAPER_MATERIALS = 36_681
PAPER_VIEWS = 100


@dataclass(frozen=True)
class Crystal:
    """A material that is to be simulated: its structure and its orientations (n, 3, 3)."""

    material_id: str
    structure: Structure
    orientations: np.ndarray
    centrosymmetric: bool


def use_one_core() -> None:
    """Keep numerical libraries to one thread, in this process and in those that it starts."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = "1"
    threadpoolctl.threadpool_limits(1)


def parser(description: str) -> argparse.ArgumentParser:
    """Return a parser of the options that all benchmarks have."""
    result = argparse.ArgumentParser(description=description)
    result.add_argument(
        "--materials",
        type=Path,
        help="table of materials (Parquet, as the workflow's structures/materials.parquet); "
        "default: the AFLOW prototypes that pymatgen ships",
    )
    result.add_argument("--config", type=Path, default=REPOSITORY / "config" / "config.yaml")
    result.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="another value for a key of the section simulation; may be given several times",
    )
    result.add_argument("--max-volume", type=float, help="Å³; default: the configuration's filter.max_volume")
    result.add_argument("--seed", type=int, default=0, help="of the choice of materials")
    result.add_argument("--output", type=Path, help="write the Markdown table to this file, too")
    return result


def configuration(arguments: argparse.Namespace) -> dict:
    """Return the checked configuration, with what ``--set`` changes of it."""
    config = yaml.safe_load(arguments.config.read_text(encoding="utf-8"))
    base = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text(encoding="utf-8"))
    for section, values in base.items():
        if isinstance(values, dict):
            config[section] = values | config.get(section, {})
    changes = dict(change.split("=", 1) for change in arguments.set)
    config["simulation"] |= {key: yaml.safe_load(value) for key, value in changes.items()}
    return check_configuration(base | config)


def simulation_settings(config: dict, **changes) -> SimulationSettings:
    """Return the settings of the simulation, some of them changed."""
    return SimulationSettings(**config["simulation"] | changes)


def read_table(arguments: argparse.Namespace, config: dict, folder: Path) -> pd.DataFrame:
    """Return the materials up to the largest volume, in an order that the seed decides."""
    path = arguments.materials
    if path is None:
        path = folder / "prototypes.parquet"
        settings = StructuresSettings(**config["structures"] | {"source": "prototypes", "limit": None})
        collect_structures(settings, path, folder / "unreadable.csv", folder)
    table = read_materials(path)
    limit = arguments.max_volume or config["filter"]["max_volume"]
    return table[table["volume"] <= limit].sample(frac=1, random_state=arguments.seed)


def crystal(row, settings: SimulationSettings, views: int) -> Crystal:
    """Return a row of the table with `views` orientations, drawn at random so that none is special.

    Raises
    ------
    MaterialError
        If the structure is not what it should be.
    """
    structure = standardize(
        np.reshape(row.lattice, (3, 3)), row.numbers, np.reshape(row.frac_coords, (-1, 3))
    )
    number = structure.spacegroup_number
    matrices = orientations(number, views, "random", "fixed", settings.seed, row.material_id)
    return Crystal(row.material_id, structure, matrices, is_centrosymmetric(structure))


def is_centrosymmetric(structure: Structure) -> bool:
    """Tell whether a structure has an inversion centre."""
    cell = (structure.lattice, structure.frac_coords, structure.numbers)
    rotations = spglib.get_symmetry(cell, symprec=1e-3)["rotations"]
    return bool((rotations == -np.eye(3, dtype=int)).all(axis=(1, 2)).any())


def expected_beams(volume: np.ndarray, settings: SimulationSettings) -> np.ndarray:
    """Return about how many beams patterns have: the points in a disc of reciprocal space."""
    return volume * np.pi * settings.g_max**2 * 2 * settings.max_excitation_error + 1


def crystals_of_sizes(
    table: pd.DataFrame, settings: SimulationSettings, beams: list[int], views: int
) -> list[Crystal]:
    """Return the crystals nearest to these numbers of beams, with and without an inversion centre."""
    found = []
    sizes = expected_beams(table["volume"].to_numpy(), settings)
    for wanted in beams:
        missing = {True, False}
        for i in np.argsort(np.abs(np.log(sizes / wanted)), kind="stable")[:100]:
            try:
                candidate = crystal(table.iloc[i], settings, views)
            except MaterialError:
                continue
            chosen = {other.material_id for other in found}
            if candidate.centrosymmetric in missing and candidate.material_id not in chosen:
                missing.remove(candidate.centrosymmetric)
                found.append(candidate)
            if not missing:
                break
    return found


def markdown(rows: list[dict]) -> str:
    """Return rows as a Markdown table."""
    return pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True)


def report(text: str, arguments: argparse.Namespace) -> None:
    """Print a text, and write it where ``--output`` says."""
    print(text)
    if arguments.output:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(text + "\n", encoding="utf-8")
