"""What `edsym cell` prints."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from edsym.interface.cell import CellResult

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
    best = cell.bravais[0]
    share, error = 100 * cell.indexed_share, cell.position_error
    lines = [
        f"The lattice is right with probability {cell.probability:.2f}.",
        f"{share:.0f} % of the spots lie on it, with a standard deviation of {error:.2g} 1/Å a coordinate.",
        "",
        "primitive cell (reduced, bound by no symmetry; Å, degrees):",
        "  " + _parameters(cell.parameters, cell.uncertainties),
        f"conventional cell ({best.bravais}):",
        "  " + _parameters(best.parameters, best.uncertainties),
        "",
    ]
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
    lines += [table.to_string(index=False), "", patterns.to_string(index=False), ""]
    lines += [f"not determined: {told}" for told in cell.undetermined]
    return "\n".join(lines) + "\n"


def _parameters(values: np.ndarray, uncertainties: np.ndarray) -> str:
    return "  ".join(with_uncertainty(v, u) for v, u in zip(values, uncertainties, strict=True))
