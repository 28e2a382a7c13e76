"""Training of the lattice network."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from edsym.detector.detect import detect
from edsym.detector.levels import Detector
from edsym.lattice.strain import STRAINS
from edsym.models.cell.answers import NUMBERS, Answers, find_answers, joined
from edsym.models.cell.features import SCALE
from edsym.models.cell.network import CellNetwork, network_inputs
from edsym.models.cell.settings import CellSettings
from edsym.models.torch_model import TorchModel
from edsym.seeds import generator, stable_hash
from edsym.simulation.electrons import wavelength
from edsym.spots.store import SpotLists
from edsym.symmetry import SYSTEM_OF_GROUP
from edsym.symmetry.classes import bravais_lattices, extinction_groups, laue_classes
from edsym.training.precision import compute_threads

# A lattice of a single view that is so sure stands for what several views would find, but for their errors.
_SURE = 0.9
# Strains that are drawn for a lattice of which nearly nothing is known are no larger.
_LARGEST = 0.1
_SEVERAL = NUMBERS.index("several views")


@dataclass(frozen=True)
class Examples:
    """Answers of the finder (N) with the space groups (N,) of their crystals, from 0, and who validates."""

    answers: Answers
    group: np.ndarray
    validates: np.ndarray

    def take(self, rows: np.ndarray) -> "Examples":
        """Return some of the examples."""
        return Examples(self.answers.take(rows), self.group[rows], self.validates[rows])


def fit(
    model: TorchModel,
    spots: SpotLists,
    labels: np.ndarray,
    validation: np.ndarray,
    threads: int,
    checkpoints: Path | None,
) -> None:
    """Train, see `Model.fit`; `threads` are those of the settings, on which sums depend."""
    settings = model.settings["cell"]
    learn(model, look(spots, labels, validation, settings, model.detector, checkpoints), validation)


def learn(model: TorchModel, examples: Examples, validation: np.ndarray) -> None:
    """Train the network on what the finder said; `validation` (P,) tells which patterns validated."""
    settings = model.settings["cell"]
    with compute_threads(settings.threads), torch.random.fork_rng():
        torch.manual_seed(stable_hash("cell", settings.seed) % 2**63)
        network, rows = _trained(CellNetwork(settings), examples, settings)
    model.keep(network, pd.DataFrame(rows), validation)


def look(
    spots: SpotLists,
    labels: np.ndarray,
    validation: np.ndarray,
    settings: CellSettings,
    detector: Detector,
    folder: Path | None,
) -> Examples:
    """Return what the finder says of the patterns as they are, and as the detector shows them (draw 0).

    Of each material the first patterns are looked at alone, and of some, several views together.
    """
    singles, together = sets_of_views(spots, settings)
    parts, electrons = [], wavelength(settings.energy_kev)
    shown = {"ideal": spots} | (
        {} if detector.ideal else {"detector": detect(spots, detector, settings.seed)}
    )
    for name, seen in shown.items():
        for kind, sets in (("alone", singles), ("together", together)):
            kept = None if folder is None else folder / f"{name}_{kind}"
            answers = find_answers(
                seen, sets, electrons, processes=settings.threads, progress=True, folder=kept
            )
            first = np.array([one[0] for one in sets], dtype=int)
            parts.append(Examples(answers, labels[first] - 1, validation[first]))
    return Examples(
        joined([part.answers for part in parts]),
        np.concatenate([part.group for part in parts]),
        np.concatenate([part.validates for part in parts]),
    )


def sets_of_views(
    spots: SpotLists, settings: CellSettings
) -> tuple[Sequence[np.ndarray], Sequence[np.ndarray]]:
    """Return the patterns that are looked at alone, (1,) each, and the sets that are read together."""
    order = np.lexsort((spots.view, spots.material))
    singles, together = [], []
    for mine in np.split(order, np.flatnonzero(np.diff(spots.material[order])) + 1):
        singles += list(mine[: settings.patterns, None])
        draw = generator(settings.seed, "cell", str(spots.material_id[spots.material[mine[0]]]))
        if draw.random() < settings.sets and len(mine) > 1:
            n = min(int(draw.choice(settings.set_views)), len(mine))
            together.append(np.sort(draw.choice(mine, n, replace=False)))
    return singles, together


def _trained(network: CellNetwork, examples: Examples, settings: CellSettings) -> tuple[CellNetwork, list]:
    """Return the network with the weights of its best epoch, and a row an epoch."""
    learned = examples.take(np.flatnonzero(~examples.validates))
    validation = examples.take(np.flatnonzero(examples.validates))
    inputs = network_inputs(learned.answers)
    network.measure(*inputs)
    draw = generator(settings.seed, "cell", "strains")
    optimizer = torch.optim.AdamW(
        network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
    )
    several, group = _as_of_several(learned, draw)
    per_epoch = -(-(len(learned.group) + len(group)) // settings.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, max(settings.epochs * per_epoch, 2)
    )
    loss = Loss()
    best, rows = None, []
    for epoch in tqdm(range(settings.epochs), desc="lattice network", unit="epoch"):
        network.train()
        several, group = _as_of_several(learned, draw)
        more = network_inputs(_strained(several, draw))
        lattices, numbers = (torch.cat(pair) for pair in zip(inputs, more, strict=True))
        lattices[..., SCALE] += settings.scale_error * torch.from_numpy(
            draw.standard_normal((len(lattices), 1)).astype(np.float32)
        )
        truth = torch.from_numpy(np.concatenate([learned.group, group]))
        for batch in torch.from_numpy(draw.permutation(len(truth))).split(settings.batch_size):
            optimizer.zero_grad()
            loss(network(lattices[batch], numbers[batch]), truth[batch]).backward()
            optimizer.step()
            schedule.step()
        value = _validated(network, validation, loss)
        if not rows or value < min(row["val_loss"] for row in rows):
            best = deepcopy(network.state_dict())
        rows.append({"epoch": epoch, "val_loss": value})
    network.load_state_dict(best)
    return network, rows


class Loss:
    """Mean negative log likelihood of the true class, summed over levels from crystal system to space group.

    The levels' probabilities are sums of those of space groups, so that each is learned at every level that
    patterns may tell.
    """

    def __init__(self):
        levels = [
            SYSTEM_OF_GROUP,
            *(kind().index for kind in (laue_classes, bravais_lattices, extinction_groups)),
        ]
        self.index = [torch.from_numpy(np.asarray(level, dtype=np.int64)) for level in levels]

    def __call__(self, log_group: Tensor, group: Tensor) -> Tensor:
        """Return the loss of log probabilities (N, 230) at the true groups (N,), counted from 0."""
        rows = torch.arange(len(group))
        total = -log_group[rows, group].mean()
        for index in self.index:
            same = index[None] == index[group][:, None]
            total = total - log_group.masked_fill(~same, -torch.inf).logsumexp(dim=1).mean()
        return total / (1 + len(self.index))


@torch.no_grad()
def _validated(network: CellNetwork, validation: Examples, loss: Loss) -> float:
    """Return the mean of the losses on single patterns and on views read together."""
    network.eval()
    several = validation.answers.numbers[:, _SEVERAL] > 0
    values = []
    for part in (np.flatnonzero(~several), np.flatnonzero(several)):
        if len(part):
            some = validation.take(part)
            values.append(float(loss(network(*network_inputs(some.answers)), torch.from_numpy(some.group))))
    return float(np.mean(values))


def _as_of_several(examples: Examples, draw: np.random.Generator) -> tuple[Answers, np.ndarray]:
    """Return more answers as of several views, and their groups: sets are dear, and single views are not.

    A lattice that is sure by one view is given the probability, the uncertainty and the numbers of a set of
    views, drawn anew: `_strained` makes its errors those of the set.
    """
    several = examples.answers.numbers[:, _SEVERAL] > 0
    bank = np.flatnonzero(several & (examples.answers.chance[:, 0] > 0))
    sure = np.flatnonzero(~several & (examples.answers.chance[:, 0] > _SURE))
    if not len(bank):
        sure = sure[:0]
    like = examples.answers.take(bank[draw.integers(max(len(bank), 1), size=len(sure))])
    direct = np.tile(np.eye(3), (len(sure), like.chance.shape[1], 1, 1))
    direct[:, 0] = examples.answers.direct[sure, 0]
    return replace(like, direct=direct), examples.group[sure]


def _strained(answers: Answers, draw: np.random.Generator) -> Answers:
    """Return answers whose first lattices are strained as much as they are uncertain."""
    size = answers.strain * draw.standard_normal(answers.strain.shape)
    strain = np.eye(3) + np.tensordot(size.clip(-_LARGEST, _LARGEST), STRAINS, 1)
    direct = answers.direct.copy()
    direct[:, 0] = direct[:, 0] @ strain
    return replace(answers, direct=direct)
