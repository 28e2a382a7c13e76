"""PE-AG-GMoE among the models."""

from typing import ClassVar

import numpy as np

from edsym.models.gmoe.network import GMoENetwork
from edsym.models.gmoe.settings import NetworkSettings
from edsym.models.torch_model import TorchModel
from edsym.spots.store import SpotLists
from edsym.training.precision import compute_threads
from edsym.training.predict import predict_patterns
from edsym.training.settings import TrainingSettings


class GMoE(TorchModel):
    """The point-encoder attention-graph network with a mixture of experts."""

    kind: ClassVar[str] = "gmoe"
    sections: ClassVar[dict[str, type]] = {"network": NetworkSettings, "training": TrainingSettings}

    def build(self) -> GMoENetwork:
        """Return an untrained network."""
        return GMoENetwork(self.settings["network"])

    def predict_proba(
        self, spots: SpotLists, *, threads: int | None = None, progress: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the probabilities of all patterns, see `Model.predict_proba`; on a GPU if there is one."""
        training = self.settings["training"]
        with compute_threads(threads):
            return predict_patterns(self.network, spots, training.batch_size, training.precision, progress)
