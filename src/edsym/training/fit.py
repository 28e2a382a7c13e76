"""Training of a network."""

import logging
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError

import lightning
import numpy as np
import pandas as pd
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import nn

from edsym.detector.levels import LEVELS, Detector
from edsym.errors import InputError, TrainingError
from edsym.seeds import stable_hash
from edsym.spots.store import SpotLists
from edsym.training.batches import points_of
from edsym.training.callbacks import Curves, Progress, RememberedEarlyStopping, Survival
from edsym.training.data import PatternDataModule
from edsym.training.module import NetworkModule
from edsym.training.precision import compute_threads, lightning_precision
from edsym.training.settings import TrainingSettings

# Inputs are normalised to about so many training patterns, or to all if there are fewer.
_MEASURED_PATTERNS = 100_000


def train_network(
    build: Callable[[], nn.Module],
    spots: SpotLists,
    spacegroup_number: np.ndarray,
    validation: np.ndarray,
    settings: TrainingSettings,
    checkpoints: str | Path,
    detector: Detector = LEVELS["ideal"],
) -> tuple[nn.Module, pd.DataFrame]:
    """Train a network and return it with the weights of its best epoch.

    A training that was killed goes on from the last checkpoint, within an epoch too, and ends with the
    weights and curves that it would have had without a pause.

    Parameters
    ----------
    build : callable
        Returns the network with weights from torch's random numbers. It takes ragged batches, see
        `edsym.training.batches`, gives an `edsym.training.output.Output`, and has a method ``measure``, which
        normalises its inputs to spots (S, 3).
    spots : SpotLists
        The patterns of the training materials, with spots as they are.
    spacegroup_number : (P,) array of int
        Space group of each pattern.
    validation : (P,) array of bool
        Patterns that validate, and are not trained on.
    settings : TrainingSettings
        How.
    checkpoints : str or Path
        Folder of checkpoints, of this training only: it must not be that of other data or settings. Whoever
        has saved the network removes it.
    detector : Detector
        What shows these spots: anew in every epoch, and to the patterns that validate always the same.

    Returns
    -------
    network : torch.nn.Module
        The network; of several processes that train together, only the first one has the best weights.
    curves : pandas.DataFrame
        A row an epoch, counted from 0, with `edsym.training.callbacks.COLUMNS`.

    Raises
    ------
    InputError
        If a checkpoint is damaged.
    TrainingError
        If the loss is not finite, or the process is told to end.
    """
    checkpoints = Path(checkpoints)
    with compute_threads(settings.threads), _reproducible(), _quiet():
        data = PatternDataModule(spots, spacegroup_number, validation, settings, detector)
        module = NetworkModule(_initial_network(build, settings, data), settings, data.class_weights())
        best = _checkpoint(checkpoints, "best", monitor="val_loss")
        # After `best`, so that what it knows is part of the checkpoint that a training resumes from.
        last = _checkpoint(checkpoints, "last", monitor=None)
        curves = Curves()
        survival = Survival(checkpoints / "last.ckpt", settings.checkpoint_minutes)
        averaging = [EMAWeightAveraging(decay=settings.averaging, use_buffers=False)]
        callbacks = [*(averaging if settings.averaging else []), curves, best, last, survival]
        trainer = _trainer(settings, callbacks)
        # No other handler may be there: Lightning's own ends at a batch, after which a training can go on.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            trainer.fit(module, data, ckpt_path=_readable(survival.path))
        except SIGTERMException as error:
            raise TrainingError(
                f"told to end (SIGTERM): the next run goes on from {survival.path}"
            ) from error
    if trainer.is_global_zero:
        state = torch.load(best.best_model_path, map_location="cpu", weights_only=True)["state_dict"]
        module.load_state_dict(state)
    return module.network, curves.frame()


def _initial_network(
    build: Callable[[], nn.Module], settings: TrainingSettings, data: PatternDataModule
) -> nn.Module:
    """Return the network with seeded weights, normalised to the training patterns."""
    torch.manual_seed(stable_hash("weights", settings.seed) % 2**63)
    network = build()
    stride = -(-len(data.training) // _MEASURED_PATTERNS)
    network.measure(points_of(data.shown(data.training[::stride], draw=0)))
    return network


def _readable(checkpoint: Path) -> Path | None:
    """Return the checkpoint, or None if there is none yet."""
    if not checkpoint.exists():
        return None
    try:
        torch.load(checkpoint, map_location="cpu", weights_only=True)
    except (EOFError, OSError, RuntimeError, UnpicklingError) as error:
        raise InputError(
            f"{checkpoint} is damaged ({error}): without {checkpoint.parent} the training begins anew"
        ) from error
    return checkpoint


def _checkpoint(folder: Path, name: str, monitor: str | None) -> ModelCheckpoint:
    """Return a callback that keeps one checkpoint: of the best epoch or, without `monitor`, the last."""
    return ModelCheckpoint(
        folder, name, monitor=monitor, save_on_train_epoch_end=True, enable_version_counter=False
    )


def _trainer(training: TrainingSettings, callbacks: list) -> lightning.Trainer:
    on_gpu = torch.cuda.is_available()
    return lightning.Trainer(
        accelerator="gpu" if on_gpu else "cpu",
        devices=training.devices,
        num_nodes=training.nodes,
        # Experts that no spot of a batch is sent to have no gradient.
        strategy="ddp_find_unused_parameters_true" if training.devices * training.nodes > 1 else "auto",
        precision=lightning_precision(training.precision),
        max_epochs=training.epochs,
        accumulate_grad_batches=training.accumulation,
        gradient_clip_val=training.gradient_clip,
        callbacks=[RememberedEarlyStopping("val_loss", patience=training.patience), Progress(), *callbacks],
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


@contextmanager
def _reproducible() -> Iterator[None]:
    """Compute deterministically, and leave modes and random numbers as they were."""
    before = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    filled = torch.utils.deterministic.fill_uninitialized_memory
    # A debugging aid that writes all memory twice.
    torch.utils.deterministic.fill_uninitialized_memory = False
    # "warn_only": a few operations on a GPU have no deterministic form; on a CPU all have.
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with torch.random.fork_rng():
            yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        torch.utils.deterministic.fill_uninitialized_memory = filled


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning from telling what devices there are, and what else it could do."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for text in (
                ".*not have many workers.*",
                ".*Checkpoint directory.*exists.*",
                ".*dataloader is not resumable.*",  # `Survival` does it
                ".*srun.*",
            ):
                warnings.filterwarnings("ignore", text)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
