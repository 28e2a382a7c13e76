"""The table of what the lattice finder says of test materials, beside the truth: a row an answer."""

import pyarrow as pa

SCHEMA = pa.schema(
    {
        "material_id": pa.string(),
        "level": pa.string(),
        "position_error": pa.float64(),
        "scale_error": pa.float64(),
        "views": pa.int32(),
        "spots": pa.int32(),
        "volume": pa.float64(),
        "system": pa.string(),
        "lattice": pa.string(),
        "deviation": pa.float64(),
        "deviation_to_scale": pa.float64(),
        "probability": pa.float64(),
        "predicted_lattice": pa.string(),
        "predicted_system": pa.string(),
        "failure": pa.string(),
    }
)
"""Columns of the table.

``level``, ``position_error``, ``scale_error``: what showed the spots, and two of its errors (1/Å, a share);
``views``, ``spots``: how many patterns, and spots in all; ``volume``, ``lattice``, ``system``: of the true
primitive cell in Å³, its Bravais lattice, and the crystal's system; ``deviation``, ``deviation_to_scale``: of
the cell that was found, see `edsym.lattice.compare.deviation`, and up to a common factor, infinite where
there is none; ``probability``: that it is right within 3 %; ``predicted_lattice``, ``predicted_system``: the
most probable Bravais lattice and, by the lattice alone, crystal system, or "none"; ``failure``: what went
wrong, or nothing.
"""

POSITIONS = "positions"
"""The level of rows of a detector that has errors of positions alone."""

REGRESSED = pa.schema(
    [SCHEMA.field(name) for name in ("material_id", "level", "scale_error", "views", "predicted_system")]
    + [SCHEMA.field(name) for name in ("deviation", "deviation_to_scale")]
)
"""Columns of the answers of the forest's regressors on the same patterns, which have the same meaning."""
