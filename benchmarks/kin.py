"""A model on the test materials of `lattice_network.py` with and without kin among its other materials.

One pattern of each test material, the first, as each level of the detector shows it. In brackets: 95 %
interval by a bootstrap over materials.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from lattice_network import LEVELS, sides

from edsym.detector.detect import detect
from edsym.evaluation.bootstrap import Bootstrap, interval_in_percent
from edsym.evaluation.rival_tables import KIN
from edsym.models.model import Model
from edsym.spots.store import materials_with_patterns
from edsym.structures.kinship_table import read_kinship
from edsym.symmetry import system_index

_DRAWS = 1000


def main() -> None:
    """Predict, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spots", type=Path, nargs="+", help="stores of spots")
    parser.add_argument("--structures", type=Path, required=True, help="their materials (Parquet)")
    parser.add_argument("--kinship", type=Path, required=True, help="a run's structures/kinship.parquet")
    parser.add_argument("--model", type=Path, default=Path("models/lattice"), help="folder of the model")
    parser.add_argument("--test", type=int, default=1200, help="materials that were kept for the test")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    _, _, test, groups = sides(options)
    learned = np.setdiff1d(materials_with_patterns(options.spots), test.material_id)
    first = np.flatnonzero(np.diff(test.material, prepend=-1))
    kinship, model, rows = read_kinship(options.kinship), Model.load(options.model), []
    for level in LEVELS:
        shown = detect(test.take(first), level)
        p_system, p_spacegroup = model.predict_proba(shown, threads=options.threads, progress=True)
        hits = {
            "system": p_system.argmax(axis=1) == system_index(groups[first]),
            "space group": p_spacegroup.argmax(axis=1) + 1 == groups[first],
        }
        rows += [row for kin in KIN for row in compared(level, kin, hits, test.material_id, learned, kinship)]
    print(pd.DataFrame(rows).to_markdown(index=False))


def compared(
    level: str, kin: str, hits: dict, names: np.ndarray, learned: np.ndarray, kinship: pd.DataFrame
) -> list[dict]:
    """Return the rows of materials with and without kin of a kind."""
    akin = kinship[kin].loc[names].isin(kinship[kin].loc[learned]).to_numpy()
    rows = []
    for side, chosen in (("with", akin), ("without", ~akin)):
        row = {"spots": level, "shared": KIN[kin], "kin": side, "materials": int(chosen.sum())}
        boot = Bootstrap(names[chosen], _DRAWS, 0)
        for target, right in hits.items():
            value, low, high = interval_in_percent(boot.share(right[chosen]), "x").values()
            row[f"{target}, %"] = f"{value:.1f} ({low:.1f}–{high:.1f})"
        rows.append(row)
    return rows


if __name__ == "__main__":
    main()
