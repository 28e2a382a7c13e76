"""What the powder network owes to each of its parts, and to the number of its materials: small trainings.

All show as many patterns. Each is tested on the same patterns, with all nuisances, of materials that none
has seen.
"""

import argparse
import time
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
import torch
from inputs import use_one_core

from edsym.evaluation.metrics import wilson_interval
from edsym.evaluation.palette import BLUE, ORANGE, VERMILION
from edsym.files import atomic_path
from edsym.powder import fit
from edsym.powder.baselines import nearest
from edsym.powder.convnext import ConvNext
from edsym.powder.division import divide
from edsym.powder.losses import AdjustedLoss
from edsym.powder.measured import PatternSet, read_patterns
from edsym.powder.model import NETWORKS
from edsym.powder.network import PowderNetwork
from edsym.powder.render import render
from edsym.powder.rival_settings import PowderConvNextSettings
from edsym.powder.score import scored
from edsym.powder.settings import (
    PowderEvaluationSettings,
    PowderNetworkSettings,
    PowderSettings,
    TrainingSettings,
)
from edsym.powder.store import PowderStore
from edsym.seeds import generator

POWDER = PowderSettings(relatives=3)
NETWORK = PowderNetworkSettings(
    hidden=[512, 512],
    dropout=0.1,
    relatives_anew=0.5,
    batch_size=128,
    learning_rate=0.002,
    precision="bf16",
    threads=1,
)
CONVNEXT = PowderConvNextSettings(
    relatives_anew=0.5, batch_size=64, learning_rate=0.003, precision="bf16", threads=1
)
SIZES = (500, 2000, 8000, 0)
TESTED = 4000
COLOURS = (BLUE, ORANGE, VERMILION)
# Of the epochs, as published: clean patterns of all groups alike.
FIRST = 0.4


class Single(PowderNetwork):
    """The perceptron, which answers to patterns as they are and not to views of them."""

    def views(self, patterns):
        """Return patterns (n, bins) as the network takes them."""
        return [self.prepare(patterns)]


class ProfileAlone(Single):
    """The perceptron with zeros in the place of the autocorrelations."""

    def inputs(self, profiles):
        """Return profiles (n, bins) beside zeros."""
        return torch.cat([profiles, torch.zeros(len(profiles), 2 * self.correlations.count)], dim=1)


class Unsubtracted(Single):
    """The perceptron on patterns with their background."""

    def prepare(self, patterns):
        """Return the root of intensities (n, bins), largest 1."""
        return np.sqrt(np.maximum(patterns, 0) / patterns.max(axis=1, keepdims=True).clip(1e-6))


class Staged(PowderNetworkSettings):
    """The perceptron, which sees clean patterns of all groups alike first."""

    @property
    def uniform_epochs(self) -> int:
        """First epochs, of clean patterns with all powder groups alike."""
        return round(FIRST * self.epochs)


@dataclass(frozen=True)
class Variant:
    """What a training has otherwise: settings of its patterns and of the network, and its parts."""

    powder: dict = field(default_factory=dict)
    network: TrainingSettings = NETWORK
    kind: type = Single
    adjusted: bool = True
    relatives: bool = True


VARIANTS = {
    "all": Variant(),
    "another seed": Variant(network=NETWORK.replace(seed=1)),
    "no autocorrelations": Variant(kind=ProfileAlone),
    "no relatives": Variant(relatives=False),
    "background not subtracted": Variant(kind=Unsubtracted),
    "no background": Variant(powder={"background_min": 0.0001, "background_max": 0.0001}),
    "no counting noise": Variant(powder={"counts_min": 1e9, "counts_max": 1e9}),
    "no Kα2": Variant(powder={"kalpha2": 0.0}),
    "one width": Variant(powder={"fwhm_min": 0.1, "fwhm_max": 0.1, "strain_width_max": 0.0}),
    "no shifts": Variant(powder={"zero_sigma": 0.0, "displacement_sigma": 0.0}),
    "no strains": Variant(powder={"scale_sigma": 0.0, "strain_sigma": 0.0}),
    "no texture": Variant(powder={"texture_fraction": 0.0}),
    "no scatter": Variant(powder={"scatter_max": 0.0}),
    "no impurity": Variant(powder={"impurity_fraction": 0.0}),
    "whole range": Variant(powder={"cut_fraction": 0.0}),
    "prior learned": Variant(adjusted=False),
    "prior learned, clean and alike first": Variant(network=Staged(**NETWORK.model_dump()), adjusted=False),
    "ConvNeXt": Variant(network=CONVNEXT, kind=ConvNext),
    "ConvNeXt, no coordinate": Variant(network=CONVNEXT.replace(coordinate=False), kind=ConvNext),
}
"""Trainings of the ablation: the first is what the others are compared with."""


def main() -> None:
    """Train what is still missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reflections", type=Path, required=True, help="a store with three relatives each")
    parser.add_argument("--measured", type=Path, help="measured patterns, as powder_evaluation.measured")
    parser.add_argument("--what", choices=("parts", "materials"), default="parts")
    parser.add_argument("--materials", type=int, default=8000, help="of the trainings without parts")
    parser.add_argument("--patterns", type=int, default=40_000, help="shown by each training")
    parser.add_argument(
        "--folder", type=Path, required=True, help="for answers: a training there is not repeated"
    )
    parser.add_argument("--output", type=Path, help="write the table to this CSV file")
    parser.add_argument("--figure", type=Path, help="write the figure of materials to this file")
    options = parser.parse_args()
    use_one_core()
    torch.set_num_threads(1)
    store = PowderStore(options.reflections)
    tests = test_sets(store, options.measured)
    trainings = parts if options.what == "parts" else sizes
    for name, found in trainings(store, tests, options):
        path = options.folder / f"{name}.parquet"
        if not path.exists():
            start = time.process_time()
            answers = found()
            with atomic_path(path) as temporary:
                answers.assign(seconds=time.process_time() - start).to_parquet(temporary, index=False)
    names = list(VARIANTS) if options.what == "parts" else [n for n, _ in sizes(store, tests, options)]
    frames = {name: pd.read_parquet(options.folder / f"{name}.parquet") for name in names}
    table = pd.DataFrame(
        [row for name, frame in frames.items() for row in rows(name, frame, frames.get("all"))]
    )
    print(table.to_string(index=False, float_format="{:.1f}".format))
    if options.output:
        with atomic_path(options.output) as temporary:
            table.to_csv(temporary, index=False, float_format="%.3f")
    if options.figure and options.what == "materials":
        draw(table, options.figure)


def test_sets(store: PowderStore, measured: Path | None) -> dict[str, PatternSet]:
    """Return the patterns of test materials, of those of new prototypes among them, and measured ones."""
    first, second, test = divide(store, "material", PowderEvaluationSettings(), NETWORK.validation_fraction)
    new = test[~np.isin(store.prototype[test], store.prototype[np.concatenate([first, second])])]
    chosen = {"simulated": test, "new prototypes": new}
    for name, places in chosen.items():
        chosen[name] = generator(0, "powder ablation", name).permutation(places)[:TESTED]
    sets = {
        name: PatternSet(
            render(store.lines, own, POWDER, 0, "test"), store.spacegroup_number[own], store.material_id[own]
        )
        for name, own in chosen.items()
    }
    return sets | ({"measured": read_patterns(measured, POWDER)[0]} if measured else {})


def parts(store: PowderStore, tests: dict[str, PatternSet], options) -> Iterator:
    """Yield names and the trainings of the ablation."""
    for name, variant in VARIANTS.items():
        yield (
            name,
            lambda variant=variant: answered(trained(store, variant, options.materials, options), tests),
        )


def sizes(store: PowderStore, tests: dict[str, PatternSet], options) -> Iterator:
    """Yield names and the trainings with ever more materials, each beside the nearest neighbour."""
    for size in SIZES:
        training = divided(store, size)[0]
        count = f"{len(training):,}"
        yield f"{count} network", lambda size=size: answered(trained(store, Variant(), size, options), tests)
        yield f"{count} nearest", lambda training=training: remembered(store, training, tests)


def divided(store: PowderStore, materials: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the materials that train and validate, of so many."""
    settings = PowderEvaluationSettings(materials=materials)
    return divide(store, "material", settings, NETWORK.validation_fraction)[:2]


def trained(store: PowderStore, variant: Variant, materials: int, options):
    """Return the model of a variant."""
    training, validation = divided(store, materials)
    epochs = max(round(options.patterns / len(training)), 1)
    settings = variant.network.replace(epochs=epochs)
    if not variant.relatives:
        store = copy(store)
        store.lines_with_relatives, store.relatives = store.lines, 0
    with patch.dict(NETWORKS, {type(settings): variant.kind}):

        def loss(model):
            return AdjustedLoss(model.counts if variant.adjusted else 0 * model.counts)

        with patch.object(fit, "loss_of", loss):
            powder = POWDER.replace(**variant.powder)
            return fit.train_powder(store, training, validation, powder, settings, progress=True)


def answered(model, tests: dict[str, PatternSet]) -> pd.DataFrame:
    """Return a row a pattern: what a model answers."""
    frames = [
        scored(model.probabilities(model.scores(own.profiles)), own).assign(patterns=name)
        for name, own in tests.items()
    ]
    return pd.concat(frames)


def remembered(store: PowderStore, training: np.ndarray, tests: dict[str, PatternSet]) -> pd.DataFrame:
    """Return a row a pattern: what the nearest neighbour among the training materials answers."""
    shown = render(store.lines, training, POWDER, 0, "baselines")
    groups = store.spacegroup_number[training]
    frames = [
        scored(nearest(shown, groups, own.profiles, POWDER)[0], own).assign(patterns=name)
        for name, own in tests.items()
    ]
    return pd.concat(frames)


def rows(name: str, frame: pd.DataFrame, reference: pd.DataFrame | None) -> Iterator[dict]:
    """Yield a row of the table for each set of patterns: shares with intervals, and the change."""
    for patterns, own in frame.groupby("patterns", sort=False):
        row = {"training": name, "seconds": own.seconds.iloc[0], "patterns": patterns, "number": len(own)}
        for column, right in (
            ("top1", own["rank"] == 1),
            ("top5", own["rank"] <= 5),
            ("system", own.system_right),
        ):
            low, high = wilson_interval(float(right.mean()), len(own))
            row |= {column: 100 * right.mean(), f"{column}_low": 100 * low, f"{column}_high": 100 * high}
        if reference is not None:
            before = reference[reference.patterns == patterns]
            change = (own["rank"] == 1).to_numpy() * 1.0 - (before["rank"] == 1).to_numpy()
            half = 1.96 * change.std() / np.sqrt(len(change))
            row |= {"change": 100 * change.mean(), "change_half_width": 100 * half}
        yield row


def draw(table: pd.DataFrame, path: Path) -> None:
    """Draw right groups against the number of training materials."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.4, 3.4), layout="constrained")
    axes = figure.subplots()
    table[["materials", "method"]] = table.training.str.split(" ", expand=True)
    table["materials"] = table.materials.str.replace(",", "").astype(int)
    for (method, patterns), own in table.groupby(["method", "patterns"], sort=False):
        style = {"network": "o-", "nearest": "s:"}[method]
        colour = dict(zip(("simulated", "new prototypes", "measured"), COLOURS, strict=True))[patterns]
        error = (own.top1 - own.top1_low, own.top1_high - own.top1)
        axes.errorbar(
            own.materials, own.top1, error, fmt=style, color=colour, ms=3, label=f"{method}, {patterns}"
        )
    axes.set(xscale="log", xlabel="training materials", ylabel="right group first, %", ylim=(0, None))
    figure.legend(fontsize=6, frameon=False, ncols=2, loc="outside lower center")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=200)


if __name__ == "__main__":
    main()
