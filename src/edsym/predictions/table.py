"""Predictions of a model: one row a pattern, the probabilities of all classes and, if known, the truth.

Where a model reads several views of a material together there is one row a material, and `view` is how many
they are.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from edsym.errors import InputError
from edsym.parquet import read_parquet, write_parquet
from edsym.symmetry import CRYSTAL_SYSTEMS, N_SPACE_GROUPS, system_index

N_SYSTEMS = len(CRYSTAL_SYSTEMS)
# Probabilities of half precision need not add up to one more closely.
_SUM_TOLERANCE = 1e-2

SCHEMA = pa.schema(
    [
        ("material_id", pa.string()),
        ("view", pa.int32()),
        ("spacegroup_number", pa.uint8()),
        ("p_system", pa.list_(pa.float32(), N_SYSTEMS)),
        ("p_spacegroup", pa.list_(pa.float32(), N_SPACE_GROUPS)),
    ]
)


@dataclass(frozen=True)
class Predictions:
    """What a model says of patterns, and the truth where it is known.

    Attributes
    ----------
    material_id : (P,) array of str
        Material of each pattern.
    view : (P,) array of int
        Which view of its material each pattern is.
    p_system : (P, 7) array of float32
        Probabilities of the crystal systems, in the order of `edsym.symmetry.CRYSTAL_SYSTEMS`.
    p_spacegroup : (P, 230) array of float32
        Probabilities of the space groups; column i is number i + 1.
    spacegroup : (P,) array of int or None
        True space-group number, 1 to 230; None for patterns of unknown crystals.
    """

    material_id: np.ndarray
    view: np.ndarray
    p_system: np.ndarray
    p_spacegroup: np.ndarray
    spacegroup: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.material_id)

    @property
    def system(self) -> np.ndarray | None:
        """The true crystal system (P,), index into `edsym.symmetry.CRYSTAL_SYSTEMS`; None if unknown."""
        return None if self.spacegroup is None else system_index(self.spacegroup)


def write_predictions(predictions: Predictions, path: str | Path) -> None:
    """Write predictions as a parquet table sorted by material_id, then view.

    Raises
    ------
    InputError
        If the predictions are not what `Predictions` says.
    """
    _check(predictions, "predictions")
    order = np.lexsort((predictions.view, predictions.material_id))
    truth = predictions.spacegroup
    columns = [
        pa.array(predictions.material_id[order].astype(object), pa.string()),
        pa.array(predictions.view[order].astype(np.int32)),
        pa.nulls(len(order), pa.uint8()) if truth is None else pa.array(truth[order].astype(np.uint8)),
        _fixed_lists(predictions.p_system[order]),
        _fixed_lists(predictions.p_spacegroup[order]),
    ]
    table = pa.Table.from_arrays(columns, schema=SCHEMA)
    write_parquet(table, path)


def read_predictions(path: str | Path) -> Predictions:
    """Read predictions.

    Raises
    ------
    InputError
        If the file is unreadable, lacks a column, or holds values that are not what `Predictions` says.
    """
    table = read_parquet(path)
    missing = [name for name in SCHEMA.names if name not in table.column_names]
    if missing:
        raise InputError(f"{path} lacks the columns {', '.join(missing)} of a table of predictions")
    try:
        table = table.select(SCHEMA.names).cast(SCHEMA)
    except (pa.ArrowException, ValueError) as error:
        raise InputError(
            f"{path} has a column of the wrong type for a table of predictions: {error}"
        ) from error
    unknown = 0 < len(table) == table["spacegroup_number"].null_count
    holed = [name for name in SCHEMA.names if table[name].null_count]
    if holed != ["spacegroup_number"] * unknown:
        raise InputError(f"{path} has empty values in the columns {', '.join(holed)}")
    predictions = Predictions(
        material_id=np.asarray(table["material_id"].to_pylist(), dtype=str),
        view=table["view"].to_numpy(),
        p_system=_matrix(table["p_system"], N_SYSTEMS),
        p_spacegroup=_matrix(table["p_spacegroup"], N_SPACE_GROUPS),
        spacegroup=None if unknown else table["spacegroup_number"].to_numpy().astype(int),
    )
    _check(predictions, str(path))
    return predictions


def check_together(
    together: Predictions, predictions: Predictions, rows: np.ndarray, start: np.ndarray
) -> None:
    """Raise an InputError unless the first are of the views that are drawn of the others.

    `rows` and `start` are what `edsym.predictions.draw.draw_views` returns.
    """
    materials, counts = predictions.material_id[rows[start]], np.diff(np.append(start, len(rows)))
    if not np.array_equal(together.material_id, materials) or not np.array_equal(together.view, counts):
        raise InputError(
            f"{len(together)} predictions from views read together are not of the {len(rows)} views that are "
            f"drawn of {len(start)} materials: predict both again with the same evaluation.views"
        )


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
    shapes = {"view": (n,), "p_system": (n, N_SYSTEMS), "p_spacegroup": (n, N_SPACE_GROUPS)}
    shapes |= {} if predictions.spacegroup is None else {"spacegroup": (n,)}
    for name, shape in shapes.items():
        if getattr(predictions, name).shape != shape:
            raise InputError(
                f"{where}: {name} has shape {getattr(predictions, name).shape}, expected {shape}"
            )
    if predictions.spacegroup is not None:
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
    if len(bad):
        raise InputError(
            f"{where}: material {predictions.material_id[bad[0]]} has space group {groups[bad[0]]}; expected "
            f"a number from 1 to {N_SPACE_GROUPS}"
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
