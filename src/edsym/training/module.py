"""A network as Lightning trains it."""

import math

import lightning
import torch
from torch import Tensor
from torchmetrics import MeanMetric

from edsym.errors import TrainingError
from edsym.seeds import stable_hash
from edsym.training.augmentation import augmented
from edsym.training.loss import joint_loss
from edsym.training.ragged import Batch
from edsym.training.settings import TrainingSettings

METRICS = ("loss", "system_accuracy", "spacegroup_accuracy", "balance")


class NetworkModule(lightning.LightningModule):
    """Loss, metrics, optimiser and schedule of a network.

    Parameters
    ----------
    network : torch.nn.Module
        The network to train, from ragged batches to `edsym.training.output.Output`.
    settings : TrainingSettings
        How.
    weights : (Tensor, Tensor)
        Of training patterns of each crystal system (7,) and space group (230,).
    """

    def __init__(self, network: torch.nn.Module, settings: TrainingSettings, weights: tuple[Tensor, Tensor]):
        super().__init__()
        self.network = network
        self.register_buffer("system_weights", weights[0], persistent=False)
        self.register_buffer("spacegroup_weights", weights[1], persistent=False)
        self.training_settings = settings
        self._gradients: list[Tensor | None] = []
        # In the checkpoint, because a training may resume within an epoch.
        self.means = torch.nn.ModuleDict(
            {f"{part}_{name}": MeanMetric() for part in ("train", "val") for name in METRICS}
        )
        for mean in self.means.values():
            mean.persistent(True)

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """Keep gradients that are not applied yet: a checkpoint may come between accumulated batches."""
        checkpoint["gradients"] = [parameter.grad for parameter in self.network.parameters()]

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        """Take them back, once the training starts: before, they would be cleared."""
        self._gradients = checkpoint["gradients"]

    def on_train_start(self) -> None:
        """Go on with the gradients of the checkpoint."""
        for parameter, gradient in zip(self.network.parameters(), self._gradients, strict=False):
            parameter.grad = None if gradient is None else gradient.to(parameter.device)
        self._gradients = []

    def on_train_epoch_start(self) -> None:
        """Forget the means of the epoch before; Lightning does not call this where it resumes within one."""
        for mean in self.means.values():
            mean.reset()

    def on_train_batch_start(self, batch: Batch, index: int) -> None:
        """Seed dropout by epoch and batch: a resumed training draws what it would have drawn."""
        place = index * self.trainer.world_size + self.global_rank
        names = ("dropout", self.training_settings.seed, self.current_epoch, place)
        torch.manual_seed(stable_hash(*names) % 2**63)

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Return the loss of a training batch.

        A smaller batch weighs less in the step, so that all patterns weigh the same.
        """
        batch.x = augmented(batch.x, batch.batch, len(batch), self.training_settings.augmentation)
        return self._step(batch, "train") * (len(batch) / self.training_settings.batch_size)

    def validation_step(self, batch: Batch, index: int) -> Tensor:
        """Return the loss of a validation batch."""
        return self._step(batch, "val")

    def _step(self, batch: Batch, part: str) -> Tensor:
        output = self.network(batch)
        settings = self.training_settings
        smoothing, weights = 0.0, None
        if part == "train":
            smoothing, weights = settings.label_smoothing, (self.system_weights, self.spacegroup_weights)
        truth = (batch.system, batch.spacegroup)
        loss = joint_loss(output, *truth, settings.balance_weight, smoothing, weights)
        if not loss.isfinite():
            raise TrainingError(self._not_finite(batch, loss))
        metrics = {
            "loss": loss.detach(),
            "system_accuracy": _accuracy(output.system, batch.system),
            "spacegroup_accuracy": _accuracy(output.spacegroup, batch.spacegroup),
            "balance": output.balance.detach(),
        }
        for name, value in metrics.items():
            mean = self.means[f"{part}_{name}"]
            mean.update(value, len(batch.system))
            self.log(f"{part}_{name}", mean, on_step=False, on_epoch=True, batch_size=len(batch.system))
        return loss

    def _not_finite(self, batch: Batch, loss: Tensor) -> str:
        spots = self.trainer.datamodule.spots
        names = [
            f"{spots.material_id[spots.material[i]]} view {spots.view[i]}" for i in batch.pattern.tolist()
        ]
        return (
            f"the loss is {loss.item()} in epoch {self.current_epoch} at the batch of the patterns "
            f"{', '.join(names)}: expected a finite number; try a smaller training.learning_rate or "
            "training.gradient_clip, or training.precision 32"
        )

    def configure_optimizers(self) -> dict:
        """Return AdamW with a linear warm-up and a cosine down to zero, step by step."""
        settings = self.training_settings
        matrices = [p for p in self.network.parameters() if p.ndim > 1]
        vectors = [p for p in self.network.parameters() if p.ndim < 2]
        groups = [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, weight_decay=settings.weight_decay)
        steps = self.trainer.estimated_stepping_batches
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: rate_factor(step, steps, settings.warmup_fraction)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def rate_factor(step: int, steps: int, warmup_fraction: float) -> float:
    """Return the learning rate of a step (from 0) of `steps`, as a share of the largest one."""
    warmup = max(1, round(warmup_fraction * steps))
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, steps - warmup))))


def _accuracy(logits: Tensor, truth: Tensor) -> Tensor:
    return (logits.argmax(-1) == truth).float().mean()
