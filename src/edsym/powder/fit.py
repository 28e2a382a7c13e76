"""Training of the powder network: every epoch shows each material in a new pattern."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from pathlib import Path
from time import monotonic

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from edsym.files import atomic_path
from edsym.powder.losses import loss_of
from edsym.powder.model import PowderModel
from edsym.powder.nuisances import draw_nuisances, draw_strains, no_nuisances
from edsym.powder.relatives import relative_strains
from edsym.powder.render import render, render_with
from edsym.powder.settings import PowderSettings
from edsym.powder.store import PowderStore
from edsym.seeds import generator, stable_hash
from edsym.symmetry import N_SPACE_GROUPS
from edsym.symmetry.classes import powder_groups
from edsym.training.precision import arithmetic, compute_threads

# Patterns whose inputs give mean and spread.
_MEASURED = 4096
# Epochs, or seconds, from one checkpoint to the next.
_CHECKPOINT, _SECONDS = 5, 60.0


def train_powder(
    store: PowderStore,
    training: np.ndarray,
    validation: np.ndarray,
    powder: PowderSettings,
    settings,
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
    powder : PowderSettings
        Of the patterns.
    settings : PowderNetworkSettings, or one of the module rival_settings
        Of the network: its class tells which.
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
        self.loss = loss_of(model).to(self.device)
        self.shown = render(store.lines, validation, model.powder, settings.seed, "validation")
        self.prepared = self.network.prepare(self.shown)
        decay, rate = settings.weight_decay, settings.learning_rate
        self.optimizer = torch.optim.AdamW(self.network.parameters(), rate, weight_decay=decay, fused=True)
        # a last batch of one pattern has no spread: it is left out
        shown = min(settings.patterns_an_epoch or len(training), len(training))
        self.steps = max(shown // settings.batch_size, 1)
        # of ten steps, the first tenth would have no length
        total = max(self.steps * settings.epochs, 11)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, rate, total, pct_start=0.1)
        self.best, self.losses = None, []

    def run(self, checkpoint: Path | None, progress: bool) -> None:
        """Train all epochs, from the checkpoint on, and go back to the best."""
        if checkpoint is not None and checkpoint.exists():
            self._resume(checkpoint)
        else:
            first = self.training[:_MEASURED]
            patterns = render(self.store.lines, first, self.model.powder, self.settings.seed, "measure")
            self.network.measure(self._profiles(self.network.prepare(patterns)))
        epochs = range(len(self.losses), self.settings.epochs)
        bar = tqdm(epochs, "powder network", self.settings.epochs, unit="epoch", initial=epochs.start,
                   disable=not progress)  # fmt: skip
        due = monotonic() + _SECONDS
        for epoch in bar:
            torch.manual_seed(stable_hash("powder", self.settings.seed, epoch) % 2**63)
            self._train(epoch)
            loss = self._validate()
            if not self.losses or loss < min(self.losses):
                self.best = deepcopy(self.network.state_dict())
            self.losses.append(loss)
            bar.set_postfix(loss=f"{loss:.3f}", best=f"{min(self.losses):.3f}")
            if checkpoint is not None and ((epoch + 1) % _CHECKPOINT == 0 or monotonic() > due):
                self._keep(checkpoint)
                due = monotonic() + _SECONDS
        self.network.load_state_dict(self.best)

    def _train(self, epoch: int) -> None:
        self.network.train()
        for materials, patterns in self._batches(epoch):
            with arithmetic(self.settings.precision, self.device):
                found = self.network.outputs(self._profiles(patterns))
            self.optimizer.zero_grad(set_to_none=True)
            self._loss(found, materials).backward()
            self.optimizer.step()
            self.schedule.step()

    def _batches(self, epoch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield materials and clean patterns of an epoch; threads make the next ones meanwhile."""
        powder, lines, seed = self.model.powder, self.store.lines_with_relatives, self.settings.seed
        rng = generator(seed, "powder", epoch)
        order = self._order(epoch, rng)
        # of each material itself or one of its relatives
        crystals = order + len(self.store) * rng.integers(1 + self.store.relatives, size=len(order))
        values = draw_nuisances(powder, len(order), rng)
        strains = draw_strains(powder, lines.system[order], rng)
        anew = self.settings.relatives_anew * (crystals >= len(self.store))
        if anew.any():
            strains += anew[:, None, None] * relative_strains(powder, lines.system[order], rng)
        if epoch < self.settings.uniform_epochs:
            values, strains = no_nuisances(powder, len(order)), 0 * strains

        def made(step: int) -> tuple[np.ndarray, np.ndarray]:
            own = slice(step * self.settings.batch_size, (step + 1) * self.settings.batch_size)
            patterns = render_with(lines, crystals[own], values[own], strains[own], powder, self.training)
            return order[own], self.network.prepare(patterns)

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

    def _order(self, epoch: int, rng: np.random.Generator) -> np.ndarray:
        """Return the materials of an epoch in the order in which they are shown."""
        if epoch >= self.settings.uniform_epochs:
            return rng.permutation(self.training)[: self.settings.patterns_an_epoch]
        # all powder groups alike
        group = powder_groups().index[self.store.spacegroup_number[self.training] - 1]
        share = 1 / np.bincount(group)[group]
        count = self.settings.patterns_an_epoch or len(self.training)
        return rng.choice(self.training, min(count, len(self.training)), p=share / share.sum())

    def _loss(self, found: Tensor | tuple[Tensor, ...], materials: np.ndarray) -> Tensor:
        return self.loss(found, self.truth[torch.from_numpy(materials).to(self.device)])

    @torch.no_grad()
    def _validate(self) -> float:
        self.network.eval()
        size = self.settings.batch_size
        total = 0.0
        for start in range(0, len(self.validation), size):
            materials = self.validation[start : start + size]
            with arithmetic(self.settings.precision, self.device):
                found = self.network.outputs(self._profiles(self.prepared[start : start + size]))
            total += len(materials) * float(self._loss(found, materials))
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
