"""Accuracy of the models against the number of training materials, on the test patterns of a finished run.

Every size trains all models anew on the first so many training materials, nested by a hash of their ids;
the whole set's predictions are taken from the run. What is there already is not computed again.
"""

import argparse
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pyarrow as pa
import yaml

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from edsym.configuration import check_configuration
from edsym.evaluation.palette import BLUE, ORANGE, VERMILION
from edsym.files import atomic_path
from edsym.models.predict import predict_model
from edsym.models.registry import MODELS, fixed_threads, make_model, validation_of
from edsym.models.train import train_model
from edsym.parquet import write_parquet
from edsym.predictions.decisions import single_decisions
from edsym.predictions.settings import EvaluationSettings
from edsym.predictions.table import read_predictions
from edsym.predictions.views import aggregate
from edsym.seeds import generator, stable_hash
from edsym.spots.split import read_split

ROOT = Path(__file__).parents[1]
PUBLISHED_MATERIALS = 27_511
_RESAMPLES = 2000
_COLOURS = {"gmoe": BLUE, "mlp": VERMILION, "forest": ORANGE}


def main() -> None:
    """Train what is missing, then write table and figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--config", type=Path, required=True, help="overlay that the run was made with")
    parser.add_argument("--sizes", type=int, nargs="+", default=[475, 950, 1900], help="training materials")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--output", type=Path, required=True, help="folder of models, table and figure")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time")
    arguments = parser.parse_args()
    config = check_configuration(merged_configuration(arguments.config))
    tasks = [(config, n, model, arguments.output) for n in arguments.sizes for model in arguments.models]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        list(pool.map(_train, *zip(*tasks, strict=True)))
    table = pd.DataFrame(_rows(config, arguments))
    with atomic_path(arguments.output / "learning_curve.csv") as temporary:
        table.to_csv(temporary, index=False, float_format="%.2f")
    _draw(table, config, arguments.output)
    print(table.to_string(index=False, float_format="%.1f"))


def merged_configuration(overlay: Path) -> dict:
    """Return the default configuration with an overlay over it."""
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    for section, values in yaml.safe_load(overlay.read_text(encoding="utf-8")).items():
        config[section] = config[section] | values if isinstance(values, dict) else values
    return config


def _train(config: dict, size: int, model: str, output: Path) -> None:
    """Train one model on so many materials and predict the run's test patterns."""
    results, folder = Path(config["results"]), output / str(size)
    predictions, model_dir = folder / f"{model}.parquet", folder / model
    if predictions.exists():
        return
    split = folder / "split.parquet"
    write_subset(results / "split.parquet", size, split)
    spots = sorted((results / "spots").glob("*.h5"))
    train_and_predict(config, model, spots, split, model_dir, predictions)


def train_and_predict(
    config: dict, kind: str, spots: list[Path], split: Path, folder: Path, predictions: Path
) -> tuple[float, float]:
    """Train a model and predict the test patterns; return how long the two took, in seconds."""
    entry, start = MODELS[kind], time.perf_counter()
    validation = validation_of(kind, config) if entry.holds_out else None
    train_model(make_model(kind, config), spots, split, folder, validation=validation)
    trained = time.perf_counter()
    predict_model(folder, spots, split, [predictions], threads=fixed_threads(entry.predict, config) or 1)
    return trained - start, time.perf_counter() - trained


def write_subset(split_path: Path, size: int, output: Path) -> None:
    """Write a split with all its test materials and the first so many training materials."""
    split = read_split(split_path)
    training = split[split.split == "train"]
    rank = training.material_id.map(lambda material: stable_hash("learning curve", material))
    chosen = training.material_id[rank.sort_values().index[:size]]
    part = split[(split.split == "test") | split.material_id.isin(chosen)]
    write_parquet(pa.Table.from_pandas(part, preserve_index=False), output)


def _rows(config: dict, arguments: argparse.Namespace) -> Iterator[dict]:
    """Yield a row for each size, model and way to decide: accuracy and lead over the forest, in percent."""
    results = Path(config["results"])
    complete = int((read_split(results / "split.parquet").split == "train").sum())
    settings = EvaluationSettings(**config["evaluation"])
    for size in (*arguments.sizes, complete):
        folder = results / "predictions" if size == complete else arguments.output / str(size)
        found = {model: _shares(folder / f"{model}.parquet", settings) for model in arguments.models}
        for model, ways in found.items():
            for (target, method), draws in ways.items():
                row = {"model": model, "materials": size, "target": target, "method": method}
                row |= interval("accuracy", draws)
                if "forest" in found and model != "forest":
                    row |= interval("lead", draws - found["forest"][target, method])
                yield row


def _shares(path: Path, settings: EvaluationSettings) -> dict[tuple[str, str], np.ndarray]:
    """Return the share of right decisions, of all materials and of resamples of them, by target and way."""
    predictions = read_predictions(path)
    single, views = single_decisions(predictions), aggregate(predictions, settings)
    found = {}
    for target in ("system", "spacegroup"):
        right = {"single": single[target] == single[f"predicted_{target}"]}
        right |= {m: views[target] == views[f"{m}_predicted_{target}"] for m in ("vote", "logsum")}
        for method, values in right.items():
            ids = single.material_id if method == "single" else views.material_id
            found[target, method] = shares(values, ids)
    return found


def shares(right: pd.Series, material_id: pd.Series) -> np.ndarray:
    """Return the share of right decisions of all materials, then those of resamples of the materials."""
    sums, counts = right.groupby(material_id).agg(["sum", "size"]).to_numpy().T
    # The same resamples for every model: their differences are those on the same materials.
    draws = generator(0, "bootstrap").integers(0, len(sums), (_RESAMPLES, len(sums)))
    draws = np.concatenate([np.arange(len(sums))[None], draws])
    return sums[draws].sum(1) / counts[draws].sum(1)


def interval(name: str, values: np.ndarray) -> dict[str, float]:
    """Return a share and its 95 % interval by bootstrap over materials, in percent."""
    low, high = np.percentile(values[1:], [2.5, 97.5])
    return {name: 100 * values[0], f"{name}_low": 100 * low, f"{name}_high": 100 * high}


def projection(materials: np.ndarray, accuracy: np.ndarray, further: np.ndarray) -> np.ndarray:
    """Return accuracies in percent at further numbers of materials: log-odds straight in their logarithm."""
    odds = accuracy / (100 - accuracy)
    line = np.polynomial.Polynomial.fit(np.log(materials), np.log(odds), 1)
    return 100 / (1 + np.exp(-line(np.log(further))))


def _draw(table: pd.DataFrame, config: dict, output: Path) -> None:
    """Draw crystal-system accuracy; dotted: its projection to the published number of materials."""
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.2), sharey=True, layout="constrained")
    for ax, (method, title) in zip(
        axes, {"single": "one pattern", "logsum": "ten views"}.items(), strict=True
    ):
        ends = []
        for model, rows in table[(table.target == "system") & (table.method == method)].groupby("model"):
            error = np.abs(rows[["accuracy_low", "accuracy_high"]].to_numpy().T - rows.accuracy.to_numpy())
            label, colour = MODELS[model].title, _COLOURS[model]
            ax.errorbar(rows.materials, rows.accuracy, error, marker="o", ms=3, color=colour, label=label)
            further = np.geomspace(rows.materials.max(), PUBLISHED_MATERIALS, 20)
            projected = projection(rows.materials, rows.accuracy, further)
            ax.plot(further, projected, ":", color=colour)
            ends.append((projected[-1], colour))
        place = -np.inf
        for end, colour in sorted(ends):
            place = max(end, place + 0.055 * np.ptp(table.accuracy[table.target == "system"]))
            ax.text(1.1 * PUBLISHED_MATERIALS, place, f"{end:.0f}", color=colour, fontsize=8, va="center")
        ax.margins(y=0.09)
        ax.set_xscale("log")
        ax.set_xlim(right=1.8 * PUBLISHED_MATERIALS)
        ax.set_xlabel("Training materials")
        ax.set_title(f"{config['simulation']['orientations']} orientations, {title}", fontsize=9)
    axes[0].set_ylabel("Crystal-system accuracy, %")
    figure.legend(*axes[0].get_legend_handles_labels(), fontsize=7, ncols=3, loc="outside lower center")
    for form in ("svg", "png"):
        with atomic_path(output / f"learning_curve.{form}") as temporary:
            figure.savefig(temporary, format=form, dpi=200)


if __name__ == "__main__":
    main()
