"""The network as Lightning trains it."""

import math

import lightning
import torch
from torch import Tensor
from torch_geometric.data import Batch

from edsym.models.gmoe.network import GMoENetwork
from edsym.seeds import stable_hash
from edsym.training.augmentation import augmented
from edsym.training.loss import joint_loss
from edsym.training.settings import TrainingSettings


class GMoEModule(lightning.LightningModule):
    """Loss, metrics, optimiser and schedule of the network."""

    def __init__(self, network: GMoENetwork, settings: TrainingSettings):
        super().__init__()
        self.network = network
        self.training_settings = settings

    def on_train_batch_start(self, batch: Batch, index: int) -> None:
        """Seed dropout by epoch and batch: a resumed training draws what it would have drawn."""
        names = ("dropout", self.training_settings.seed, self.current_epoch, index, self.global_rank)
        torch.manual_seed(stable_hash(*names) % 2**63)

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Return the loss of a training batch.

        A smaller batch weighs less in the step, so that all patterns weigh the same.
        """
        batch.x = augmented(batch.x, batch.batch, batch.num_graphs, self.training_settings.augmentation)
        return self._step(batch, "train") * (batch.num_graphs / self.training_settings.batch_size)

    def validation_step(self, batch: Batch, index: int) -> Tensor:
        """Return the loss of a validation batch."""
        return self._step(batch, "val")

    def _step(self, batch: Batch, part: str) -> Tensor:
        output = self.network(batch)
        settings = self.training_settings
        smoothing = settings.label_smoothing if part == "train" else 0.0
        loss = joint_loss(output, batch.system, batch.spacegroup, settings.balance_weight, smoothing)
        metrics = {
            f"{part}_loss": loss,
            f"{part}_system_accuracy": _accuracy(output.system, batch.system),
            f"{part}_spacegroup_accuracy": _accuracy(output.spacegroup, batch.spacegroup),
            f"{part}_balance": output.balance,
        }
        self.log_dict(metrics, on_step=False, on_epoch=True, sync_dist=True, batch_size=len(batch.system))
        return loss

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
