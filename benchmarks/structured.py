"""What structured heads learn of each group's own features, and of the wrong rows that were released first.

A perceptron's hidden layers stand in for the published transformer, which costs a hundred times as much: the
heads, their loss and the decoder are the published ones. Each kind of rows has a training of its own.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from inputs import use_one_core
from torch import nn
from tqdm import trange

from edsym.files import atomic_path
from edsym.powder.division import divide
from edsym.powder.features import clean
from edsym.powder.losses import PublishedLoss
from edsym.powder.network import PowderNetwork
from edsym.powder.render import render
from edsym.powder.settings import PowderEvaluationSettings, PowderNetworkSettings, PowderSettings
from edsym.powder.store import PowderStore
from edsym.powder.structured import FEATURES, ROWS, decode, group_features
from edsym.seeds import generator
from edsym.symmetry.classes import powder_groups

POWDER = PowderSettings()
NETWORK = PowderNetworkSettings(dropout=0.1)
TESTED = 2000


def main() -> None:
    """Train with both kinds of rows, and print what heads and decoder find."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reflections", type=Path, required=True, help="results/powder/reflections.h5")
    parser.add_argument("--materials", type=int, default=6000)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--output", type=Path, help="write the table to this CSV file")
    options = parser.parse_args()
    use_one_core()
    torch.set_num_threads(1)
    store = PowderStore(options.reflections)
    settings = PowderEvaluationSettings(materials=options.materials)
    training, _, test = divide(store, "material", settings, NETWORK.validation_fraction)
    rows = []
    for kind in ROWS:
        start = time.process_time()
        network = trained(store, training, kind, options.epochs)
        found = tested(network, store, test[:TESTED], kind)
        rows.append({"rows": kind, "training": len(training)} | found | {"s": time.process_time() - start})
    table = pd.DataFrame(rows)
    print(table.to_string(index=False, float_format="{:.1f}".format))
    if options.output:
        with atomic_path(options.output) as temporary:
            table.to_csv(temporary, index=False)


class Structured(PowderNetwork):
    """The perceptron with the published heads: groups, and features of groups."""

    def __init__(self):
        super().__init__(POWDER, NETWORK)
        self.head = nn.Linear(NETWORK.hidden[-1], len(powder_groups().names))
        self.structured = nn.Linear(NETWORK.hidden[-1], len(FEATURES))

    def outputs(self, profiles):
        """Return logits of groups (n, 97) and of features (n, 37)."""
        hidden = self.hidden((self.inputs(profiles) - self.mean) / self.std)
        return self.head(hidden), self.structured(hidden)


def trained(store: PowderStore, training: np.ndarray, rows: str, epochs: int) -> Structured:
    """Return a network trained on new patterns of the materials in each epoch."""
    torch.manual_seed(0)
    network, loss = Structured(), PublishedLoss(rows)
    network.measure(torch.from_numpy(patterns_of(store, training[:1024], "measure")))
    optimizer = torch.optim.AdamW(network.parameters(), NETWORK.learning_rate, weight_decay=0.01, fused=True)
    steps = len(training) // NETWORK.batch_size
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, NETWORK.learning_rate, steps * epochs)
    for epoch in trange(epochs, desc=rows):
        order = generator(0, "structured", epoch).permutation(training)
        shown = patterns_of(store, order, epoch)
        for step in range(steps):
            own = slice(step * NETWORK.batch_size, (step + 1) * NETWORK.batch_size)
            truth = torch.from_numpy(store.spacegroup_number[order[own]] - 1)
            with torch.autocast("cpu", torch.bfloat16):
                found = network.outputs(torch.from_numpy(shown[own]))
            optimizer.zero_grad(set_to_none=True)
            loss(found, truth).backward()
            optimizer.step()
            schedule.step()
    return network.eval()


def patterns_of(store: PowderStore, materials: np.ndarray, name: str | int) -> np.ndarray:
    """Return a clean pattern (n, bins) of each material."""
    return clean(render(store.lines, materials, POWDER, 0, "structured", name), POWDER)


@torch.inference_mode()
def tested(network: Structured, store: PowderStore, test: np.ndarray, rows: str) -> dict[str, float]:
    """Return what is right in %: groups by their head and by the decoder, and whole rows by each feature."""
    truth = torch.from_numpy(powder_groups().index[store.spacegroup_number[test] - 1])
    groups, structured = network.outputs(torch.from_numpy(patterns_of(store, test, "test")))
    features = torch.from_numpy(group_features(rows))
    found = {}
    for name, scores in (("head", groups), ("decoder", decode(structured, features))):
        rank = (scores > scores.gather(1, truth[:, None])).sum(1)
        found |= {f"{name}_{k}": 100 * (rank < k).float().mean().item() for k in (1, 5)}
    best = (structured > 0).float()
    for part in (slice(0, 7), slice(7, 12)):
        best[:, part] = nn.functional.one_hot(structured[:, part].argmax(1), best[:, part].shape[1]).float()
    same = (best[:, None] == features).all(2)
    found["valid"] = 100 * (same.sum(1) == 1).float().mean().item()
    right = (same.sum(1) == 1) & same.gather(1, truth[:, None])[:, 0]
    return found | {"valid and right": 100 * right.float().mean().item()}


if __name__ == "__main__":
    main()
