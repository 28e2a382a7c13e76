"""Networks on materials that are divided in three ways, beside the trees of `splits.py` in one table.

Runs and configuration are those of `splits.py`. Of each training material a network sees the first patterns;
what is tested are the ten views that the trees' log-sum takes. Start it again and it goes on, from the
lattices that it found as well.
"""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from split_lattices import Lattices
from split_runs import Divided, rank
from split_tables import complete, parser, summary
from splits import VARIANTS

from edsym.detector.detect import detect
from edsym.models.cell.fit import learn
from edsym.models.cell.model import LatticeNetwork
from edsym.models.registry import MODELS, make_model, validation_of
from edsym.predictions.decisions import single_decisions
from edsym.predictions.draw import draw_views
from edsym.spots.split import validation_patterns


@dataclass(frozen=True)
class Network:
    """What is trained.

    Attributes
    ----------
    title : str
        What the table calls it.
    kind : str
        Name in `edsym.models.registry.MODELS`.
    patterns : int
        Patterns of each training material that are learned from; those of the lattice network are in its
        settings.
    shuffled : bool
        Whether the labels of the training materials are dealt out anew among them.
    """

    title: str
    kind: str
    patterns: int = 0
    shuffled: bool = False


NETWORKS = {
    "lattice": Network("Lattice network", "cell"),
    "lattice-shuffled": Network("Lattice network, shuffled labels", "cell", shuffled=True),
    "mlp": Network("Perceptron", "mlp", 5),
    "mlp-shuffled": Network("Perceptron, shuffled labels", "mlp", 5, shuffled=True),
    "gmoe": Network("PE-AG-GMoE with pair spectra", "gmoe", 20),
    "gmoe-shuffled": Network("PE-AG-GMoE with pair spectra, shuffled labels", "gmoe", 6, shuffled=True),
}


def main() -> None:
    """Train and test what is missing, and write the table after each."""
    arguments = parser(__doc__, NETWORKS)
    arguments.add_argument("--checkpoints", type=Path, required=True, help="folder of found lattices")
    options = arguments.parse_args()
    titles = {name: network.title for name, network in NETWORKS.items()}
    table = complete(options, titles, lambda name, config: [seed_of(name, config)], Training(options))
    print(summary(table, VARIANTS["lattice"].title))


def seed_of(name: str, config: Mapping) -> int:
    """Return the seed of a network by the configuration."""
    return validation_of(NETWORKS[name].kind, config)[1]


def with_seed(kind: str, config: Mapping, seed: int) -> dict:
    """Return the sections of a model, with another seed where they have one."""
    sections = {name: dict(config[name]) for name in MODELS[kind].sections}
    return {name: s | ({"seed": seed} if "seed" in s else {}) for name, s in sections.items()}


class Training:
    """Trains and tests a network on a run that is divided; lattices of a run are found once."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        self._lattices: Lattices | None = None

    def __call__(self, divided: Divided, name: str, seed: int) -> Iterator[dict]:
        """Yield the scores."""
        network = NETWORKS[name]
        labels = divided.labels(seed if network.shuffled else None)
        rows = self._of_lattices if network.kind == "cell" else self._of_spots
        yield from rows(divided, network, seed, labels)

    def _of_spots(self, divided: Divided, network: Network, seed: int, labels: np.ndarray) -> Iterator[dict]:
        run, spots = divided.run, divided.run.spots
        first = np.flatnonzero(divided.learning & (rank(spots.material) < network.patterns))
        config = with_seed(network.kind, run.config, seed)
        fraction, _ = validation_of(network.kind, run.config)
        validates = validation_patterns(
            spots.material[first], fraction, seed, divided.kin[spots.material[first]]
        )
        model = make_model(network.kind, config)
        model.fit(
            spots.take(first), labels[first], validates, detector=run.detector.at(run.detector.training)
        )
        tests = np.flatnonzero(~divided.learning)
        drawn, _ = draw_views(spots.material_id[spots.material[tests]], spots.view[tests], run.evaluation)
        shown = spots.take(tests[drawn])

        def answers_at(level: str) -> tuple[np.ndarray, np.ndarray]:
            seen = detect(shown, run.detector.at(level), run.detector.seed)
            return model.predict_proba(seen, threads=self.options.threads)

        yield from divided.rows(tests[drawn], answers_at)

    def _of_lattices(
        self, divided: Divided, network: Network, seed: int, labels: np.ndarray
    ) -> Iterator[dict]:
        run = divided.run
        if self._lattices is None or self._lattices.run is not run:
            folder = self.options.checkpoints / run.orientations
            self._lattices = Lattices(run, folder, self.options.threads)
        lattices = self._lattices
        model = LatticeNetwork(cell=lattices.settings.replace(seed=seed))
        examples = lattices.examples(divided, labels)
        learn(model, examples, examples.validates)
        for level in run.detector.tests:
            for method, (patterns, answers) in lattices.tests(divided, level).items():
                told = divided.predictions(patterns, model.of_answers(answers))
                for row in divided.scores(single_decisions(told)):
                    yield {"spots": level, "method": method} | row


if __name__ == "__main__":
    main()
