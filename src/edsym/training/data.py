"""The patterns of a training as Lightning takes them."""

from dataclasses import replace

import lightning
import numpy as np
import torch
from torch.utils.data import DataLoader

from edsym.detector.detect import detect
from edsym.detector.levels import LEVELS, Detector
from edsym.spots.store import SpotLists
from edsym.symmetry import CRYSTAL_SYSTEMS, N_SPACE_GROUPS, system_index
from edsym.training.batches import BatchSampler, PatternDataset, batch_loader, spot_columns
from edsym.training.loss import class_weights
from edsym.training.ragged import Batch
from edsym.training.settings import TrainingSettings


class PatternDataModule(lightning.LightningDataModule):
    """Patterns for training and patterns for validation.

    Parameters
    ----------
    spots : SpotLists
        The patterns of the training materials.
    spacegroup_number : (P,) array of int
        Space group of each pattern.
    validation : (P,) array of bool
        Patterns that validate, and are not trained on.
    settings : TrainingSettings
        Batch size, balance of classes, seed.
    detector : Detector
        What shows the spots of batches.
    """

    def __init__(
        self,
        spots: SpotLists,
        spacegroup_number: np.ndarray,
        validation: np.ndarray,
        settings: TrainingSettings,
        detector: Detector = LEVELS["ideal"],
    ):
        super().__init__()
        self.spots, self.detector = spots, detector
        self.dataset = PatternDataset(spots, spacegroup_number)
        self.settings = settings
        self.training, self.validation = np.flatnonzero(~validation), np.flatnonzero(validation)

    def class_weights(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the weights of training patterns by crystal system (7,) and space group (230,)."""
        numbers, power = self.dataset.spacegroup_number[self.training], self.settings.class_balance
        systems = class_weights(system_index(numbers), len(CRYSTAL_SYSTEMS), power)
        return systems, class_weights(numbers - 1, N_SPACE_GROUPS, power)

    def shown(self, patterns: np.ndarray, draw: int) -> SpotLists:
        """Return what a draw of the detector shows of patterns."""
        return detect(self.spots.take(patterns), self.detector, self.settings.seed, draw)

    def on_before_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Replace the spots of a batch by those that the detector shows.

        Every epoch of training has a draw of its own, from 1; validation is always draw 0. Patterns go
        together by their sizes as they are, so that the number of batches is always the same.
        """
        draw = self.trainer.current_epoch + 1 if self.trainer.training else 0
        if self.detector.ideal:
            return batch
        return replace(batch, **spot_columns(self.shown(batch.pattern.numpy(), draw)))

    def train_dataloader(self) -> DataLoader:
        """Return the loader of training batches, in an order of its own every epoch."""
        return self._loader(self.training, self.settings.seed)

    def val_dataloader(self) -> DataLoader:
        """Return the loader of validation batches."""
        return self._loader(self.validation, None)

    def _loader(self, patterns: np.ndarray, seed: int | None) -> DataLoader:
        share = (self.trainer.global_rank, self.trainer.world_size)
        sizes = self.dataset.sizes[patterns]
        sampler = BatchSampler(patterns, sizes, self.settings.batch_size, seed, *share)
        return batch_loader(self.dataset, sampler)
