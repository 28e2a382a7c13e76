"""Calibration and ranges of a stored model, from materials that no part of its run used.

They are simulated by its recipe, and calibration.json and ranges.json are written beside the model. The table
of structures must be the one of the recipe: its first `structures.limit` materials, in the order that the
seed draws, made the model, and the next ones are taken here.
"""

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

import inputs
import numpy as np
import pandas as pd
from stored_model import recipe

import edsym
from edsym.files import write_text
from edsym.interface.ranges import SHARE, measured_ranges
from edsym.interface.spots import Spots
from edsym.models.model import Model
from edsym.predictions.calibration import Calibration
from edsym.predictions.draw import draw_views
from edsym.predictions.fit import fit_calibration
from edsym.predictions.settings import EvaluationSettings
from edsym.predictions.table import Predictions
from edsym.simulation.run.shard import simulate_shard
from edsym.spots.peaks import extract_shard
from edsym.spots.settings import PeaksSettings
from edsym.spots.store import SpotLists, read_spots
from edsym.structures.sources import subset
from edsym.structures.table import read_columns, write_materials

VIEWS = (2, 5, 10, 20)
"""Numbers of views for which the pool is fitted."""


def main() -> None:
    """Simulate, predict, fit and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="name of a stored model")
    parser.add_argument("--structures", type=Path, required=True, help="the recipe's table (Parquet)")
    parser.add_argument("--count", type=int, default=1000, help="materials to take")
    arguments = parser.parse_args()
    config = recipe(arguments.model)
    folder = inputs.REPOSITORY / "models" / arguments.model
    made = json.loads((folder / "recipe.json").read_text())
    table = chosen(arguments, config, made["structures"])
    spots = Spots.of(simulated(table, config))
    made_from = (
        f"{len(spots)} patterns of {len(np.unique(spots.material))} materials simulated by recipe.json, from "
        "its table of structures but beyond its structures.limit: no part of the model's run used them"
    )
    groups = table.set_index("material_id").spacegroup_number.loc[spots.material_id].to_numpy(int)
    model = edsym.load_model(arguments.model).model
    fits = {n: asdict(fit) for n, fit in fitted(model, spots, groups[spots.material]).items()}
    write(folder / "calibration.json", {"made_from": made_from, "views": fits})
    note = f"{SHARE:.1%} of the patterns are within low and high: [low, median, high]"
    ranges = {"made_from": made_from, "note": note, "ranges": measured_ranges(spots)}
    write(folder / "ranges.json", ranges)


def fitted(model: Model, spots: SpotLists, groups: np.ndarray) -> dict[int, Calibration]:
    """Return what is fitted to a model by numbers of views."""
    ids = spots.material_id[spots.material]
    predictions = Predictions(ids, spots.view, *model.predict_proba(spots), groups)
    fits = {}
    for n in VIEWS:
        settings, read = EvaluationSettings(views=n), None
        if model.together:
            rows, start = draw_views(ids, spots.view, settings)
            counts = np.diff(np.append(start, len(rows)))
            answer = model.predict_views(spots.take(rows), start)
            read = Predictions(ids[rows[start]], counts, *answer, groups[rows[start]])
        fits[n] = fit_calibration(predictions, settings, read)
    return fits


def chosen(arguments: argparse.Namespace, config: dict, made: dict) -> pd.DataFrame:
    """Return rows of the table that the run did not draw, within the bounds of its filter."""
    table = read_columns(arguments.structures, foreign=True)
    rest = subset(list(table.material_id), None, made["seed"])[made["limit"] :][: arguments.count]
    bounds = config["filter"]["min_volume"], config["filter"]["max_volume"]
    return table[table.material_id.isin(rest) & table.volume.between(*bounds)]


def simulated(table: pd.DataFrame, config: dict) -> SpotLists:
    """Return the spot lists of materials."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_materials(table, folder / "materials.parquet", {})
        settings = inputs.simulation_settings(config, shards=1)
        simulate_shard(folder / "materials.parquet", folder / "patterns.h5", 0, settings)
        extract_shard(folder / "patterns.h5", folder / "spots.h5", PeaksSettings(**config["peaks"]))
        return read_spots([folder / "spots.h5"])


def write(path: Path, content: dict) -> None:
    """Write JSON."""
    write_text(path, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
