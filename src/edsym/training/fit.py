"""Training, from files to files."""

import logging
import shutil
import signal
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError

import lightning
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.utilities.exceptions import SIGTERMException

from edsym.errors import InputError, TrainingError
from edsym.models.gmoe.network import GMoENetwork
from edsym.models.gmoe.settings import NetworkSettings
from edsym.models.gmoe.store import save_network
from edsym.seeds import stable_hash
from edsym.spots.split import labelled_patterns
from edsym.training.callbacks import Curves, Progress, RememberedEarlyStopping, Survival
from edsym.training.data import PatternDataModule
from edsym.training.module import GMoEModule
from edsym.training.precision import lightning_precision
from edsym.training.settings import TrainingSettings

# Inputs are normalised to about so many training patterns, or to all if there are fewer.
_MEASURED_PATTERNS = 100_000


def train_network(
    spots_paths: Iterable[str | Path],
    split_path: str | Path,
    output_dir: str | Path,
    checkpoint_dir: str | Path,
    network: NetworkSettings,
    training: TrainingSettings,
) -> None:
    """Train the network on the training materials and save the weights of its best epoch.

    A training that was killed goes on from the last checkpoint in `checkpoint_dir`, within an epoch too, and
    ends with the weights and curves that it would have had without a pause.

    Parameters
    ----------
    spots_paths : iterable of str or Path
        All shards of spot lists.
    split_path : str or Path
        The split.
    output_dir : str or Path
        Where weights.safetensors, model.json and curves.csv go.
    checkpoint_dir : str or Path
        Where checkpoints live while it runs. Of this training only: it must not be that of other
        data or settings. It is removed at the end.
    network : NetworkSettings
        The network's sizes.
    training : TrainingSettings
        How it is trained.

    Raises
    ------
    InputError
        If an input or a checkpoint is unreadable or the training materials have no pattern.
    TrainingError
        If the loss is not finite, or the process is told to end.
    """
    spots, groups = labelled_patterns(spots_paths, split_path, "train")
    checkpoint_dir, output_dir = Path(checkpoint_dir), Path(output_dir)
    with compute_threads(training.threads), _reproducible(), _quiet():
        data = PatternDataModule(spots, groups, training)
        module = GMoEModule(_initial_network(network, training, data), training, data.class_weights())
        best = _checkpoint(checkpoint_dir, "best", monitor="val_loss")
        # After `best`, so that what it knows is part of the checkpoint that a training resumes from.
        last = _checkpoint(checkpoint_dir, "last", monitor=None)
        curves = Curves()
        survival = Survival(checkpoint_dir / "last.ckpt", training.checkpoint_minutes)
        averaging = [EMAWeightAveraging(decay=training.averaging, use_buffers=False)]
        callbacks = [*(averaging if training.averaging else []), curves, best, last, survival]
        trainer = _trainer(training, callbacks)
        # No other handler may be there: Lightning's own ends at a batch, after which a training can go on.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            trainer.fit(module, data, ckpt_path=_readable(survival.path))
        except SIGTERMException as error:
            raise TrainingError(
                f"told to end (SIGTERM): the next run goes on from {survival.path}"
            ) from error
    if not trainer.is_global_zero:
        return
    state = torch.load(best.best_model_path, map_location="cpu", weights_only=True)["state_dict"]
    module.load_state_dict(state)
    save_network(module.network, output_dir, _summary(training, data, curves))
    curves.write(output_dir / "curves.csv")
    shutil.rmtree(checkpoint_dir)


def _initial_network(
    network: NetworkSettings, training: TrainingSettings, data: PatternDataModule
) -> GMoENetwork:
    """Return the network with seeded weights, normalised to the training patterns."""
    torch.manual_seed(stable_hash("weights", training.seed) % 2**63)
    model = GMoENetwork(network)
    stride = -(-len(data.training) // _MEASURED_PATTERNS)
    model.encoder.measure(data.dataset.points_of(data.training[::stride]))
    return model


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


def _summary(training: TrainingSettings, data: PatternDataModule, curves: Curves) -> dict:
    """Return how the network was trained, for its model.json."""
    best = min(curves.rows, key=lambda row: row["val_loss"])
    return {
        "settings": training.model_dump(),
        "training_patterns": len(data.training),
        "validation_patterns": len(data.validation),
        "epochs": len(curves.rows),
        "best_epoch": best["epoch"],
    }


@contextmanager
def compute_threads(count: int) -> Iterator[None]:
    """Compute with this many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


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
