"""What watches a training: its curves, a progress bar, and the stop that a resumed one remembers."""

import time
from pathlib import Path

import lightning
import pandas as pd
from lightning.pytorch.callbacks import Callback, EarlyStopping
from tqdm import tqdm

from edsym.training.module import METRICS

COLUMNS = (
    "epoch",
    "learning_rate",
    *(f"{part}_{name}" for part in ("train", "val") for name in METRICS),
)


class Curves(Callback):
    """Metrics of every epoch; part of the checkpoint, so that a resumed training keeps them."""

    def __init__(self):
        self.rows: list[dict] = []

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Add a row."""
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items() if name in COLUMNS}
        self.rows.append({"epoch": trainer.current_epoch, "learning_rate": rate} | metrics)

    def state_dict(self) -> dict:
        """Return the rows, for the checkpoint."""
        return {"rows": self.rows}

    def load_state_dict(self, state: dict) -> None:
        """Take the rows out of a checkpoint."""
        self.rows = list(state["rows"])

    def frame(self) -> pd.DataFrame:
        """Return the curves: a row an epoch, counted from 0."""
        return pd.DataFrame(self.rows, columns=COLUMNS)


class RememberedEarlyStopping(EarlyStopping):
    """Early stopping that a training interrupted after its stop does not train beyond."""

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Stop at once if the checkpoint was the last one."""
        if self.wait_count >= self.patience:
            trainer.should_stop = True


class Survival(Callback):
    """A checkpoint within an epoch: every few minutes, and at once when the process is asked to end.

    Parameters
    ----------
    path : Path
        The checkpoint from which a training resumes.
    minutes : float
        Time from one to the next.
    """

    def __init__(self, path: Path, minutes: float):
        self.path, self.seconds = path, 60 * minutes
        self.saved = 0.0

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Start the clock, and the order of the batches where the checkpoint left it."""
        self.saved = time.monotonic()
        sampler = trainer.train_dataloader.sampler
        sampler.start = trainer.fit_loop.epoch_loop.batch_progress.current.ready % len(sampler)

    def on_train_batch_end(self, trainer: lightning.Trainer, *_) -> None:
        """Save, if it is time. After the last batch of an epoch comes its own checkpoint, with validation."""
        due = trainer.received_sigterm or time.monotonic() - self.saved > self.seconds
        # The first process decides for all.
        if trainer.strategy.broadcast(due) and not trainer.fit_loop.epoch_loop.batch_progress.is_last_batch:
            trainer.save_checkpoint(self.path)
            self.saved = time.monotonic()


class Progress(Callback):
    """A progress bar over all batches of the training, with the last epoch's validation."""

    bar: tqdm | None = None

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Open the bar, at the place of a resumed training."""
        batches = int(trainer.num_training_batches)
        self.bar = tqdm(
            total=trainer.max_epochs * batches,
            initial=trainer.current_epoch * batches
            + trainer.fit_loop.epoch_loop.batch_progress.current.completed,
            desc="training",
            unit="batch",
            disable=not trainer.is_global_zero,
        )

    def on_train_batch_end(self, *_) -> None:
        """Count a batch."""
        self.bar.update()

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Show the epoch's validation."""
        metrics = trainer.callback_metrics
        self.bar.set_postfix(
            epoch=trainer.current_epoch + 1,
            loss=f"{metrics['val_loss']:.3f}",
            system=f"{metrics['val_system_accuracy']:.3f}",
        )

    def on_train_end(self, *_) -> None:
        """Close the bar."""
        if self.bar is not None:
            self.bar.close()

    def on_exception(self, *_) -> None:
        """Close the bar of a training that failed."""
        self.on_train_end()
