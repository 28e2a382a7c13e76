"""The opinion fusion among the models."""

from typing import ClassVar

import numpy as np
import torch
from tqdm import tqdm

from edsym.models.mvof.network import OpinionNetwork, spot_sequences
from edsym.models.mvof.opinions import fuse_views, opinion, probabilities
from edsym.models.mvof.settings import MVOFSettings
from edsym.models.torch_model import TorchModel
from edsym.spots.store import SpotLists
from edsym.symmetry import CRYSTAL_SYSTEMS, SYSTEM_OF_GROUP
from edsym.training.precision import compute_threads

# Patterns whose sequences are held at once: 4 MB.
_PATTERNS_AT_ONCE = 1024


class OpinionFusion(TorchModel):
    """MVOF-ML: opinions on the crystal system of single patterns, fused over views by Dempster's rule.

    The published method tells crystal systems alone. Space groups have here the shares that they have within
    their system in training, so that its space group is the most frequent one of the system.

    Notes
    -----
    J. Chen et al., Automated crystal system identification from electron diffraction patterns using multiview
    opinion fusion machine learning, Proc. Natl. Acad. Sci. 120, e2309240120 (2023),
    doi:10.1073/pnas.2309240120. What it leaves open is our choice: the features of a spot, the sizes of the
    layers and the training.
    """

    kind: ClassVar[str] = "mvof"
    sections: ClassVar[dict[str, type]] = {"mvof": MVOFSettings}
    together: ClassVar[bool] = True

    def build(self) -> OpinionNetwork:
        """Return an untrained network."""
        return OpinionNetwork(self.settings["mvof"])

    def predict_proba(
        self, spots: SpotLists, *, threads: int | None = None, progress: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the probabilities of all patterns, see `Model.predict_proba`."""
        return self._with_groups(self.opinions(spots, threads=threads, progress=progress))

    def predict_views(
        self, spots: SpotLists, start: np.ndarray, *, threads: int | None = None, progress: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the probabilities of sets of views, see `Model.predict_views`."""
        opinions = self.opinions(spots, threads=threads, progress=progress)
        return self._with_groups(fuse_views(opinions, start, self.settings["mvof"].uncertainty)[0])

    @torch.inference_mode()
    def opinions(self, spots: SpotLists, *, threads: int | None = None, progress: bool = False) -> np.ndarray:
        """Return the opinions on the crystal systems of patterns, (P, 8), the uncertainty last."""
        evidence = np.empty((len(spots), len(CRYSTAL_SYSTEMS)), np.float64)
        starts = range(0, len(spots), _PATTERNS_AT_ONCE)
        with compute_threads(threads):
            for start in tqdm(starts, desc="opinions", unit="chunk", disable=not progress):
                rows = np.arange(start, min(start + _PATTERNS_AT_ONCE, len(spots)))
                sequences = spot_sequences(spots.take(rows), self.settings["mvof"].spots)
                evidence[rows] = self.network(sequences).numpy()
        return opinion(evidence)

    def _with_groups(self, opinions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        p_system = probabilities(opinions)
        p_spacegroup = p_system[:, SYSTEM_OF_GROUP] * self.network.group_share.numpy()
        return p_system.astype(np.float32), p_spacegroup.astype(np.float32)
