"""Ragged batches of patterns, cut straight out of flat arrays."""

from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from edsym.seeds import generator
from edsym.spots.store import SpotLists
from edsym.symmetry import system_index
from edsym.training.ragged import Batch

# Attention is padded to the largest pattern of a batch, so patterns go with others of their size:
# each class of sizes ends this much above the one before.
_SIZE_RATIO = 1.25
# Batches of large patterns are smaller, so that memory is bounded: a batch has at most as many
# pairs of spots as a full batch of patterns of this many spots.
_FULL_BATCH_SPOTS = 96


class PatternDataset(Dataset):
    """Patterns and, where known, their classes; an item is a whole ragged batch.

    Parameters
    ----------
    spots : SpotLists
        The patterns.
    spacegroup_number : (P,) array of int, optional
        Space group of each pattern.
    """

    def __init__(self, spots: SpotLists, spacegroup_number: np.ndarray | None = None):
        self.spots = spots
        self.sizes = np.diff(spots.offset)
        self.spacegroup_number = spacegroup_number

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, patterns: np.ndarray) -> Batch:
        """Return patterns as a batch, with their classes if these are known."""
        classes = {}
        if self.spacegroup_number is not None:
            numbers = self.spacegroup_number[patterns]
            classes["system"] = torch.from_numpy(system_index(numbers).astype(np.int64))
            classes["spacegroup"] = torch.from_numpy(numbers.astype(np.int64) - 1)
        columns = spot_columns(self.spots.take(patterns))
        return Batch(**columns, pattern=torch.from_numpy(patterns), **classes)


def spot_columns(spots: SpotLists) -> dict[str, torch.Tensor]:
    """Return what a batch has of these spots."""
    owner = np.repeat(np.arange(len(spots)), np.diff(spots.offset))
    return {"x": points_of(spots), "batch": torch.from_numpy(owner), "ptr": torch.from_numpy(spots.offset)}


def points_of(spots: SpotLists) -> torch.Tensor:
    """Return the spots (S, 3) as [qx, qy, I]."""
    return torch.from_numpy(np.stack([spots.qx, spots.qy, spots.intensity], axis=1))


class BatchSampler(Sampler):
    """Batches of patterns of similar size, as arrays of indices.

    Parameters
    ----------
    patterns : (n,) array of int
        The patterns to draw from.
    sizes : (n,) array of int
        Their numbers of spots.
    batch_size : int
        Most patterns in a batch; those with very many spots come fewer at once.
    seed : int, optional
        With a seed, every epoch has its own order, which depends on nothing but seed and epoch;
        without, the order is always the same. The number of batches is always the same.
    rank, ranks : int
        Which share of the batches is this process's, and of how many.

    Attributes
    ----------
    start : int
        The next iteration leaves out so many batches: a training resumes within an epoch.
    """

    def __init__(
        self,
        patterns: np.ndarray,
        sizes: np.ndarray,
        batch_size: int,
        seed: int | None = None,
        rank: int = 0,
        ranks: int = 1,
    ):
        self.seed, self.rank, self.ranks = seed, rank, ranks
        self.epoch = 0
        self.start = 0
        size_class = np.ceil(np.log(sizes) / np.log(_SIZE_RATIO)).astype(int)
        self.classes = []
        for label in np.unique(size_class):
            members = size_class == label
            fitting = int(batch_size * (_FULL_BATCH_SPOTS / sizes[members].max()) ** 2)
            self.classes.append((patterns[members], min(batch_size, max(1, fitting))))

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch whose order is drawn next; Lightning calls this."""
        self.epoch = epoch

    def __len__(self) -> int:
        batches = sum(-(-len(members) // count) for members, count in self.classes)
        return -(-batches // self.ranks)

    def __iter__(self) -> Iterator[np.ndarray]:
        batches = self._batches()
        start, self.start = self.start, 0
        # As many batches for every process: the first ones come again where they do not divide.
        for i in range(start, len(self)):
            yield batches[(i * self.ranks + self.rank) % len(batches)]

    def _batches(self) -> list[np.ndarray]:
        shuffle = np.asarray if self.seed is None else generator(self.seed, "batches", self.epoch).permutation
        batches = []
        for members, count in self.classes:
            batches += np.split(shuffle(members), np.arange(count, len(members), count))
        return [batches[i] for i in shuffle(np.arange(len(batches)))]


def batch_loader(dataset: PatternDataset, sampler: BatchSampler) -> DataLoader:
    """Return a loader of whole batches. They are slices of arrays in memory: workers would only copy."""
    return DataLoader(dataset, sampler=sampler, batch_size=None)
