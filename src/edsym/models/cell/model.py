"""The lattice network among the models."""

from collections.abc import Sequence
from copy import copy
from typing import ClassVar

import numpy as np
import torch

from edsym.models.cell.answers import Answers, find_answers
from edsym.models.cell.network import IS_OF_SYSTEM, CellNetwork, network_inputs
from edsym.models.cell.settings import CellSettings
from edsym.models.torch_model import TorchModel
from edsym.simulation.electrons import wavelength
from edsym.spots.store import SpotLists
from edsym.training.precision import compute_threads

# Absences are trusted less than their likelihood says: reflections are not independent. Measured in training
# materials; between 0.3 and 0.6 answers hardly change.
_TRUST = 0.4


class LatticeNetwork(TorchModel):
    """A network on the lattices that are found in one view or in several.

    Of several views, what they show of systematic absences is added to what the lattice says.
    """

    kind: ClassVar[str] = "cell"
    sections: ClassVar[dict[str, type]] = {"cell": CellSettings}
    together: ClassVar[bool] = True

    def build(self) -> CellNetwork:
        """Return an untrained network."""
        return CellNetwork(self.settings["cell"])

    def predict_proba(
        self, spots: SpotLists, *, threads: int | None = None, progress: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the probabilities of all patterns, see `Model.predict_proba`."""
        return self._predict(spots, np.arange(len(spots))[:, None], threads, progress)

    def predict_views(
        self, spots: SpotLists, start: np.ndarray, *, threads: int | None = None, progress: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the probabilities of sets of views, see `Model.predict_views`."""
        return self._predict(spots, np.split(np.arange(len(spots)), start[1:]), threads, progress)

    def at_energy(self, energy_kev: float) -> "LatticeNetwork":
        """Return the model for electrons of another energy: the Ewald sphere is another."""
        other = copy(self)
        other.settings = {"cell": self.settings["cell"].replace(energy_kev=energy_kev)}
        return other

    def _predict(
        self, spots: SpotLists, sets: Sequence[np.ndarray], threads: int | None, progress: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        electrons = wavelength(self.settings["cell"].energy_kev)
        answers = find_answers(spots, sets, electrons, processes=threads, progress=progress, absences=True)
        with compute_threads(threads):
            return self.of_answers(answers)

    @torch.inference_mode()
    def of_answers(self, answers: Answers) -> tuple[np.ndarray, np.ndarray]:
        """Return the probabilities of crystal systems (N, 7) and space groups (N, 230).

        Parameters
        ----------
        answers : Answers
            Of N patterns or sets of views, with their absences.
        """
        by_lattice = self.network(*network_inputs(answers))
        groups = (by_lattice + _TRUST * torch.from_numpy(answers.absences)).softmax(dim=1)
        return (groups @ IS_OF_SYSTEM).numpy(), groups.numpy()
