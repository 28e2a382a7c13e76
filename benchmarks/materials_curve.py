"""Accuracy of trees and of the lattice network against the number of training materials.

Test materials, spots and found lattices are those of `lattice_network.py`. Numbers of materials are nested,
by a hash of their ids, and a tenth of each validates the network. What the output has already is not
computed again.
"""

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd

matplotlib.use("Agg")
from lattice_network import LEVELS, TRAINED, of_some, scores, sides, test_sets
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from split_runs import rank

from edsym.detector.detect import as_detector, detect
from edsym.evaluation.metrics import wilson_interval
from edsym.evaluation.palette import GREEN, ORANGE
from edsym.files import atomic_path
from edsym.models.cell.fit import Examples, learn, look, sets_of_views
from edsym.models.cell.model import LatticeNetwork
from edsym.models.cell.settings import CellSettings
from edsym.models.forest.features import forest_features
from edsym.models.forest.fit import grow
from edsym.models.forest.model import Forest
from edsym.models.forest.settings import ForestSettings
from edsym.predictions.pooling import geometric_mean
from edsym.seeds import stable_hash
from edsym.spots.split import validation_patterns
from edsym.spots.store import SpotLists

TEN = 10
STEPS = 400
"""Least steps of a network: few materials are gone through more often, though not more than so many times:"""
EPOCHS = 60
_COLOURS = {"Extra trees": ORANGE, "Lattice network": GREEN}


def main() -> None:
    """Train what is missing, then write table and figure."""
    options = parsed()
    learned, groups, test, test_groups = sides(options)
    names = np.unique(learned.material_id[learned.material])
    by_chance = np.array(sorted(names, key=lambda name: stable_hash("learning curve", str(name))))
    path = options.output / "materials_curve.csv"
    done = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=["model", "materials"])
    curves = {"Extra trees": Trees, "Lattice network": Lattices}
    for title, curve in curves.items():
        sizes = [min(size, len(names)) for size in options.sizes]
        missing = [
            n for n in dict.fromkeys(sizes) if not ((done.model == title) & (done.materials == n)).any()
        ]
        ready = curve(learned, groups, test, test_groups, options) if missing else None
        for size in missing:
            chosen = np.isin(learned.material_id, by_chance[:size])
            rows = [{"model": title, "materials": size} | row for row in ready.rows(chosen)]
            done = pd.concat([*([done] if len(done) else []), pd.DataFrame(rows)], ignore_index=True)
            with atomic_path(path) as temporary:
                done.to_csv(temporary, index=False, float_format="%.2f")
            print(title, size, flush=True)
    draw(done, options.output / "materials_curve.png")
    print(markdown(done))


def parsed() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spots", type=Path, nargs="+", help="stores of spots")
    parser.add_argument("--structures", type=Path, required=True, help="their materials (Parquet)")
    parser.add_argument("--output", type=Path, required=True, help="folder of table and figure")
    parser.add_argument("--checkpoints", type=Path, required=True, help="folder of found lattices")
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 1000, 2000, 4000, 8000, 16000, 100_000])
    parser.add_argument("--set", default="{}", help="settings of the section cell as JSON")
    parser.add_argument("--forest", default='{"thresholds": "random"}', help="of the section forest")
    parser.add_argument("--test", type=int, default=1200, help="materials that are kept for the test")
    parser.add_argument("--count", type=int, default=400, help="materials of the test with sets of views")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


class Trees:
    """Trees on the forest's features of the network's patterns, as a typical detector shows them."""

    def __init__(
        self,
        learned: SpotLists,
        groups: np.ndarray,
        test: SpotLists,
        test_groups: np.ndarray,
        options: argparse.Namespace,
    ):
        self.settings, self.threads = ForestSettings(**json.loads(options.forest)), options.threads
        first = np.flatnonzero(rank(learned.material) < CellSettings(**json.loads(options.set)).patterns)
        learned, self.groups = learned.take(first), groups[first]
        self.material = learned.material
        self.X = forest_features(detect(learned, TRAINED, self.settings.seed))
        self.tests = {level: forest_features(detect(test, level)) for level in LEVELS}
        self.test_groups, self.some = test_groups, of_some(test, options.count)
        self.first = np.flatnonzero(np.diff(test.material, prepend=-1))
        self.of_material = test.material

    def rows(self, chosen: np.ndarray) -> Iterator[dict]:
        """Yield the scores of trees that learn from chosen materials (M,)."""
        mine = chosen[self.material]
        forest = Forest(forest=self.settings)
        grow(forest, self.X[mine], self.groups[mine], self.threads)
        for level, X in self.tests.items():
            answers = forest.probabilities(X[self.first])
            yield row(level, 1, *answers, self.test_groups[self.first])
            start = np.flatnonzero(np.diff(self.of_material[self.some], prepend=-1))
            summed = (geometric_mean(p, start) for p in forest.probabilities(X[self.some]))
            yield row(level, TEN, *summed, self.test_groups[self.some][start])


class Lattices:
    """The lattice network, on lattices that are found once."""

    def __init__(
        self,
        learned: SpotLists,
        groups: np.ndarray,
        test: SpotLists,
        test_groups: np.ndarray,
        options: argparse.Namespace,
    ):
        self.settings = CellSettings(**json.loads(options.set))
        validates = validation_patterns(
            learned.material, self.settings.validation_fraction, self.settings.seed
        )
        shown = as_detector(TRAINED)
        self.examples = look(learned, groups, validates, self.settings, shown, options.checkpoints)
        alone, together = sets_of_views(learned, self.settings)
        material = learned.material[[one[0] for one in (*alone, *together)]]
        self.material = np.tile(material, len(self.examples.group) // len(material))
        self.tests = {
            level: [one for one in test_sets(level, test, test_groups, options) if one.n in (1, TEN)]
            for level in LEVELS
        }

    def rows(self, chosen: np.ndarray) -> Iterator[dict]:
        """Yield the scores of a network that learns from chosen materials (M,)."""
        examples = self.examples.take(np.flatnonzero(chosen[self.material]))
        model = LatticeNetwork(cell=self.settings.replace(epochs=self._epochs(examples)))
        learn(model, examples, examples.validates)
        for level, tests in self.tests.items():
            for one in tests:
                yield row(level, one.n, *model.of_answers(one.answers), one.group)

    def _epochs(self, examples: Examples) -> int:
        needed = STEPS * self.settings.batch_size // len(examples.group)
        return max(self.settings.epochs, min(needed, EPOCHS))


def row(level: str, views: int, system: np.ndarray, group: np.ndarray, truth: np.ndarray) -> dict:
    """Return accuracies with Wilson's intervals and mean recalls, in percent."""
    found, n = scores(system, group, truth), len(truth)
    line = {"spots": level, "views": views, "tested": n}
    for target, recall in (("system", "macro"), ("spacegroup", "macro_spacegroup")):
        low, high = wilson_interval(found[target], n)
        values = {"": found[target], "_low": low, "_high": high, "_recall": found[recall]}
        line |= {f"{target}{name}": 100 * value for name, value in values.items()}
    return line


def markdown(table: pd.DataFrame) -> str:
    """Return the table: systems and space groups by number of materials."""
    table = table.sort_values("materials", kind="stable")
    table = table.assign(case=table.spots + ", " + table.views.map({1: "one pattern", TEN: "ten views"}))
    texts = []
    for target in ("system", "spacegroup"):
        cells = [
            f"{one[target]:.1f} ({one[f'{target}_low']:.1f}–{one[f'{target}_high']:.1f}); "
            f"{one[f'{target}_recall']:.1f}"
            for one in table.to_dict("records")
        ]
        pivot = table.assign(text=cells).pivot(index=["model", "materials"], columns="case", values="text")
        texts += [
            f"{target}, %",
            "",
            pivot[list(table.case.unique())].reset_index().to_markdown(index=False),
            "",
        ]
    return "\n".join(texts)


def draw(table: pd.DataFrame, path: Path) -> None:
    """Draw crystal systems and space groups against materials, of one pattern and of ten views."""
    with figure_of_targets(path, "Training materials", columns=2) as axes:
        for (model, level, views), rows in table.groupby(["model", "spots", "views"], sort=False):
            rows = rows.sort_values("materials")
            label = f"{model}, {level}, {'one pattern' if views == 1 else 'ten views'}"
            style = {"color": _COLOURS[model], "ls": "-" if level == TRAINED else ":"}
            style |= {"marker": "o" if views == 1 else "s", "capsize": 1}
            for target, ax in axes.items():
                draw_curve(ax, rows.materials, rows, target, label=label, **style)


@contextmanager
def figure_of_targets(path: Path, along: str, columns: int) -> Iterator[dict[str, Axes]]:
    """Yield the axes of crystal systems and of space groups; then write the figure, with its legend."""
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.2), sharex=True, layout="constrained")
    yield dict(zip(("system", "spacegroup"), axes, strict=True))
    for ax, title in zip(axes, ("crystal system", "space group"), strict=True):
        ax.set_xscale("log")
        ax.set_ylim(0, 100)
        ax.set_xlabel(along)
        ax.set_title(title, fontsize=9)
    axes[0].set_ylabel("Accuracy, %")
    figure.legend(*axes[0].get_legend_handles_labels(), fontsize=6, ncols=columns, loc="outside lower center")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=200)


def draw_curve(ax: Axes, x: pd.Series, rows: pd.DataFrame, target: str, **style) -> None:
    """Draw accuracies of a target with their intervals."""
    error = np.abs(rows[[f"{target}_low", f"{target}_high"]].to_numpy().T - rows[target].to_numpy())
    ax.errorbar(x, rows[target], error, ms=3, lw=1, **style)


if __name__ == "__main__":
    main()
