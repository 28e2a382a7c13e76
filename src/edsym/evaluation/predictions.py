"""Predictions of a model: one row a pattern, with the truth and the probabilities of every class."""

from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from edsym.errors import InputError
from edsym.parquet import read_parquet, write_parquet
from edsym.symmetry import CRYSTAL_SYSTEMS, N_SPACE_GROUPS, system_index

N_SYSTEMS = len(CRYSTAL_SYSTEMS)
# Probabilities of half precision need not add up to one more closely.
_SUM_TOLERANCE = 1e-2
_ROW_GROUP = 65536

SCHEMA = pa.schema(
    [
        ("material_id", pa.string()),
        ("view", pa.int32()),
        ("crystal_system", pa.int8()),
        ("spacegroup_number", pa.uint8()),
        ("p_system", pa.list_(pa.float32(), N_SYSTEMS)),
        ("p_spacegroup", pa.list_(pa.float32(), N_SPACE_GROUPS)),
    ]
)


@dataclass(frozen=True)
class Predictions:
    """What a model says of patterns, and the truth.

    Attributes
    ----------
    material_id : (P,) array of str
        Material of each pattern.
    view : (P,) array of int
        Which view of its material each pattern is.
    system : (P,) array of int
        True crystal system, index into `edsym.symmetry.CRYSTAL_SYSTEMS`.
    spacegroup : (P,) array of int
        True space-group number, 1 to 230.
    p_system : (P, 7) array of float32
        Probabilities of the crystal systems.
    p_spacegroup : (P, 230) array of float32
        Probabilities of the space groups; column i is number i + 1.
    """

    material_id: np.ndarray
    view: np.ndarray
    system: np.ndarray
    spacegroup: np.ndarray
    p_system: np.ndarray
    p_spacegroup: np.ndarray

    def __len__(self) -> int:
        return len(self.material_id)


def write_predictions(predictions: Predictions, path: str | Path) -> None:
    """Write predictions as a parquet table sorted by material_id, then view.

    Raises
    ------
    InputError
        If the predictions are not what `Predictions` says.
    """
    _check(predictions, "predictions")
    order = np.lexsort((predictions.view, predictions.material_id))
    rows = replace(predictions, **{f.name: getattr(predictions, f.name)[order] for f in fields(predictions)})
    columns = [
        pa.array(rows.material_id.astype(object), pa.string()),
        pa.array(rows.view.astype(np.int32)),
        pa.array(rows.system.astype(np.int8)),
        pa.array(rows.spacegroup.astype(np.uint8)),
        _fixed_lists(rows.p_system),
        _fixed_lists(rows.p_spacegroup),
    ]
    table = pa.Table.from_arrays(columns, schema=SCHEMA)
    write_parquet(table, path, _ROW_GROUP)


def read_predictions(path: str | Path) -> Predictions:
    """Read predictions.

    Raises
    ------
    InputError
        If the file is unreadable, lacks a column, or holds values that are not what `Predictions` says.
    """
    try:
        table = read_parquet(path)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path} cannot be read as a parquet table of predictions: {error}") from error
    missing = [name for name in SCHEMA.names if name not in table.column_names]
    if missing:
        raise InputError(f"{path} lacks the columns {', '.join(missing)} of a table of predictions")
    try:
        table = table.select(SCHEMA.names).cast(SCHEMA)
    except (pa.ArrowException, ValueError) as error:
        raise InputError(
            f"{path} has a column of the wrong type for a table of predictions: {error}"
        ) from error
    holed = [name for name in SCHEMA.names if table[name].null_count]
    if holed:
        raise InputError(f"{path} has empty values in the columns {', '.join(holed)}")
    predictions = Predictions(
        material_id=np.asarray(table["material_id"].to_pylist(), dtype=str),
        view=table["view"].to_numpy(),
        system=table["crystal_system"].to_numpy().astype(int),
        spacegroup=table["spacegroup_number"].to_numpy().astype(int),
        p_system=_matrix(table["p_system"], N_SYSTEMS),
        p_spacegroup=_matrix(table["p_spacegroup"], N_SPACE_GROUPS),
    )
    _check(predictions, str(path))
    return predictions


def _fixed_lists(values: np.ndarray) -> pa.FixedSizeListArray:
    flat = pa.array(np.ascontiguousarray(values, dtype=np.float32).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])


def _matrix(column: pa.ChunkedArray, width: int) -> np.ndarray:
    chunks = [chunk.flatten().to_numpy(zero_copy_only=False).reshape(-1, width) for chunk in column.chunks]
    return np.concatenate([np.empty((0, width), np.float32), *chunks])


def _check(predictions: Predictions, where: str) -> None:
    """Raise an InputError if shapes, classes, probabilities or keys are wrong."""
    n = len(predictions)
    if n == 0:
        raise InputError(f"{where}: there are no patterns")
    shapes = {"view": (n,), "system": (n,), "spacegroup": (n,)}
    shapes |= {"p_system": (n, N_SYSTEMS), "p_spacegroup": (n, N_SPACE_GROUPS)}
    for name, shape in shapes.items():
        if getattr(predictions, name).shape != shape:
            raise InputError(
                f"{where}: {name} has shape {getattr(predictions, name).shape}, expected {shape}"
            )
    _check_classes(predictions, where)
    for name in ("p_system", "p_spacegroup"):
        _check_probabilities(predictions, name, where)
    keys = np.lexsort((predictions.view, predictions.material_id))
    ids, views = predictions.material_id[keys], predictions.view[keys]
    again = np.flatnonzero((ids[1:] == ids[:-1]) & (views[1:] == views[:-1]))
    if len(again):
        raise InputError(f"{where}: view {views[again[0]]} of material {ids[again[0]]} occurs more than once")


def _check_classes(predictions: Predictions, where: str) -> None:
    groups = predictions.spacegroup
    bad = np.flatnonzero((groups < 1) | (groups > N_SPACE_GROUPS))
    if not len(bad):
        bad = np.flatnonzero(system_index(groups) != predictions.system)
    if len(bad):
        i = bad[0]
        raise InputError(
            f"{where}: material {predictions.material_id[i]} has space group {groups[i]} and crystal system "
            f"{predictions.system[i]}; expected a number from 1 to 230 and the index of its system"
        )


def _check_probabilities(predictions: Predictions, name: str, where: str) -> None:
    values = getattr(predictions, name)
    total = values.sum(axis=1, dtype=np.float64)
    # Negated, so that NaN fails as well.
    bad = np.flatnonzero(~((values >= 0).all(axis=1) & (np.abs(total - 1) <= _SUM_TOLERANCE)))
    if len(bad):
        i = bad[0]
        raise InputError(
            f"{where}: {name} of material {predictions.material_id[i]}, view {predictions.view[i]}, is not a "
            f"distribution: it adds up to {total[i]:.6g} and its least value is {values[i].min():.6g}; "
            f"expected no value below 0 and none missing, with sum 1"
        )
