"""Simulating the patterns of a shard of materials."""

import logging
from pathlib import Path

import numpy as np
from tqdm import tqdm

from edsym.errors import MaterialError
from edsym.seeds import stable_hash
from edsym.simulation.engines.choice import make_engine
from edsym.simulation.engines.interface import Engine
from edsym.simulation.orientations import orientations
from edsym.simulation.run.journal import Checkpoint, Result, open_journal
from edsym.simulation.run.results import FailedMaterial, SimulatedMaterial
from edsym.simulation.run.store import write_patterns
from edsym.simulation.settings import SimulationSettings
from edsym.structures.standard import standardize
from edsym.structures.table import read_materials

logger = logging.getLogger(__name__)


def in_shard(material_id: str, shard: int, shards: int) -> bool:
    """Tell whether a material belongs to a shard: by its identifier alone."""
    return stable_hash("shard", material_id) % shards == shard


def simulate_shard(
    materials_path: str | Path,
    output_path: str | Path,
    shard: int,
    settings: SimulationSettings,
    material_ids: set[str] | None = None,
    checkpoint: Checkpoint | None = None,
) -> None:
    """Simulate the patterns of a shard's materials and store them.

    A material that fails is listed in the store with its reason, and the others go on. An interrupted
    run with a checkpoint goes on where it stopped, and the file is the same to the last bit.

    Parameters
    ----------
    materials_path : str or Path
        Table of materials: see `edsym.structures.table`.
    output_path : str or Path
        Where to write the patterns: see `edsym.simulation.run.store`.
    shard : int
        0 to ``settings.shards - 1``.
    settings : SimulationSettings
        What to simulate.
    material_ids : set of str, optional
        Simulate only these materials.
    checkpoint : Checkpoint, optional
        Where the finished materials are kept until all are.

    Raises
    ------
    InputError
        If the table is not what it should be.
    """
    materials = materials_of_shard(materials_path, shard, settings.shards, material_ids)
    engine = make_engine(settings)
    with open_journal(checkpoint, Path(output_path).parent) as journal:
        done = len(journal)
        if done:
            logger.info("%d of %d materials are done: going on from there", done, len(materials))
        bar = {"desc": f"shard {shard}", "unit": "material", "initial": done, "total": len(materials)}
        for row in tqdm(materials[done:], **bar):
            journal.append(_simulate_or_fail(row, engine, settings))
        write_patterns(output_path, settings, journal)


def materials_of_shard(
    materials_path: str | Path, shard: int, shards: int, material_ids: set[str] | None = None
) -> list:
    """Return the rows of a shard's materials, as named tuples, in the order in which they are simulated.

    Raises
    ------
    InputError
        If the table is not what it should be.
    """
    frame = read_materials(materials_path)
    mine = [in_shard(material_id, shard, shards) for material_id in frame["material_id"]]
    frame = frame[np.array(mine, dtype=bool)]
    if material_ids is not None:
        frame = frame[frame["material_id"].isin(material_ids)]
    return list(frame.sort_values("material_id").itertuples(index=False))


def _simulate_or_fail(row, engine: Engine, settings: SimulationSettings) -> Result:
    try:
        return simulate_material(row, engine, settings)
    except MaterialError as error:
        logger.warning("%s: %s", row.material_id, error)
        return FailedMaterial(row.material_id, str(error))
    except (ArithmeticError, LookupError, MemoryError, RuntimeError, ValueError) as error:
        # One odd material must not cost the others: whatever numerical code raises is listed, with a trace.
        logger.exception("%s: unexpected error", row.material_id)
        return FailedMaterial(row.material_id, f"unexpected {type(error).__name__}: {error}")


def simulate_material(row, engine: Engine, settings: SimulationSettings) -> SimulatedMaterial:
    """Return the patterns of one row of the table of materials.

    Raises
    ------
    MaterialError
        If the material cannot be simulated.
    """
    structure = standardize(
        np.reshape(row.lattice, (3, 3)), row.numbers, np.reshape(row.frac_coords, (-1, 3))
    )
    matrices = orientations(
        structure.spacegroup_number,
        settings.zone_axes,
        settings.orientations,
        settings.in_plane,
        settings.seed,
        row.material_id,
        settings.grid_of,
    )
    thicknesses = settings.thickness_of_patterns(len(matrices), row.material_id)
    patterns = engine.patterns(structure, matrices, thicknesses)
    result = SimulatedMaterial.from_patterns(row.material_id, patterns)
    if not np.isfinite(result.intensity).all():
        raise MaterialError("the propagation gave intensities that are not finite")
    return result
