"""A stored model's score on test materials of its run, simulated anew with another seed.

The model card has the score to compare with; the split must be that of the run that made the model.
"""

import argparse
import json
import tempfile
from pathlib import Path

import inputs
import learning_curve
import pandas as pd
import yaml

from edsym import load_model
from edsym.configuration import check_configuration
from edsym.simulation.run.shard import simulate_shard
from edsym.spots.peaks import extract_shard
from edsym.spots.settings import PeaksSettings
from edsym.spots.split import read_split
from edsym.spots.store import read_spots
from edsym.structures.table import read_materials, write_materials
from edsym.symmetry import system_index


def main() -> None:
    """Simulate, predict and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="name of a stored model")
    parser.add_argument("--materials", type=Path, required=True, help="the run's structures/selected.parquet")
    parser.add_argument("--split", type=Path, required=True, help="the run's split.parquet")
    parser.add_argument("--count", type=int, default=500, help="test materials")
    parser.add_argument("--seed", type=int, default=1, help="of the simulation and the choice of materials")
    parser.add_argument("--output", type=Path, help="write the Markdown table to this file, too")
    arguments = parser.parse_args()
    config = recipe(arguments.model)
    split = read_split(arguments.split)
    test = split.material_id[split.split == "test"]
    table = read_materials(arguments.materials)
    table = table[table.material_id.isin(test)].sample(arguments.count, random_state=arguments.seed)
    right, materials = scored(arguments, config, table)
    rows = [
        {"target": target} | learning_curve.interval("accuracy", learning_curve.shares(hits, materials))
        for target, hits in right.items()
    ]
    text = f"{arguments.model}: {len(materials)} patterns of {materials.nunique()} test materials, in %\n\n"
    inputs.report(text + inputs.markdown(pd.DataFrame(rows).round(1).to_dict("records")), arguments)


def recipe(model: str) -> dict:
    """Return the configuration that a stored model was made with, but for where its structures came from."""
    root = inputs.REPOSITORY
    base = yaml.safe_load((root / "config/config.yaml").read_text(encoding="utf-8"))
    made = json.loads((root / "models" / model / "recipe.json").read_text(encoding="utf-8"))
    for section in made.keys() - {"structures"}:
        base[section] |= made[section]
    return check_configuration(base)


def scored(
    arguments: argparse.Namespace, config: dict, table: pd.DataFrame
) -> tuple[dict[str, pd.Series], pd.Series]:
    """Return by target whether each new pattern is told right, and the patterns' materials."""
    settings = inputs.simulation_settings(config, shards=1, seed=arguments.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_materials(table, folder / "materials.parquet", {})
        simulate_shard(folder / "materials.parquet", folder / "patterns.h5", 0, settings)
        extract_shard(folder / "patterns.h5", folder / "spots.h5", PeaksSettings(**config["peaks"]))
        spots = read_spots([folder / "spots.h5"])
    systems, groups = load_model(arguments.model).model.predict_proba(spots)
    numbers = table.set_index("material_id").spacegroup_number.loc[spots.material_id].to_numpy(int)
    numbers = numbers[spots.material]
    right = {
        "crystal system": pd.Series(systems.argmax(axis=1) == system_index(numbers)),
        "space group": pd.Series(groups.argmax(axis=1) == numbers - 1),
    }
    return right, pd.Series(spots.material_id[spots.material])


if __name__ == "__main__":
    main()
