"""What `edsym cell` prints."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from edsym.interface.cell_result import CellResult

_SHOWN = 0.001


def with_uncertainty(value: float, uncertainty: float) -> str:
    """Return a value in the crystallographer's notation: 5.643(12) is 5.643 with 0.012.

    Two digits of the standard deviation are shown below 20, else one; a value that is exact has no bracket.
    """
    if not uncertainty > 0:
        return f"{value:g}"
    digits = -int(np.floor(np.log10(uncertainty)))
    if round(uncertainty * 10**digits) < 2:
        digits += 1
    digits = max(digits, 0)
    return f"{value:.{digits}f}({round(uncertainty * 10**digits)})"


def report(cell: CellResult, names: Sequence) -> str:
    """Return a cell in words and tables, with the patterns by these names."""
    share, error = 100 * cell.indexed_share, cell.position_error
    lie = f"{share:.0f} % of the spots lie on it, with a standard deviation of {error:.2g} 1/Å a coordinate."
    lines = _of_plane(cell, lie) if cell.plane else _of_cell(cell, lie)
    patterns = pd.DataFrame(
        {
            "number": view.name,
            "pattern": name,
            "spots": len(view.indexed),
            "indexed": int(view.indexed.sum()),
            "agrees": "yes" if view.agrees else "no",
        }
        for name, view in zip(names, cell.views, strict=True)
    )
    lines += [patterns.to_string(index=False), ""]
    lines += [f"not determined: {told}" for told in cell.undetermined]
    return "\n".join(lines) + "\n"


def _of_cell(cell: CellResult, lie: str) -> list[str]:
    best = cell.bravais[0]
    table = pd.DataFrame(
        {
            "bravais": one.bravais,
            "probability": f"{one.probability:.3f}",
            "cell": _parameters(one.parameters, one.uncertainties),
            "chi2": f"{one.chi2:.1f}",
        }
        for one in cell.bravais
        if one.probability >= _SHOWN
    )
    return [
        f"The lattice is right with probability {cell.probability:.2f}.",
        lie,
        "",
        "primitive cell (reduced, bound by no symmetry; Å, degrees):",
        "  " + _parameters(cell.parameters, cell.uncertainties),
        f"conventional cell ({best.bravais}):",
        "  " + _parameters(best.parameters, best.uncertainties),
        "",
        table.to_string(index=False),
        "",
    ]


def _of_plane(cell: CellResult, lie: str) -> list[str]:
    plane = cell.plane
    values, errors = plane.parameters, plane.uncertainties
    spacings = (with_uncertainty(1 / v, u / v**2) for v, u in zip(values[:2], errors[:2], strict=True))
    return [
        "The spots lie on a plane lattice, as along a zone axis: there is no cell.",
        lie,
        "",
        "plane lattice (a*, b* in 1/Å, the angle between them in degrees):",
        "  " + _parameters(values, errors),
        "spacings of the lattice planes 10 and 01 (Å):",
        "  " + "  ".join(spacings),
        "",
    ]


def _parameters(values: np.ndarray, uncertainties: np.ndarray) -> str:
    return "  ".join(with_uncertainty(v, u) for v, u in zip(values, uncertainties, strict=True))
