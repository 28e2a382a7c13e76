"""Training of the powder network: every epoch shows each material in a new pattern."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, nll_loss
from tqdm import tqdm

from edsym.files import atomic_path
from edsym.powder.features import clean
from edsym.powder.model import PowderModel, smoothed
from edsym.powder.network import class_sums, members
from edsym.powder.nuisances import draw_nuisances, draw_strains
from edsym.powder.relatives import relative_strains
from edsym.powder.render import render, render_with
from edsym.powder.settings import PowderNetworkSettings, PowderSettings
from edsym.powder.store import PowderStore
from edsym.seeds import generator, stable_hash
from edsym.symmetry import N_SPACE_GROUPS, SYSTEM_OF_GROUP
from edsym.symmetry.classes import powder_groups
from edsym.training.precision import arithmetic, compute_threads

# Weights of the losses of crystal system and space group beside that of the powder group.
_SYSTEM, _SPACE_GROUP = 0.5, 0.25
# Patterns whose inputs give mean and spread.
_MEASURED = 4096
# Epochs from one checkpoint to the next.
_CHECKPOINT = 5


def train_powder(
    store: PowderStore,
    training: np.ndarray,
    validation: np.ndarray,
    powder: PowderSettings,
    settings: PowderNetworkSettings,
    checkpoint: Path | None = None,
    progress: bool = False,
) -> PowderModel:
    """Train a network, and calibrate it on materials that it does not learn from.

    Parameters
    ----------
    store : PowderStore
        Reflections of all materials.
    training, validation : (n,) arrays of int
        Places in the store of the materials to learn from, and of those that choose the epoch and calibrate.
    powder, settings : PowderSettings, PowderNetworkSettings
        Of patterns and network.
    checkpoint : Path, optional
        A file that belongs to this training alone: it goes on from there.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    PowderModel
        On the CPU, ready to predict.
    """
    counts = np.bincount(store.spacegroup_number[training] - 1, minlength=N_SPACE_GROUPS)
    with compute_threads(settings.threads), torch.random.fork_rng():
        torch.manual_seed(stable_hash("powder", settings.seed) % 2**63)
        model = PowderModel(powder, settings, counts)
        fit = _Fit(model, store, training, validation)
        fit.run(checkpoint, progress)
        scores = model.scores(fit.shown)
    model.calibration = model.fit_calibration(scores, store.spacegroup_number[validation])
    model.record = {
        "materials": len(training),
        "validation_materials": len(validation),
        "epochs": settings.epochs,
        "best_epoch": int(np.argmin(fit.losses)),
        "validation_loss": [round(loss, 4) for loss in fit.losses],
    }
    return model


class _Fit:
    """A training: the data, the optimiser, the best weights so far, and the loss of each epoch."""

    def __init__(self, model: PowderModel, store: PowderStore, training: np.ndarray, validation: np.ndarray):
        self.model, self.store, self.training, self.validation = model, store, training, validation
        self.settings = settings = model.settings
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.network = model.network.to(self.device)
        groups = store.spacegroup_number - 1
        self.truth = torch.from_numpy(groups).to(self.device)
        kinds = (powder_groups().index, SYSTEM_OF_GROUP)
        self.classes = [
            (torch.from_numpy(index).to(self.device), members(index).to(self.device), weight)
            for index, weight in zip(kinds, (1, _SYSTEM), strict=True)
        ]
        self.prior = torch.from_numpy(np.log(smoothed(model.counts))).float().to(self.device)
        self.shown = render(store.lines, validation, model.powder, settings.seed, "validation")
        self.clean = clean(self.shown, model.powder)
        decay, rate = settings.weight_decay, settings.learning_rate
        self.optimizer = torch.optim.AdamW(self.network.parameters(), rate, weight_decay=decay, fused=True)
        # a last batch of one pattern has no spread: it is left out
        self.steps = max(len(training) // settings.batch_size, 1)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, rate, max(self.steps * settings.epochs, 2), pct_start=0.1
        )
        self.best, self.losses = None, []

    def run(self, checkpoint: Path | None, progress: bool) -> None:
        """Train all epochs, from the checkpoint on, and go back to the best."""
        if checkpoint is not None and checkpoint.exists():
            self._resume(checkpoint)
        else:
            first = self.training[:_MEASURED]
            patterns = render(self.store.lines, first, self.model.powder, self.settings.seed, "measure")
            self.network.measure(self._profiles(clean(patterns, self.model.powder)))
        epochs = range(len(self.losses), self.settings.epochs)
        bar = tqdm(epochs, "powder network", self.settings.epochs, unit="epoch", initial=epochs.start,
                   disable=not progress)  # fmt: skip
        for epoch in bar:
            torch.manual_seed(stable_hash("powder", self.settings.seed, epoch) % 2**63)
            self._train(epoch)
            loss = self._validate()
            if not self.losses or loss < min(self.losses):
                self.best = deepcopy(self.network.state_dict())
            self.losses.append(loss)
            bar.set_postfix(loss=f"{loss:.3f}", best=f"{min(self.losses):.3f}")
            if checkpoint is not None and (epoch + 1) % _CHECKPOINT == 0:
                self._keep(checkpoint)
        self.network.load_state_dict(self.best)

    def _train(self, epoch: int) -> None:
        self.network.train()
        for materials, patterns in self._batches(epoch):
            with arithmetic(self.settings.precision, self.device):
                scores = self.network(self._profiles(patterns))
            self.optimizer.zero_grad(set_to_none=True)
            self._loss(scores.float(), materials).backward()
            self.optimizer.step()
            self.schedule.step()

    def _batches(self, epoch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield materials and clean patterns of an epoch; threads make the next ones meanwhile."""
        powder, lines, seed = self.model.powder, self.store.lines_with_relatives, self.settings.seed
        rng = generator(seed, "powder", epoch)
        order = rng.permutation(self.training)
        # of each material itself or one of its relatives
        crystals = order + len(self.store) * rng.integers(1 + self.store.relatives, size=len(order))
        values = draw_nuisances(powder, len(order), rng)
        strains = draw_strains(powder, lines.system[order], rng)
        anew = self.settings.relatives_anew * (crystals >= len(self.store))
        if anew.any():
            strains += anew[:, None, None] * relative_strains(powder, lines.system[order], rng)

        def made(step: int) -> tuple[np.ndarray, np.ndarray]:
            own = slice(step * self.settings.batch_size, (step + 1) * self.settings.batch_size)
            patterns = render_with(lines, crystals[own], values[own], strains[own], powder, self.training)
            return order[own], clean(patterns, powder)

        with ThreadPoolExecutor(self.settings.threads) as pool:
            waiting: deque = deque()
            for step in range(self.steps):
                waiting.append(pool.submit(made, step))
                if len(waiting) > 2 * self.settings.threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _profiles(self, patterns: np.ndarray) -> Tensor:
        return torch.from_numpy(patterns).to(self.device)

    def _loss(self, scores: Tensor, materials: np.ndarray) -> Tensor:
        """Return the losses of powder group, system and space group together."""
        truth = self.truth[torch.from_numpy(materials).to(self.device)]
        logits = scores + self.prior
        total = _SPACE_GROUP * cross_entropy(logits, truth)
        log_p = logits.log_softmax(1)
        for index, table, weight in self.classes:
            total = total + weight * nll_loss(class_sums(log_p, table), index[truth])
        return total

    @torch.no_grad()
    def _validate(self) -> float:
        self.network.eval()
        size = self.settings.batch_size
        total = 0.0
        for start in range(0, len(self.validation), size):
            materials = self.validation[start : start + size]
            scores = self.network(self._profiles(self.clean[start : start + size]))
            total += len(materials) * float(self._loss(scores, materials))
        return total / len(self.validation)

    def _state(self) -> dict:
        return {name: getattr(self, name) for name in ("network", "optimizer", "schedule")}

    def _keep(self, path: Path) -> None:
        states = {name: part.state_dict() for name, part in self._state().items()}
        with atomic_path(path) as temporary:
            torch.save(states | {"best": self.best, "losses": self.losses}, temporary)

    def _resume(self, path: Path) -> None:
        states = torch.load(path, map_location=self.device, weights_only=True)
        for name, part in self._state().items():
            part.load_state_dict(states[name])
        self.best, self.losses = states["best"], states["losses"]
