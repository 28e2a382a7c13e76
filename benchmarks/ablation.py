"""What each choice is worth: the network trained with one change at a time, on the same patterns and split.

A table of crystal-system accuracy on the test patterns, one by one and with the log-probabilities of a
material's views summed. What is there already is not computed again.
"""

import argparse
import json
from pathlib import Path

import learning_curve
import pandas as pd

from edsym.configuration import check_configuration
from edsym.files import atomic_path, write_text
from edsym.predictions.decisions import single_decisions
from edsym.predictions.settings import EvaluationSettings
from edsym.predictions.table import read_predictions
from edsym.predictions.views import aggregate
from edsym.spots.split import read_split

VARIANTS = {
    "base": {},
    "graph_threshold": {"network": {"graph": "threshold"}},
    "graph_literal": {"network": {"graph": "literal"}},
    "no_graph": {"network": {"graph": "none"}},
    "no_experts": {"network": {"experts": 0, "top_k": 0}},
    # The shared expert as wide as the three that a spot passes otherwise: as much arithmetic.
    "no_experts_wide": {"network": {"experts": 0, "top_k": 0, "expert_width": "3x"}},
    "polar": {"network": {"features": "polar"}},
    "polar_log": {"network": {"features": "polar_log"}},
    "harmonics": {"network": {"features": "harmonics"}},
    "invariant": {"network": {"features": "invariant"}},
    "pair_spectra": {"network": {"spectra_width": 256}},
    "rotation": {"training": {"augmentation": "rotation"}},
    "mirror": {"training": {"augmentation": "mirror"}},
    "label_smoothing": {"training": {"label_smoothing": 0.1}},
    "class_balance": {"training": {"class_balance": 0.5}},
    "averaging": {"training": {"averaging": 0.99}},
}
"""Name of each variant and what it changes of the configuration."""


def main() -> None:
    """Train what is missing, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--config", type=Path, required=True, help="overlay that the run was made with")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--size", type=int, help="training materials; default: all")
    parser.add_argument("--output", type=Path, required=True, help="folder of models and table")
    arguments = parser.parse_args()
    config = learning_curve.merged_configuration(arguments.config)
    split = _split(config, arguments)
    rows = []
    for name in arguments.variants:
        changed = changed_configuration(config, VARIANTS[name])
        _train(changed, split, arguments.output / name)
        rows.append({"variant": name} | _row(changed, arguments.output / name))
    with atomic_path(arguments.output / "ablation.csv") as temporary:
        pd.DataFrame(rows).to_csv(temporary, index=False, float_format="%.2f")
    print(pd.DataFrame(rows).to_markdown(index=False, floatfmt=".1f"))


def changed_configuration(config: dict, changes: dict[str, dict]) -> dict:
    """Return the checked configuration with the changes of a variant; ``3x`` triples the number there is."""
    config = dict(config)
    for section, values in changes.items():
        old = config[section]
        values = {key: 3 * old[key] if value == "3x" else value for key, value in values.items()}
        config[section] = old | values
    return check_configuration(config)


def _split(config: dict, arguments: argparse.Namespace) -> Path:
    complete = Path(config["results"]) / "split.parquet"
    size = arguments.size or int((read_split(complete).split == "train").sum())
    path = arguments.output / "split.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    learning_curve.write_subset(complete, size, path)
    return path


def _train(config: dict, split: Path, folder: Path) -> None:
    """Train a variant and predict the test patterns, unless that was done; remember how long it took."""
    if (folder / "seconds.json").exists():
        return
    spots = sorted((Path(config["results"]) / "spots").glob("*.h5"))
    places = spots, split, folder / "model", folder / "predictions.parquet"
    training, prediction = learning_curve.train_and_predict(config, "gmoe", *places)
    write_text(folder / "seconds.json", json.dumps({"training": training, "prediction": prediction}))


def _row(config: dict, folder: Path) -> dict:
    """Return accuracy with its interval in percent, parameters, and patterns a second, reading included."""
    predictions = read_predictions(folder / "predictions.parquet")
    single = single_decisions(predictions)
    views = aggregate(predictions, EvaluationSettings(**config["evaluation"]))
    right = {"single": (single, "predicted_system"), "logsum": (views, "logsum_predicted_system")}
    row = {}
    for method, (table, column) in right.items():
        shares = learning_curve.shares(table["system"] == table[column], table.material_id)
        row |= learning_curve.interval(method, shares)
    model = json.loads((folder / "model/model.json").read_text(encoding="utf-8"))
    seconds = json.loads((folder / "seconds.json").read_text(encoding="utf-8"))
    seen = model["training"]["epochs"] * model["training"]["training_patterns"]
    return row | {
        "parameters": model["n_parameters"],
        "trained_patterns_per_second": seen / seconds["training"],
        "predicted_patterns_per_second": len(single) / seconds["prediction"],
    }


if __name__ == "__main__":
    main()
